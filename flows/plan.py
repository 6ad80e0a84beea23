"""What `retrain` would run, stage by stage, with an estimate for this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flows.pipeline import GeneratedData, Pipeline
from infra.errors import BadInput

_TOKENS_PER_S = 300
"""LoRA on the 135M model, two cores, fp32 (see README); the estimate only."""
_TOKENS_PER_ROW = 30
_ITEMS_PER_S = 10
_READ_BYTES = 1 << 20


@dataclass(frozen=True)
class PlannedStage:
    """One stage: what it takes, what it does, and about how long."""

    name: str
    takes: str
    does: str
    estimate: str


def planned(pipeline: Pipeline) -> tuple[PlannedStage, ...]:
    """Lists the stages. The rule files were checked when the pipeline was read; the data files are looked at here.

    Raises BadInput for one that cannot be read.
    """
    train_rows, test_rows = _rows(pipeline)
    training, evaluation = pipeline.training, pipeline.evaluation
    tokens = int(train_rows * training.epochs * _TOKENS_PER_ROW)
    tokens = min(tokens, training.max_tokens) if training.max_tokens else tokens
    items = min(test_rows, evaluation.max_items) if evaluation.max_items else test_rows
    recipe = f"{training.method} r={training.rank}, ZeRO-{training.zero_stage}, about {tokens:,} tokens"
    return (
        PlannedStage(
            "dataset", f"{train_rows + test_rows:,} rows", f"expectations {pipeline.data.expectations}", "1 min"
        ),
        PlannedStage("finetune", "snapshot", recipe, f"{max(1, round(tokens / _TOKENS_PER_S / 60))} min"),
        PlannedStage(
            "evaluate",
            "adapter, base, champion",
            f"{items:,} items each",
            f"{max(1, round(2 * items / _ITEMS_PER_S / 60))} min",
        ),
        PlannedStage("gate", "report", f"rules {pipeline.gate}", "1 s"),
        PlannedStage("register", "GO decision", f"MLflow model {pipeline.name}, signed manifest", "10 s"),
        PlannedStage("review", "manifest", f"access rules {pipeline.access}", "a person"),
        PlannedStage("release", "approval", "alias champion; the gateway swaps", "5 s"),
    )


def _rows(pipeline: Pipeline) -> tuple[int, int]:
    data = pipeline.data
    if isinstance(data, GeneratedData):
        test = round(data.rows * data.test_share)
        return data.rows - test, test
    train = _lines(Path(data.train))
    if data.test:
        return train, _lines(Path(data.test))
    test = round(train * data.test_share)
    return train - test, test


def _lines(path: Path) -> int:
    """Counts line ends: an estimate of the rows, read in pieces of 1 MiB."""
    try:
        with path.open("rb") as file:
            return sum(piece.count(b"\n") for piece in iter(lambda: file.read(_READ_BYTES), b""))
    except OSError as error:
        raise BadInput(
            f"cannot read the file: {error.strerror}", where=str(path), cure="give a path that exists"
        ) from None
