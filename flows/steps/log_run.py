"""What a run tells MLflow: recipe, figures with intervals, loss curve, data sets, pictures, contracts, model."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from flows.steps.papers import Papers, PolicyDigests
from flows.steps.plots import evaluation_plots
from infra.contracts.base import Contract, Frozen, now
from infra.contracts.evaluation import EvaluationReport
from infra.digest import short
from infra.stores.blobs import Blobs
from infra.stores.mlmodel import ModelDescription, ModelFile, write_model_folder
from infra.stores.tracking import RUN_NAME, DatasetInput, Figure, Tracking

_LOSS = "train/loss"
_CURVES = {"lr": "learning_rate"}
"""Names of the trainer's file that the run's page writes out, as it does while training goes on."""


def log_run(papers: Papers, policies: PolicyDigests, run_id: str, runs: Tracking, blobs: Blobs, work: Path) -> str:
    """Writes everything but the card to an MLflow run and gives the id of the model that it keeps.

    `work` is a folder for what is uploaded; it is left empty.
    Raises PartFailed when MLflow does not take it, StoreError when a part cannot be read.
    """
    runs.log_params(run_id, params_of(papers))
    runs.log_figures(run_id, figures_of(papers))
    if runs.last_step(run_id, _LOSS) is None:  # the trainer may have drawn it while it ran
        runs.log_figures(run_id, curve_of(blobs.get(papers.adapter.figures.loss_curve)))
    runs.log_datasets(run_id, _datasets(papers))
    # The name at the top of every page; a registered version's takes its place.
    title = f"{papers.pipeline.name} {papers.decision.verdict.value} {now():%Y-%m-%d %H:%M} UTC"
    runs.tag(run_id, {**tags_of(papers, policies), RUN_NAME: title})
    with tempfile.TemporaryDirectory(dir=work, prefix="mlflow-") as scratch:
        for plot in evaluation_plots(papers.report, papers.adapter, blobs):
            picture = Path(scratch) / plot.name
            picture.write_bytes(plot.png)
            runs.log_file(run_id, picture, "plots")
        contracts: tuple[Contract, ...] = (papers.snapshot, papers.adapter, papers.report, papers.decision)
        for contract in contracts:
            runs.log_text(run_id, pretty(contract.to_json()), f"contracts/{contract.schema_id.split('/')[1]}.json")
        return _log_model(papers, run_id, runs, blobs, Path(scratch) / "model")


def pretty(canonical: bytes) -> str:
    """A contract's JSON, indented for a reader."""
    return json.dumps(json.loads(canonical), ensure_ascii=False, indent=2) + "\n"


def params_of(papers: Papers) -> dict[str, str]:
    """What was asked for: the recipe, its snapshot (MLflow compares parameters, not tags) and how it was tested."""
    pipeline, engine = papers.pipeline, papers.report.engine
    return {
        "base_model": pipeline.base_model,
        "guardrails": Path(pipeline.guardrails).stem,
        "gate": Path(pipeline.gate).stem,
        "access": Path(pipeline.access).stem,
        "expectations": Path(pipeline.data.expectations).stem,
        "engine": f"{engine.name} {engine.version} {engine.precision}",
        "data/snapshot": short(papers.snapshot.digest),
        **_fields("training", pipeline.training),
        **_fields("evaluation", pipeline.evaluation),
        "prompt/answer_format": pipeline.prompt.answer_format,
        "prompt/max_new_tokens": str(pipeline.prompt.max_new_tokens),
    }


def figures_of(papers: Papers) -> tuple[Figure, ...]:
    """What was measured: every metric with the ends of its interval, outcomes, data and training."""
    return (*_scores(papers.report), *_data(papers), *_training(papers))


def curve_of(data: bytes) -> tuple[Figure, ...]:
    """The trainer's JSON lines (step, loss, lr, tokens_per_s ...) as curves `train/NAME`."""
    rows = [json.loads(line) for line in data.decode("utf-8").splitlines()]
    return tuple(
        Figure(f"train/{_CURVES.get(name, name)}", float(value), int(row["step"]))
        for row in rows
        for name, value in row.items()
        if name != "step" and isinstance(value, int | float | str) and math.isfinite(float(value))
    )


def tags_of(papers: Papers, policies: PolicyDigests) -> dict[str, str]:
    """Every parent's digest, shortened, and the verdict, as tags that MLflow can search.

    MLflow cuts the names of tags with long values; the whole digests stand in the card and in `contracts/`.
    """
    snapshot = papers.snapshot
    digests = {
        "sluice.snapshot": snapshot.digest,
        "sluice.expectations": snapshot.expectations,
        "sluice.base_model": papers.adapter.base_model,
        "sluice.recipe": papers.adapter.recipe,
        "sluice.adapter": papers.adapter.digest,
        "sluice.report": papers.report.digest,
        "sluice.decision": papers.decision.digest,
        "sluice.gate": policies.gate,
        "sluice.guardrails": policies.guardrails,
        "sluice.access": policies.access,
    }
    named = {"sluice.pipeline": papers.pipeline.name, "sluice.verdict": papers.decision.verdict.value}
    return {**named, **{name: short(digest) for name, digest in digests.items()}}


def _scores(report: EvaluationReport) -> Iterator[Figure]:
    for scores in report.subjects:
        for metric in scores.metrics:
            yield from _with_interval(scores.subject, metric.name, metric.value, metric.low, metric.high)
        for outcome, count in scores.outcomes.model_dump().items():
            yield Figure(f"{scores.subject}/items_{outcome}", float(count))
    for one in report.differences:
        group = f"candidate_minus_{one.against}"
        yield from _with_interval(group, one.metric, one.difference, one.low, one.high)


def _with_interval(group: str, metric: str, value: float, low: float, high: float) -> Iterator[Figure]:
    """The ends of intervals stand in a group of their own, so that a page shows the values first."""
    for name, figure in (
        (f"{group}/{metric}", value),
        (f"{group}_interval/{metric}_low", low),
        (f"{group}_interval/{metric}_high", high),
    ):
        yield Figure(name, float(f"{figure:.6g}"))


def _data(papers: Papers) -> Iterator[Figure]:
    snapshot = papers.snapshot
    yield Figure("data/rows_in", snapshot.rows_in)
    yield Figure("data/rows_quarantined", sum(one.rows for one in snapshot.quarantined))
    yield Figure("data/duplicates", snapshot.duplicates_exact + snapshot.duplicates_near)
    yield Figure("data/rows_leaked", snapshot.leaked)
    yield Figure("data/spans_redacted", sum(one.spans for one in snapshot.redacted))
    for split in snapshot.splits:
        yield Figure(f"data/rows_{split.name}", split.rows)


def _training(papers: Papers) -> Iterator[Figure]:
    figures = papers.adapter.figures
    named = (
        ("steps", figures.steps),
        ("tokens", figures.tokens),
        ("label_tokens", figures.label_tokens),
        ("epochs", figures.epochs),
        ("seconds", figures.seconds),
        ("tokens_per_s_overall", figures.tokens_per_s),
        ("loss_first", figures.first_loss),
        ("loss_last", figures.last_loss),
    )
    for name, value in named:
        if math.isfinite(float(value)):
            yield Figure(f"training/{name}", float(value))


def _datasets(papers: Papers) -> tuple[DatasetInput, ...]:
    name = papers.pipeline.name
    return tuple(
        DatasetInput(
            f"{name} {split.name}", split.manifest, "training" if split.name == "train" else "evaluation", split.rows
        )
        for split in papers.snapshot.splits
    )


def _log_model(papers: Papers, run_id: str, runs: Tracking, blobs: Blobs, folder: Path) -> str:
    adapter, pipeline = papers.adapter, papers.pipeline
    files = tuple(ModelFile(file.name, blobs.path(file.digest), file.digest) for file in adapter.files)
    description = ModelDescription(pipeline.name, pipeline.base_model, adapter.digest, pipeline.prompt.max_new_tokens)
    write_model_folder(folder, files, description, run_id=run_id)
    tags = {"sluice.adapter": adapter.digest, "sluice.verdict": papers.decision.verdict.value}
    return runs.log_model(run_id, folder, name=pipeline.name, tags=tags)


def _fields(group: str, values: Frozen) -> Mapping[str, str]:
    return {f"{group}/{name}": str(value) for name, value in values.model_dump().items()}
