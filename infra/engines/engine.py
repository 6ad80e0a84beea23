"""Engine: the one interface to what generates text.

Loading is the constructor's work; an engine is immutable: a swap is start, flip, drain.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from infra.contracts.evaluation import EngineRecord

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls", "cancelled"]


@dataclass(frozen=True)
class ToolCall:
    """A model's wish that the caller run one of its tools. `arguments` is JSON text, or what the model made of it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Message:
    """One turn of a conversation. An assistant's may hold calls; a tool's answers the call that `call_id` names."""

    role: Role
    content: str
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""


@dataclass(frozen=True)
class Tool:
    """A function that the caller can run. `definition` is OpenAI's `function` object as JSON text."""

    name: str
    definition: str


@dataclass(frozen=True)
class ToolUse:
    """Which tools there are. Where `choice` is 'named', `named` is the one to call."""

    tools: tuple[Tool, ...]
    choice: Literal["auto", "none", "required", "named"] = "auto"
    named: str = ""
    parallel: bool | None = None


@dataclass(frozen=True)
class Sampling:
    """How to generate. `temperature` 0 is greedy; `json_schema` is JSON text, or '' for free text."""

    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    json_schema: str = ""


@dataclass(frozen=True)
class Generation:
    """One request to an engine."""

    messages: tuple[Message, ...]
    sampling: Sampling
    tools: ToolUse | None = None
    """Only for engines whose capabilities have `tools`."""


@dataclass(frozen=True)
class CallPiece:
    """A piece of a call's arguments. `index` tells an answer's calls apart; the first piece of each has `name`."""

    index: int
    name: str
    arguments: str


@dataclass(frozen=True)
class Chunk:
    """A piece of an answer, in order. The last one of an answer has `finish`; token counts are totals up to here."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    finish: FinishReason | None = None
    calls: tuple[CallPiece, ...] = ()


@dataclass(frozen=True)
class Capabilities:
    """What an engine can do; what it cannot is refused by name at the door, never ignored."""

    json_schema: bool = False
    score: bool = False
    sampling: frozenset[str] = field(default_factory=frozenset)
    """Which of 'temperature', 'top_p', 'seed', 'stop' it follows."""
    tools: bool = False
    """Whether it takes tools, and messages with calls and their results."""


class Engine(Protocol):
    """What generates text."""

    @property
    def record(self) -> EngineRecord:
        """Name, precision and version, as evaluation reports and audit events record them."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    def generate(self, request: Generation) -> AsyncIterator[Chunk]:
        """Streams one answer. Closing the iterator cancels the generation.

        Raises PartFailed when the engine fails, BadInput when the prompt is too long.
        """
        ...

    def count_tokens(self, messages: tuple[Message, ...]) -> int:
        """How many tokens the rendered prompt has."""
        ...

    async def score(self, messages: tuple[Message, ...], answer: str) -> float | None:
        """Mean log-probability of the answer's tokens (nats), or None where the engine cannot tell."""
        ...

    async def stop(self) -> None:
        """Frees what it holds. Answers under way end with `cancelled`."""
        ...
