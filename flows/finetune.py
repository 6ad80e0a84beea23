"""The fine-tune stage: a dataset snapshot in, an adapter out that was trained on it, checked and kept.

Training runs in processes of its own (flows/training). The same recipe over the same snapshot is trained once per home:
a run that was killed goes on after its last checkpoint, and one that ended is not repeated.
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
from infra.base_model import BaseModel, prepare_base_model
from infra.contracts.adapter import Adapter, AdapterFile, SanityCheck, TrainingFigures
from infra.contracts.dataset import DatasetSnapshot
from infra.digest import short
from infra.errors import BadInput, StoreError
from infra.home import write_atomic
from infra.quiet import hush
from policies.gates.adapter import require_sound

OnStep = Callable[[StepLine], None]

_FILES = ("adapter_config.json", "adapter_model.safetensors")
_DONE = "adapter.digest"


def finetune(pipeline: Pipeline, snapshot: DatasetSnapshot, shop: Workshop, on_step: OnStep | None = None) -> Adapter:
    """Trains the pipeline's adapter on the snapshot's training rows, checks it, keeps it and records the stage.

    `on_step` is told each step of this run. Raises CheckFailed (the adapter is not sound, the loss is not a number),
    PartFailed (the training process failed; the log's path is in the error), MissingPart, StoreError.
    """
    hush()
    home = shop.settings.home
    base = prepare_base_model(home, shop.progress.say, pipeline.base_model)
    recipe = recipe_of(pipeline, snapshot.digest, base.digest)
    folder = home.folder(home.runs / "training" / f"{pipeline.name}-{short(recipe.digest)}")
    adapter = _kept(folder, shop)
    if adapter is None:
        trained = _train(recipe, base, folder, shop, on_step)
        require_sound(trained.measured)
        adapter = _keep(recipe, trained, shop)
        write_atomic(folder / _DONE, adapter.digest.encode())
        _clear(folder)
    else:
        shop.progress.say(f"Training: adapter {short(adapter.digest)} of the same recipe and rows is used again")
    record_stage(shop, pipeline.name, "finetune", adapter.digest)
    return adapter


def _train(recipe: Recipe, base: BaseModel, folder: Path, shop: Workshop, on_step: OnStep | None) -> Trained:
    from infra.telemetry import traceparent

    settings = shop.settings
    job = Job(
        recipe=recipe,
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


def _keep(recipe: Recipe, trained: Trained, shop: Workshop) -> Adapter:
    """Puts the files, the curve and the recipe among the blobs and makes the contract."""
    folder = Path(trained.folder)
    curve = read_curve(folder)
    seconds = float(trained.seconds)
    adapter = Adapter(
        pipeline=recipe.pipeline,
        snapshot=recipe.snapshot,
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


def _kept(folder: Path, shop: Workshop) -> Adapter | None:
    """The adapter that this recipe gave before, when all of it is still there and whole."""
    try:
        adapter = Adapter.from_json(shop.blobs.get((folder / _DONE).read_text(encoding="utf-8").strip()))
        for digest in (adapter.recipe, adapter.figures.loss_curve, *(file.digest for file in adapter.files)):
            shop.blobs.check(digest)
    except (FileNotFoundError, StoreError, BadInput):
        return None
    return adapter


def _clear(folder: Path) -> None:
    """Removes what only a training under way needs; the adapter is among the blobs."""
    for path in (*folder.glob("step-*"), folder / "adapter"):
        shutil.rmtree(path, ignore_errors=True)
