"""A tiny Llama with random weights, the real kind of tokenizer, a snapshot of made-up rows, and a shop around them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from flows.pipeline import FileData, Pipeline, TrainingSpec
from flows.progress import Silent
from flows.steps.record_stage import record_stage
from flows.training.spec import Job, recipe_of
from flows.workshop import Workshop
from infra.base_model import SMOLLM2, BaseFile, BaseManifest, BaseModel, open_base_model
from infra.contracts.dataset import DatasetSnapshot, SourceFile
from infra.contracts.ids import new_id
from infra.contracts.model_version import PromptSpec
from infra.contracts.row import SnapshotRow
from infra.digest import sha256, sha256_file
from infra.home import Home, write_atomic
from infra.settings import read_settings

_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_WORDS = ["where", "is", "my", "card", "it", "was", "lost", "and", "I", "want", "a", "refund", "for", "the", "parcel"]
_ANSWERS = ("card_lost", "refund", "late_parcel")


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base model's folder: two layers of 32 wide, bytes as tokens. Made in a second, and as real to the trainer."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("tiny-base")
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: number for number, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|im_end|>"}), encoding="utf-8")
    (folder / "chat_template.jinja").write_text(_TEMPLATE, encoding="utf-8")
    torch.manual_seed(5)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        initializer_range=0.3,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    files = tuple(
        BaseFile(name=path.name, digest=sha256_file(path), size_bytes=path.stat().st_size)
        for path in sorted(folder.iterdir())
    )
    write_atomic(folder / "manifest.json", BaseManifest(name=SMOLLM2, source="random", files=files).to_json())
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
