"""One training from the opened rows to the measured adapter, as one rank lives it. Imported by the worker only."""

from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from flows.training.batches import PackedBatch, TrainingRows, encode_rows, pack
from flows.training.checkpoint import Checkpoint, CheckpointState, last_checkpoint, save_checkpoint
from flows.training.curve import write_curve
from flows.training.export import export_adapter, measure_adapter
from flows.training.lines import Line, Said, Stepped, Trained
from flows.training.objectives import AnswerLoss
from flows.training.precision import Precision, faster_precision, set_threads
from flows.training.schedule import StepPlan, learning_rate, plan_steps
from flows.training.spec import Job
from flows.training.step_line import StepLine
from flows.training.trainer import Trainer, build_model, put_weights
from infra.chat_template import ChatTemplate
from infra.contracts.dataset import DatasetSnapshot
from infra.digest import sha256
from infra.errors import CheckFailed
from infra.home import Home
from infra.ledger.vault import Vault
from infra.stores.blobs import Blobs
from infra.stores.datasets import Datasets
from infra.telemetry import span
from policies.gates.adapter import AdapterMeasurements

Say = Callable[[Line], None]

_SPEED_STEPS = 20
"""Speed and the time left are those of the last so many steps."""
_CHECK_BATCHES, _CHECK_ROWS = 2, 4
"""Rows whose logits are compared in the sanity check."""


def train(job: Job, rank: int, say: Say) -> None:
    """Trains, or goes on where the last checkpoint of the same recipe stands; ends with a `Trained` line.

    Raises SluiceError: rows that cannot be read or used, a loss that is no number, a disk that is full.
    """
    spec = job.recipe.training
    threads = set_threads(spec.ranks)
    with span("sluice.training.rows"):
        rows = _read_rows(job)
    if rows.too_long:
        say(Said(sentence=f"Training: {rows.too_long} rows of over {spec.max_row_tokens} tokens were left out"))
    plan = plan_steps(
        rows.lengths,
        prefix_tokens=len(rows.prefix),
        epochs=spec.epochs,
        batch_rows=spec.batch_rows,
        ranks=spec.ranks,
        max_tokens=spec.max_tokens,
        seed=spec.seed,
    )
    device = _join(job, rank)
    found = last_checkpoint(Path(job.folder), job.recipe.digest)
    precision = _precision(job, found, device)
    with span("sluice.training.model"):
        trainer = _start(job, precision, found, plan, rows, rank)
    place = "GPU" if trainer.device.type == "cuda" else f"CPU, {threads} threads a rank"
    begun = f"goes on after step {found.state.step}" if found else f"{len(rows.rows):,} rows"
    say(Said(sentence=f"Training: {begun}, {len(plan.steps)} steps, {precision} on {place}, ZeRO-{spec.zero_stage}"))
    run = _Run(job, rank, say, rows, plan, trainer, precision)
    if found:
        run.tally = _Tally(list(found.state.curve), found.state.label_tokens, found.state.seconds)
    with span("sluice.training.steps", {"sluice.steps": len(plan.steps)}):
        for step in range(found.state.step if found else 0, len(plan.steps)):
            run.step(step)
    with span("sluice.training.export"):
        run.finish()


def _read_rows(job: Job) -> TrainingRows:
    home = Home(Path(job.home), ledger_key_command=os.environ.get("SLUICE_LEDGER_KEY_COMMAND", ""))
    blobs = Blobs(home.blobs)
    snapshot = DatasetSnapshot.from_json(blobs.get(job.snapshot))
    rows = Datasets(home, blobs, Vault.open(home)).rows(snapshot, "train")
    template = ChatTemplate.load(Path(job.base_folder))
    return encode_rows(rows, template, system=job.recipe.system, max_row_tokens=job.recipe.training.max_row_tokens)


def _join(job: Job, rank: int) -> torch.device:
    """Meets the other ranks through a file in the working folder: no port is opened for it."""
    import deepspeed.ops
    from deepspeed import init_distributed
    from deepspeed.accelerator import get_accelerator

    # Else it would compile C++ at the first start, minutes on a busy machine, for ranks that share memory.
    deepspeed.ops.__compatible_ops__ = {}

    init_distributed(
        init_method=f"file://{job.folder}/rendezvous",
        rank=rank,
        world_size=job.recipe.training.ranks,
        auto_mpi_discovery=False,
        verbose=False,
    )
    accelerator = get_accelerator()
    return torch.device(accelerator.device_name() if accelerator.device_name() == "cpu" else f"cuda:{rank}")


def _precision(job: Job, found: Checkpoint | None, device: torch.device) -> Precision:
    """A checkpoint's own, the recipe's, or the faster one as the first rank measures it."""
    asked = job.recipe.training.precision
    if found is not None:
        return found.state.precision
    if asked != "auto":
        return asked
    choice = torch.tensor([faster_precision(device) == "bf16"], dtype=torch.int32, device=device)
    torch.distributed.broadcast(choice, 0)
    return "bf16" if int(choice) else "fp32"


def _start(
    job: Job, precision: Precision, found: Checkpoint | None, plan: StepPlan, rows: TrainingRows, rank: int
) -> Trainer:
    spec = job.recipe.training
    model = build_model(Path(job.base_folder), spec, precision)
    state = found.load() if found else None
    if state:
        put_weights(model, state.weights)
    fused = spec.zero_stage < 3 and precision == "fp32" and not torch.cuda.is_available()
    trainer = Trainer(AnswerLoss(model, fused=fused), spec, precision=precision, ranks=spec.ranks)
    if state:
        trainer.restore(state, _share(rows, plan, 0, rank, spec.ranks))
    return trainer


def _share(rows: TrainingRows, plan: StepPlan, step: int, rank: int, ranks: int) -> PackedBatch:
    return pack(rows.prefix, [rows.rows[row] for row in plan.share(step, rank, ranks)])


@dataclass
class _Tally:
    """What was measured so far."""

    curve: list[StepLine] = field(default_factory=list)
    label_tokens: int = 0
    seconds: float = 0.0
    recent: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=_SPEED_STEPS))


@dataclass
class _Run:
    """A training under way."""

    job: Job
    rank: int
    say: Say
    rows: TrainingRows
    plan: StepPlan
    trainer: Trainer
    precision: Precision
    tally: _Tally = field(default_factory=_Tally)

    def step(self, step: int) -> None:
        """Makes step number `step` (from 0), tells about it, and keeps a checkpoint where one is due."""
        spec, of = self.job.recipe.training, len(self.plan.steps)
        members = [self.rows.rows[row] for row in self.plan.steps[step]]
        rate = learning_rate(step, steps=of, peak=spec.learning_rate, warmup_steps=spec.warmup_steps)
        labels = sum(len(row.labels) for row in members)
        start = time.perf_counter()
        batch = _share(self.rows, self.plan, step, self.rank, spec.ranks)
        loss = self.trainer.step(batch, labels=labels, learning_rate=rate)
        seconds = time.perf_counter() - start
        if not math.isfinite(loss):
            raise CheckFailed(f"the loss is not a number at step {step + 1}", cure="lower training.learning_rate")
        tokens = len(self.rows.prefix) * spec.ranks + sum(len(row.ids) for row in members)
        line = self._line(step + 1, of, loss, rate, tokens, seconds)
        self.tally.curve.append(line)
        self.tally.label_tokens += labels
        self.say(Stepped(line=line))
        if (step + 1) % spec.checkpoint_every_steps == 0 and step + 1 < of:
            self._checkpoint(step + 1)

    def finish(self) -> None:
        """Writes the adapter, measures it and says so."""
        folder = Path(self.job.folder) / "adapter"
        weights = self.trainer.weights()
        batches = self._check_batches()
        with torch.no_grad():
            loss = self.trainer.loss
            logits = [loss.logits(loss.tensors(batch, self.trainer.device)).float().cpu() for batch in batches]
        if self.rank:
            return
        export_adapter(self.trainer.loss.model, weights, folder, base_name=self.job.recipe.base_name)
        write_curve(folder, self.tally.curve)
        self.say(Said(sentence="Training: checking the adapter that was written"))
        measured = measure_adapter(
            folder,
            base_folder=Path(self.job.base_folder),
            spec=self.job.recipe.training,
            precision=self.precision,
            trained_logits=logits,
            batches=batches,
        )
        self.say(self._trained(folder, measured))

    def _line(self, step: int, of: int, loss: float, rate: float, tokens: int, seconds: float) -> StepLine:
        tally = self.tally
        tally.seconds += seconds
        tally.recent.append((tokens, seconds))
        recent_seconds = sum(time_s for _, time_s in tally.recent)
        return StepLine(
            step=step,
            of=of,
            loss=loss,
            learning_rate=rate,
            tokens=tokens + (tally.curve[-1].tokens if tally.curve else 0),
            tokens_per_s=sum(count for count, _ in tally.recent) / recent_seconds,
            eta_s=(of - step) * recent_seconds / len(tally.recent),
            epoch=self.plan.epoch(step),
        )

    def _checkpoint(self, step: int) -> None:
        tensors = self.trainer.state(step)
        if self.rank == 0:
            state = CheckpointState(
                recipe=self.job.recipe.digest,
                step=step,
                precision=self.precision,
                seconds=self.tally.seconds,
                label_tokens=self.tally.label_tokens,
                curve=tuple(self.tally.curve),
                tensors=sha256(b""),
            )
            save_checkpoint(Path(self.job.folder), tensors, state)

    def _check_batches(self) -> list[PackedBatch]:
        rows = self.rows.rows[: _CHECK_BATCHES * _CHECK_ROWS]
        parts = [rows[start : start + _CHECK_ROWS] for start in range(0, len(rows), _CHECK_ROWS)]
        return [pack(self.rows.prefix, part) for part in parts]

    def _trained(self, folder: Path, measured: AdapterMeasurements) -> Trained:
        last = self.tally.curve[-1]
        return Trained(
            folder=str(folder),
            steps=last.step,
            tokens=last.tokens,
            label_tokens=self.tally.label_tokens,
            epochs=f"{last.epoch:.4f}",
            seconds=f"{self.tally.seconds:.3f}",
            measured=measured,
        )
