"""MLflow runs: parameters, figures, curves, data sets, artifacts and the model of one `sluice` run.

No text of a row, a prompt or an answer goes in: names, numbers, digests and counts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from infra.digest import Digest
from infra.stores.mlflow_server import MlflowServer

RUN_TAG = "sluice.run"
RUN_NAME = "mlflow.runName"
"""The tag whose value MLflow shows as the run's name."""
_BATCH_METRICS = 1000
_BATCH_PARAMS = 100
_TEXT_CHARACTERS = 4_900
"""MLflow keeps 5,000 of a description on PostgreSQL."""
_DATASET_DIGEST_CHARACTERS = 36


@dataclass(frozen=True)
class Figure:
    """One measured number; `step` where it is a point of a curve. MLflow groups names by the part before a slash."""

    name: str
    value: float
    step: int = 0


@dataclass(frozen=True)
class DatasetInput:
    """A data set of a run as MLflow lists it; `digest` is that of the split's manifest."""

    name: str
    digest: Digest
    context: Literal["training", "evaluation"]
    rows: int


@dataclass(frozen=True)
class Tracking:
    """The runs of one MLflow server."""

    server: MlflowServer

    def run(self, pipeline: str, key: str, *, title: str = "") -> str:
        """The MLflow run of one `sluice` run: found by its key, or begun. Every stage reports to the same one."""
        with self.server.asked_to("open a run") as client:
            experiment = _experiment(client, pipeline)
            found = client.search_runs([experiment], f"tags.`{RUN_TAG}` = '{key}'", max_results=1)
            if found:
                return str(found[0].info.run_id)
            return str(client.create_run(experiment, run_name=title or key, tags={RUN_TAG: key}).info.run_id)

    def running(self, pipeline: str) -> tuple[str, ...]:
        """The runs of a pipeline that were begun and not ended, at most 100."""
        with self.server.asked_to("list the runs") as client:
            experiment = _experiment(client, pipeline)
            found = client.search_runs([experiment], "attributes.status = 'RUNNING'", max_results=100)
            return tuple(str(run.info.run_id) for run in found if RUN_TAG in run.data.tags)

    def log_params(self, run_id: str, params: Mapping[str, str]) -> None:
        """Writes parameters. MLflow never lets one change: a second, different value raises PartFailed."""
        with self.server.asked_to("log the parameters") as client:
            from mlflow.entities import Param

            for batch in _batches([Param(name, value) for name, value in params.items()], _BATCH_PARAMS):
                client.log_batch(run_id, params=batch)

    def log_figures(self, run_id: str, figures: Iterable[Figure]) -> None:
        """Writes numbers in batches of 1,000: one request each, whatever the length of a curve."""
        with self.server.asked_to("log the figures") as client:
            from mlflow.entities import Metric

            at_ms = time.time_ns() // 1_000_000
            rows = [Metric(figure.name, figure.value, at_ms, figure.step) for figure in figures]
            for batch in _batches(rows, _BATCH_METRICS):
                client.log_batch(run_id, metrics=batch)

    def last_step(self, run_id: str, name: str) -> int | None:
        """The last step of a curve that was written before, or None: a curve is drawn once, by whoever was first."""
        with self.server.asked_to("read a curve") as client:
            return max((point.step for point in client.get_metric_history(run_id, name)), default=None)

    def log_datasets(self, run_id: str, inputs: Sequence[DatasetInput]) -> None:
        """Lists data sets as the run's inputs: name, digest and row count, no content."""
        with self.server.asked_to("log the data set") as client:
            from mlflow import entities

            rows = [
                entities.DatasetInput(
                    entities.Dataset(
                        name=one.name,
                        digest=one.digest.removeprefix("sha256:")[:_DATASET_DIGEST_CHARACTERS],
                        source_type="sluice",
                        source=json.dumps({"digest": one.digest}),
                        profile=json.dumps({"num_rows": one.rows}),
                    ),
                    [entities.InputTag("mlflow.data.context", one.context)],
                )
                for one in inputs
            ]
            client.log_inputs(run_id, rows)

    def log_text(self, run_id: str, text: str, path: str) -> None:
        """Keeps a text as an artifact of the run."""
        with self.server.asked_to("keep an artifact") as client:
            client.log_text(run_id, text, path)

    def log_file(self, run_id: str, file: Path, folder: str = "") -> None:
        """Keeps a file as an artifact of the run."""
        with self.server.asked_to("keep an artifact") as client:
            client.log_artifact(run_id, str(file), folder or None)

    def tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Sets tags; an earlier value is replaced."""
        with self.server.asked_to("tag a run") as client:
            from mlflow.entities import RunTag

            client.log_batch(run_id, tags=[RunTag(name, value) for name, value in tags.items()])

    def describe(self, run_id: str, markdown: str) -> None:
        """Sets the text at the top of the run's page."""
        self.tag(run_id, {"mlflow.note.content": shorten(markdown)})

    def end(self, run_id: str, *, failed: bool = False) -> None:
        """Closes a run."""
        with self.server.asked_to("close a run") as client:
            client.set_terminated(run_id, "FAILED" if failed else "FINISHED")

    def log_model(self, run_id: str, folder: Path, *, name: str, tags: Mapping[str, str]) -> str:
        """Uploads a model's folder (infra/stores/mlmodel.py) as the run's model and gives its id; registers nothing."""
        with self.server.asked_to("keep the model") as client:
            from mlflow.entities import LoggedModelOutput

            experiment = client.get_run(run_id).info.experiment_id
            model = client.create_logged_model(
                experiment, name=name, source_run_id=run_id, tags=dict(tags), model_type="lora-adapter"
            )
            try:
                client.log_model_artifacts(model.model_id, str(folder))
            except BaseException:
                client.finalize_logged_model(model.model_id, "FAILED")
                raise
            client.finalize_logged_model(model.model_id, "READY")
            client.log_outputs(run_id, [LoggedModelOutput(model.model_id, 0)])
            return str(model.model_id)

    def url(self, run_id: str) -> str:
        """Where a person reads the run."""
        with self.server.asked_to("read a run") as client:
            return f"{self.server.url}/#/experiments/{client.get_run(run_id).info.experiment_id}/runs/{run_id}"


def shorten(markdown: str) -> str:
    """A Markdown text cut before the section that would go beyond MLflow's limit, with a word that it was."""
    if len(markdown) <= _TEXT_CHARACTERS:
        return markdown
    note = "\n\n*The rest of the card is the run's artifact `card.md`.*\n"
    head = markdown[: _TEXT_CHARACTERS - len(note)]
    cut = max(head.rfind("\n## "), 0) or max(head.rfind("\n"), 0) or len(head)
    return head[:cut].rstrip() + note


def _experiment(client: Any, pipeline: str) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(pipeline)
    if found is None:
        try:
            # The kind spares the reader MLflow's question whether this is about traces or about training.
            return str(client.create_experiment(pipeline, tags={"mlflow.experimentKind": "finetuning"}))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":  # another run was quicker
                raise
            found = client.get_experiment_by_name(pipeline)
    return str(found.experiment_id)


def _batches(rows: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
