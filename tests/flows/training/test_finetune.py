"""The fine-tune stage over a tiny model: under the real launcher with two ranks, kept, recorded, taken over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import flows.finetune as stage
from flows.finetune import adopt_adapter, finetune, plan_training, tidy_training
from flows.training.lines import Trained
from flows.training.spec import Recipe
from flows.training.step_line import StepLine
from infra.contracts.adapter import Adapter
from infra.errors import CheckFailed, StoreError
from policies.gates.adapter import AdapterMeasurements


def test_an_adapter_is_trained_kept_recorded_and_taken_over(bench) -> None:
    shop, steps = bench.shop, list[StepLine]()
    pipeline = bench.make_pipeline(ranks=2, zero_stage=2, epochs=2.0)
    planned = plan_training(pipeline, bench.snapshot, shop)
    adapter = finetune(planned, bench.snapshot, shop, steps.append)

    assert adapter.snapshot == bench.snapshot.digest
    assert adapter.base_model == bench.base.digest
    recipe = Recipe.from_json(shop.blobs.get(adapter.recipe))
    assert recipe == planned and recipe.training == pipeline.training
    assert any(library.startswith("deepspeed ") for library in recipe.libraries)
    assert Adapter.from_json(shop.blobs.get(adapter.digest)) == adapter
    assert {file.name for file in adapter.files} == {"adapter_model.safetensors", "adapter_config.json"}
    config = json.loads(shop.blobs.get(next(file.digest for file in adapter.files if file.name.endswith(".json"))))
    assert (config["r"], config["lora_alpha"]) == (4, 8)
    assert config["target_modules"] == sorted(config["target_modules"])
    assert str(bench.home.root) not in json.dumps(config)

    assert [step.step for step in steps] == list(range(1, 13))
    assert adapter.figures.steps == 12
    assert adapter.figures.tokens == steps[-1].tokens
    assert float(adapter.figures.last_loss) < float(adapter.figures.first_loss)
    curve = [json.loads(line) for line in shop.blobs.get(adapter.figures.loss_curve).splitlines()]
    assert [row["loss"] for row in curve] == [step.loss for step in steps]
    assert (adapter.sanity.tensors, adapter.sanity.zero_tensors) == (28, 0)

    entry = shop.ledger.get(f"{shop.run_id}/finetune")
    assert entry is not None
    assert entry.event.produced == adapter.digest
    tidy_training(planned, shop)
    assert not [*bench.home.runs.rglob("step-*"), *bench.home.runs.rglob("adapter")]

    other = bench.snapshot.model_copy(update={"rows_in": 1_000})
    taken = adopt_adapter(adapter, other, shop)
    assert taken.snapshot == other.digest and taken.files == adapter.files
    shop.blobs.path(adapter.files[0].digest).unlink()
    with pytest.raises(StoreError, match="missing"):
        adopt_adapter(adapter, bench.snapshot, shop)


def test_what_a_snapshot_holds_beside_the_training_rows_changes_no_recipe(bench) -> None:
    pipeline = bench.make_pipeline()
    recipe = plan_training(pipeline, bench.snapshot, bench.shop)
    other = bench.snapshot.model_copy(update={"rows_in": 1_000})
    assert plan_training(pipeline, other, bench.shop) == recipe
    assert plan_training(bench.make_pipeline(seed=9), bench.snapshot, bench.shop) != recipe


def test_an_unsound_adapter_is_not_kept(bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The training process is replaced by one that hands on an adapter of zeros, as a broken export would."""
    measured = AdapterMeasurements(
        tensors=28,
        zero=("a",) * 28,
        not_finite=(),
        missing=(),
        unexpected=(),
        misshapen=(),
        precision="fp32",
        largest_logit="9.0",
        reload_difference="3.0",
        base_difference="0.0",
    )

    def hands_on_zeros(job: object, log: Path, follow: object) -> Trained:
        return Trained(
            folder="nowhere", steps=1, tokens=9, label_tokens=3, epochs="1.0", seconds="1.0", measured=measured
        )

    monkeypatch.setattr(stage, "run_training", hands_on_zeros)
    with pytest.raises(CheckFailed, match="28 tensors hold nothing but zeros"):
        finetune(plan_training(bench.make_pipeline(), bench.snapshot, bench.shop), bench.snapshot, bench.shop)
    assert bench.shop.ledger.get(f"{bench.shop.run_id}/finetune") is None
