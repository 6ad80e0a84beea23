"""A training as one rank lives it: stages and precisions, going on after a crash bit by bit, the final check."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from flows.training.checkpoint import last_checkpoint
from flows.training.export import CONFIG, WEIGHTS, measure_adapter
from flows.training.lines import Line, Said, Stepped, Trained
from flows.training.session import train
from flows.training.spec import Job
from infra.errors import CheckFailed
from policies.gates.adapter import adapter_faults


@pytest.fixture(autouse=True)
def as_the_launcher_starts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")


class Crash(Exception):
    """A process that dies."""


@dataclass
class Ear:
    """Hears the lines of a training; dies when it hears of step `dies_at`."""

    dies_at: int = 0
    lines: list[Line] = field(default_factory=list)

    def hear(self, line: Line) -> None:
        self.lines.append(line)
        if isinstance(line, Stepped) and line.line.step == self.dies_at:
            raise Crash

    @property
    def losses(self) -> list[float]:
        return [line.line.loss for line in self.lines if isinstance(line, Stepped)]

    @property
    def trained(self) -> Trained:
        last = self.lines[-1]
        assert isinstance(last, Trained)
        return last


def run(job: Job) -> Ear:
    ear = Ear()
    train(job, 0, ear.hear)
    return ear


def files(job: Job) -> tuple[bytes, bytes]:
    folder = Path(job.folder) / "adapter"
    return (folder / WEIGHTS).read_bytes(), (folder / CONFIG).read_bytes()


@pytest.mark.parametrize(("stage", "precision"), [(0, "fp32"), (1, "fp32"), (2, "fp32"), (3, "fp32"), (1, "bf16")])
def test_it_learns_and_leaves_a_sound_adapter(bench, stage: int, precision: str) -> None:
    ear = run(bench.job(zero_stage=stage, precision=precision, epochs=2.0))
    assert len(ear.losses) == 12
    assert sum(ear.losses[-3:]) < 0.8 * sum(ear.losses[:3])
    assert adapter_faults(ear.trained.measured) == ()
    assert ear.trained.measured.tensors == 28
    assert ear.trained.measured.precision == precision


@pytest.mark.parametrize("stage", [0, 1, 3])
def test_a_crash_changes_no_bit_of_the_adapter(bench, stage: int) -> None:
    more = {"zero_stage": stage, "checkpoint_every_steps": 2, "epochs": 1.0}
    straight, broken = bench.job(**more), bench.job(**more)
    whole = run(straight)
    with pytest.raises(Crash):
        train(broken, 0, Ear(dies_at=5).hear)
    went_on = run(broken)
    assert any("goes on after step 4" in line.sentence for line in went_on.lines if isinstance(line, Said))
    assert went_on.losses == whole.losses[4:]
    assert files(broken) == files(straight)
    assert went_on.trained.tokens == whole.trained.tokens
    assert went_on.trained.label_tokens == whole.trained.label_tokens


def test_a_damaged_checkpoint_and_one_of_another_recipe_are_passed_over(bench) -> None:
    job = bench.job(checkpoint_every_steps=1, epochs=1.0)
    with pytest.raises(Crash):
        train(job, 0, Ear(dies_at=5).hear)
    folder, recipe = Path(job.folder), job.recipe.digest
    assert [path.name for path in sorted(folder.glob("step-*"))] == ["step-00000003", "step-00000004"]
    damaged = folder / "step-00000004" / "tensors.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    found = last_checkpoint(folder, recipe)
    assert found is not None
    assert found.state.step == 3
    (folder / "step-00000003" / "state.json").write_text("{", encoding="utf-8")
    assert last_checkpoint(folder, recipe) is None
    assert last_checkpoint(folder, bench.job(seed=2).recipe.digest) is None


def test_a_loss_that_is_no_number_stops_the_training(bench) -> None:
    with pytest.raises(CheckFailed, match="the loss is not a number at step"):
        run(bench.job(learning_rate=0.99, alpha=2**50, epochs=3.0, zero_stage=0))


@pytest.mark.parametrize("planted", ["zero", "empty", "half as strong", "not finite"])
def test_a_planted_bad_adapter_is_caught(bench, planted: str) -> None:
    """The check looks at the files alone, so a planted file is what a broken export would be."""
    from flows.training.batches import pack
    from flows.training.session import _read_rows

    job = bench.job(epochs=1.0)
    run(job)
    adapter = Path(job.folder) / "adapter"
    tensors = load_file(adapter / WEIGHTS)
    rows = _read_rows(job)
    batches = [pack(rows.prefix, rows.rows[:4])]
    spec = job.recipe.training
    measure = {"base_folder": bench.base.folder, "spec": spec, "precision": "fp32", "batches": batches}
    from flows.training import export

    trained, _ = export._reloaded_logits(adapter, bench.base.folder, "fp32", batches)
    assert adapter_faults(measure_adapter(adapter, trained_logits=trained, **measure)) == ()
    bad = {
        "zero": {name: tensor * 0 for name, tensor in tensors.items()},
        "empty": {},
        "half as strong": {name: tensor / (2 if "lora_B" in name else 1) for name, tensor in tensors.items()},
        "not finite": {name: tensor * math.nan for name, tensor in tensors.items()},
    }[planted]
    save_file(bad, adapter / WEIGHTS, metadata={"format": "pt"})
    assert adapter_faults(measure_adapter(adapter, trained_logits=trained, **measure))
