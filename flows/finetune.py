"""The fine-tune stage: a dataset snapshot in, an adapter out that was trained on it, checked and kept.

Training runs in processes of its own (flows/training). A run that was killed goes on after its last checkpoint.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from flows.pipeline import Pipeline
from flows.progress import Task
from flows.steps.record_stage import record_stage
from flows.training.curve import curve_bytes, mean_last_tenth, read_curve
from flows.training.launch import run_training
from flows.training.lines import Said, Stepped, Trained
from flows.training.spec import Job, Recipe, recipe_of
from flows.training.step_line import StepLine
from flows.workshop import Workshop
from infra.base_model import BaseModel, open_base_model, prepare_base_model
from infra.contracts.adapter import Adapter, AdapterFile, SanityCheck, TrainingFigures
from infra.contracts.dataset import DatasetSnapshot
from infra.digest import short
from infra.quiet import hush
from policies.gates.adapter import require_sound

OnStep = Callable[[StepLine], None]

_FILES = ("adapter_config.json", "adapter_model.safetensors")


def plan_training(pipeline: Pipeline, snapshot: DatasetSnapshot, shop: Workshop) -> Recipe:
    """The recipe for the snapshot's training rows. Makes the base model ready, which takes a minute once per home.

    Raises MissingPart, PartFailed.
    """
    hush()
    base = prepare_base_model(shop.settings.home, shop.progress.say, pipeline.base_model)
    return recipe_of(pipeline, snapshot, base.digest)


def finetune(recipe: Recipe, snapshot: DatasetSnapshot, shop: Workshop, on_step: OnStep | None = None) -> Adapter:
    """Trains an adapter on the snapshot's training rows, checks it, keeps it and records the stage.

    `on_step` is told each step of this run. Raises CheckFailed (the adapter is not sound, the loss is not a number),
    PartFailed (the training process failed; the log's path is in the error), MissingPart, StoreError.
    """
    base = open_base_model(shop.settings.home, recipe.base_name)
    trained = _train(recipe, snapshot, base, shop, on_step)
    require_sound(trained.measured)
    adapter = _keep(recipe, snapshot, trained, shop)
    record_stage(shop, recipe.pipeline, "finetune", adapter.digest)
    return adapter


def adopt_adapter(found: Adapter, snapshot: DatasetSnapshot, shop: Workshop) -> Adapter:
    """Takes over an adapter that was trained on the very rows of this snapshot: it is named as this snapshot's.

    Raises StoreError when a file of it is not whole.
    """
    for digest in (found.recipe, found.figures.loss_curve, *(file.digest for file in found.files)):
        shop.blobs.check(digest)
    adapter = found.model_copy(update={"snapshot": snapshot.digest})
    shop.blobs.put(adapter.to_json())
    return adapter


def tidy_training(recipe: Recipe, shop: Workshop) -> None:
    """Removes what only a training under way needs. To be called when the stage's result is kept for good."""
    shutil.rmtree(_folder(recipe, shop), ignore_errors=True)


def _folder(recipe: Recipe, shop: Workshop) -> Path:
    return shop.settings.home.runs / "training" / f"{recipe.pipeline}-{short(recipe.digest)}"


def _train(
    recipe: Recipe, snapshot: DatasetSnapshot, base: BaseModel, shop: Workshop, on_step: OnStep | None
) -> Trained:
    from infra.telemetry import traceparent

    settings = shop.settings
    folder = settings.home.folder(_folder(recipe, shop))
    job = Job(
        recipe=recipe,
        snapshot=snapshot.digest,
        home=str(settings.home.root),
        base_folder=str(base.folder),
        folder=str(folder),
        telemetry=settings.telemetry,
        mlflow_url=shop.mlflow_url,
        traceparent=traceparent(),
    )
    log = settings.home.folder(settings.home.logs) / f"training-{recipe.pipeline}.log"
    with ExitStack() as stack:
        return run_training(job, log, _Follower(shop, stack, on_step).hear)


class _Follower:
    """Shows the training on one bar and passes each step on."""

    def __init__(self, shop: Workshop, stack: ExitStack, on_step: OnStep | None) -> None:
        self._progress, self._stack, self._on_step = shop.progress, stack, on_step
        self._bar: Task | None = None
        self._shown = 0

    def hear(self, line: Said | Stepped) -> None:
        if isinstance(line, Said):
            self._progress.say(line.sentence)
            return
        step = line.line
        if self._bar is None:
            self._bar = self._stack.enter_context(self._progress.task("fine-tune", step.of))
        note = f"{step.tokens_per_s:.0f} tokens/s, loss {step.loss:.3f}, {step.eta_s:.0f} s left"
        self._bar.advance(step.step - self._shown, note)
        self._shown = step.step
        if self._on_step is not None:
            self._on_step(step)


def _keep(recipe: Recipe, snapshot: DatasetSnapshot, trained: Trained, shop: Workshop) -> Adapter:
    """Puts the files, the curve and the recipe among the blobs and makes the contract."""
    folder = Path(trained.folder)
    curve = read_curve(folder)
    seconds = float(trained.seconds)
    adapter = Adapter(
        pipeline=recipe.pipeline,
        snapshot=snapshot.digest,
        base_model=recipe.base_model,
        recipe=shop.blobs.put(recipe.to_json()),
        objective=recipe.training.objective,
        method=recipe.training.method,
        rank=recipe.training.rank,
        alpha=recipe.training.alpha,
        files=tuple(
            AdapterFile(name=name, digest=shop.blobs.put_file(folder / name), size_bytes=(folder / name).stat().st_size)
            for name in _FILES
        ),
        figures=TrainingFigures(
            steps=trained.steps,
            tokens=trained.tokens,
            label_tokens=trained.label_tokens,
            epochs=trained.epochs,
            first_loss=f"{curve[0].loss:.6f}",
            last_loss=f"{mean_last_tenth(curve):.6f}",
            tokens_per_s=f"{trained.tokens / seconds:.2f}",
            seconds=trained.seconds,
            loss_curve=shop.blobs.put(curve_bytes(curve)),
        ),
        sanity=SanityCheck(
            tensors=trained.measured.tensors,
            zero_tensors=len(trained.measured.zero),
            reload_max_logit_difference=trained.measured.reload_difference,
            base_max_logit_difference=trained.measured.base_difference,
        ),
    )
    shop.blobs.put(adapter.to_json())
    return adapter
