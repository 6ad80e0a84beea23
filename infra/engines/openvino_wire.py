"""What the engine and its OpenVINO process say to each other: one JSON value per line, each a frozen type."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from infra.contracts.base import Frozen
from infra.engines.engine import FinishReason

ENGINE = -1
"""As the id of a `Failed`: the whole engine, not one request."""


class Load(Frozen):
    """First line to the worker: what to load."""

    kind: Literal["load"] = "load"
    weights: str
    """Folder of the exported model."""
    adapter: str
    """Path of the adapter's safetensors, or ''."""
    scale: float
    exact: bool
    eos_id: int


class Start(Frozen):
    """Generate an answer."""

    kind: Literal["start"] = "start"
    id: int
    prompt: tuple[int, ...]
    max_new_tokens: int
    temperature: float
    top_p: float
    seed: int
    json_schema: str


class Score(Frozen):
    """Tell the mean log-probability of `ids[answer_start:]`, given what stands before each."""

    kind: Literal["score"] = "score"
    id: int
    ids: tuple[int, ...]
    answer_start: int


class Cancel(Frozen):
    """Nobody waits for this request any more."""

    kind: Literal["cancel"] = "cancel"
    id: int


class Ready(Frozen):
    """The model is loaded."""

    kind: Literal["ready"] = "ready"


class Tokens(Frozen):
    """New tokens of one answer; the last has `finish`."""

    kind: Literal["tokens"] = "tokens"
    id: int
    ids: tuple[int, ...]
    finish: FinishReason | None


class Scored(Frozen):
    """The result of a `Score`."""

    kind: Literal["scored"] = "scored"
    id: int
    mean_logprob: float


class Failed(Frozen):
    """A request, or the whole engine, failed. `reason` holds no text of a prompt."""

    kind: Literal["failed"] = "failed"
    id: int
    reason: str


Command = Load | Start | Score | Cancel
Event = Ready | Tokens | Scored | Failed

_COMMAND: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="kind")])
_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])


def write(value: Command | Event) -> bytes:
    """One line."""
    return value.model_dump_json().encode() + b"\n"


def read_command(line: bytes) -> Command:
    """Reads a line that the engine wrote."""
    return _COMMAND.validate_json(line)


def read_event(line: bytes) -> Event:
    """Reads a line that the worker wrote."""
    return _EVENT.validate_json(line)
