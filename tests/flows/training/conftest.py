"""A tiny Llama with random weights, the real kind of tokenizer, a snapshot of made-up rows, and a shop around them."""

from __future__ import annotations

import random
import runpy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from flows.pipeline import FileData, Pipeline, TrainingSpec
from flows.progress import Silent
from flows.steps.record_stage import record_stage
from flows.training.spec import Job, recipe_of
from flows.workshop import Workshop
from infra.base_model import SMOLLM2, BaseModel, open_base_model
from infra.contracts.dataset import DatasetSnapshot, SourceFile
from infra.contracts.ids import new_id
from infra.contracts.model_version import PromptSpec
from infra.contracts.row import SnapshotRow
from infra.digest import sha256
from infra.home import Home
from infra.settings import read_settings

_WORDS = ["where", "is", "my", "card", "it", "was", "lost", "and", "I", "want", "a", "refund", "for", "the", "parcel"]
_ANSWERS = ("card_lost", "refund", "late_parcel")


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base model's folder (tests/tiny_base.py)."""
    folder = tmp_path_factory.mktemp("tiny-base")
    runpy.run_path(str(Path(__file__).parents[2] / "tiny_base.py"))["write_tiny_base"](folder)
    return folder


@dataclass(frozen=True)
class Bench:
    """Everything that a training needs."""

    shop: Workshop
    snapshot: DatasetSnapshot
    base: BaseModel
    make_pipeline: Callable[..., Pipeline]

    @property
    def home(self) -> Home:
        return self.shop.settings.home

    def job(self, **training: object) -> Job:
        """A job in a folder of its own, as the stage makes it."""
        folder = self.home.folder(self.home.runs / new_id("training"))
        pipeline = self.make_pipeline(**training)
        return Job(
            recipe=recipe_of(pipeline, self.snapshot, self.base.digest),
            snapshot=self.snapshot.digest,
            home=str(self.home.root),
            base_folder=str(self.base.folder),
            folder=str(folder),
            telemetry=self.shop.settings.telemetry,
            mlflow_url="",
            traceparent="",
        )


@pytest.fixture
def bench(home: Home, tiny_base: Path) -> Bench:
    (home.folder(home.models) / SMOLLM2).symlink_to(tiny_base)
    settings = replace(read_settings({"SLUICE_HOME": str(home.root)}), home=home)
    shop = Workshop.open(settings, run_id=new_id("run"), progress=Silent(), mlflow_url="")

    def make_pipeline(**training: object) -> Pipeline:
        fields = {"rank": 4, "alpha": 8, "batch_rows": 4, "epochs": 1.0, "warmup_steps": 2, "precision": "fp32"}
        return Pipeline(
            name="made-up",
            description="Made-up rows.",
            data=FileData(kind="files", train="none.csv", expectations="none"),
            prompt=PromptSpec(system="Sort it.", answer_format="text", max_new_tokens=8),
            training=TrainingSpec.model_validate({**fields, "learning_rate": 0.02, **training}),
            gate="none",
            guardrails="none",
            access="none",
        )

    return Bench(shop, _snapshot(shop, 24), open_base_model(home), make_pipeline)


def made_up_rows(count: int) -> list[SnapshotRow]:
    """Rows of several lengths, some of the same."""
    chance = random.Random(3)
    return [
        SnapshotRow(
            row_id=f"row-{number}",
            split="train" if number < count else "test",
            subject=f"row-{number}",
            language="en",
            text=" ".join(chance.choices(_WORDS, k=chance.randint(2, 6))),
            answer=_ANSWERS[number % 3],
            label="",
            salt=f"{number:032x}",
        )
        for number in range(count + 2)
    ]


def _snapshot(shop: Workshop, count: int) -> DatasetSnapshot:
    with shop.datasets.writer("made-up") as writer:
        for row in made_up_rows(count):
            writer.add(row)
        splits = writer.publish()
    snapshot = DatasetSnapshot(
        pipeline="made-up",
        sources=(SourceFile(role="generated", digest=sha256(b"made up"), rows=count + 2),),
        expectations=sha256(b"none"),
        redaction_policy=sha256(b"none"),
        splits=splits,
        rows_in=count + 2,
        quarantined=(),
        duplicates_exact=0,
        duplicates_near=0,
        leaked=0,
        leakage_measure="none",
        redacted=(),
    )
    shop.blobs.put(snapshot.to_json())
    record_stage(shop, "made-up", "dataset", snapshot.digest)
    return snapshot
