"""What the training process says to the flow: JSON lines on its standard output.

They are marked, so that what libraries print there is told apart.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from flows.training.step_line import StepLine
from infra.contracts.base import FloatStr, Frozen
from policies.gates.adapter import AdapterMeasurements

MARK = "sluice-training "
"""Stands before every line of ours."""


class Said(Frozen):
    """A sentence for the person who watches."""

    kind: Literal["said"] = "said"
    sentence: str


class Stepped(Frozen):
    """One step was made."""

    kind: Literal["stepped"] = "stepped"
    line: StepLine


class Trained(Frozen):
    """Training ended, the adapter is in `folder` and was measured. It has not been judged."""

    kind: Literal["trained"] = "trained"
    folder: str
    steps: int
    tokens: int
    label_tokens: int
    epochs: FloatStr
    seconds: FloatStr
    """Of the steps alone, without start, checkpoints and checks; of all runs that a resumed training took."""
    measured: AdapterMeasurements


class Failed(Frozen):
    """Training cannot go on. Holds no text of a row."""

    kind: Literal["failed"] = "failed"
    what: str
    cure: str
    checked: bool = False
    """True where the training itself was judged and found bad (the loss is not a number)."""


Line = Annotated[Said | Stepped | Trained | Failed, Field(discriminator="kind")]
"""Any line; `kind` tells which."""


def write_line(line: Said | Stepped | Trained | Failed) -> str:
    """The line as the worker prints it, with its end."""
    return f"{MARK}{line.model_dump_json()}\n"


def read_line(text: str) -> Said | Stepped | Trained | Failed | None:
    """Reads one line of the worker's output; None for what a library printed."""
    if not text.startswith(MARK):
        return None
    try:
        line: Said | Stepped | Trained | Failed = TypeAdapter(Line).validate_json(text.removeprefix(MARK))
    except ValidationError:
        return None
    return line
