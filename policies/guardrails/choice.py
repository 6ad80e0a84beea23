"""One choice of an answer: what the engine says, through the guards piece by piece, within the bounds of a stream.

Each text has a stream of its own: the answer's, and the arguments of each call, which are JSON that arrives in pieces.
A block in any of them ends the choice and stops the engine.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Literal

from infra.contracts.ids import new_id
from infra.contracts.request_events import CheckRecord
from infra.engines.engine import Chunk, Engine, Generation, ToolCall
from policies.checks import Language
from policies.guardrails.compiled import Guards
from policies.guardrails.holding import Holding
from policies.guardrails.operators import StandIns
from policies.guardrails.retry import Tries
from policies.guardrails.stream import HOLD_BACK, NEVER_S, OutputStream
from policies.verdict import Verdict

CALLS_RULE = "tool-calls"
"""Rule of a block because of a call of a tool that does not exist, of too many calls, of arguments that a redaction
broke, or of a text that goes on after another one began: what has left could not be checked with it."""
_MOST_CALLS = 32
EndReason = Literal["stop", "length", "tool_calls", "content_filter", "cancelled"]


@dataclass(frozen=True)
class CallDelta:
    """A piece of a call that was checked. `id` and `name` stand in the first piece of each."""

    index: int
    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Delta:
    """What was checked and may leave, of one choice: text, or a piece of a call. Only when streaming."""

    text: str
    choice: int = 0
    call: CallDelta | None = None


@dataclass(frozen=True)
class ChoiceEnded:
    """How one choice ended."""

    index: int
    finish_reason: EndReason
    text: str
    """As it left. Where it was blocked: what had left before, '' when not streaming."""
    calls: tuple[ToolCall, ...]
    """As they left; none where the choice was blocked."""
    rule: str
    message: str
    checks: tuple[CheckRecord, ...]
    """One per check and text: of the answer, then of each call's arguments."""
    prompt_tokens: int
    completion_tokens: int


@dataclass
class _Part:
    """One text on its way out: the answer, or the arguments of a call."""

    output: OutputStream
    holding: Holding
    index: int = -1
    """Of the call; -1 for the answer."""
    id: str = ""
    name: str = ""
    ended: bool = False
    told: bool = False
    """Whether the call's name has left."""
    pieces: list[str] = field(default_factory=list)
    """What has left: the one copy of the answer, which is sent or sealed at the end."""

    async def push(self, text: str, tokens_before: int, *, streaming: bool) -> str:
        """Takes a piece up and gives what may leave."""
        if streaming and not self.output.buffered:
            self.holding.came(text, tokens_before, time.perf_counter())
        until_s = self.holding.until_s
        if self.output.due(text):
            released = await asyncio.to_thread(self.output.push, text, until_s=until_s)
        else:
            released = self.output.push(text, until_s=until_s)
        self.holding.decided(self.output.consumed)
        return self._left(released)

    async def finish(self) -> str:
        """Ends the text and gives what may leave."""
        released = await asyncio.to_thread(self.output.finish, until_s=self.holding.until_s)
        self.holding.decided(self.output.consumed)
        return self._left(released)

    def _left(self, released: str) -> str:
        if released:
            self.pieces.append(released)
        return released

    @property
    def begun(self) -> bool:
        """Whether anything came."""
        return bool(self.output.consumed or self.output.held)

    @property
    def text(self) -> str:
        """All that has left."""
        return "".join(self.pieces)


class Choice:
    """One choice under way."""

    def __init__(
        self,
        guards: Guards,
        language: Language,
        request: Generation,
        index: int,
        *,
        stream: bool,
        stand_ins: StandIns | None = None,
    ) -> None:
        self._guards = guards
        self._language: Language = language
        self._request = request
        self._index = index
        self._stream = stream
        self._stand_ins = stand_ins
        self._tries = Tries(guards, request.messages)
        self._begin()

    def _begin(self) -> None:
        """A fresh answer: the first, or another one in the place of one that failed."""
        self._text = self._part(self._guards.stream(self._language, self._stand_ins, keeps=False))
        self._calls: dict[int, _Part] = {}
        self._said: list[str] = []
        self._rule = ""
        self._message = ""

    async def steps(self, engine: Engine, prompt_tokens: int) -> AsyncGenerator[Delta | ChoiceEnded, None]:
        """Deltas when streaming, then ChoiceEnded. Raises what the engine raises, and ChecksStuck."""
        while True:
            last = Chunk("", prompt_tokens, 0)
            asked = replace(self._request, messages=self._tries.asked)
            async with aclosing(engine.generate(asked)) as chunks:  # type: ignore[type-var]
                while not self._rule and (chunk := await self._next(chunks)) is not None:
                    for delta in await self._take(chunk, last.completion_tokens):
                        yield delta
                    last = chunk
            for delta in await self._finish(cancelled=last.finish == "cancelled"):
                yield delta
            # Nothing of an answer with text has left: where a check may ask again, text leaves at its end alone.
            if self._calls or not self._tries.again(self._text.output, self._said, last):
                break
            self._begin()
        yield self._ended(last)

    async def _next(self, chunks: AsyncIterator[Chunk]) -> Chunk | None:
        """The engine's next chunk, or None at the end, or where text that is held back cannot wait for it."""
        until_s = min((part.holding.until_s for part in self._parts()), default=NEVER_S)
        if until_s == NEVER_S:
            return await anext(chunks, None)
        try:
            async with asyncio.timeout(max(0.0, until_s - time.perf_counter())):
                return await anext(chunks, None)
        except TimeoutError:
            if time.perf_counter() < until_s:  # the engine's own
                raise
            self._block(HOLD_BACK + ".late", "")
            return None

    async def _take(self, chunk: Chunk, tokens_before: int) -> list[Delta]:
        """Pushes the pieces of a chunk, up to a block, and gives what may leave."""
        deltas: list[Delta | None] = []
        if self._guards.buffers:
            self._said.append(chunk.text)
        if chunk.text and not (self._calls and chunk.text.isspace()):
            deltas += await self._push(self._text, chunk.text, tokens_before)
        for piece in chunk.calls:
            part = None if self._rule else self._call(piece.index, piece.name)
            if part is not None:
                deltas += await self._push(part, piece.arguments, tokens_before)
        if any(part.holding.too_many(chunk.completion_tokens) for part in self._parts()):
            self._block(HOLD_BACK + ".tokens", "")
        return [delta for delta in deltas if delta is not None]

    async def _push(self, part: _Part, text: str, tokens_before: int) -> list[Delta | None]:
        """Takes a piece of one text up. Where it is another text than before, that one has ended and need not wait."""
        deltas = [await self._end(other) for other in self._parts() if other is not part]
        if part.ended:
            self._block(CALLS_RULE, "")
        if self._rule:
            return deltas
        released = await part.push(text, tokens_before, streaming=self._stream)
        if part.output.blocked:
            self._block(part.output.rule, part.output.message)
        return [*deltas, self._delta(part, released)]

    async def _finish(self, *, cancelled: bool) -> list[Delta]:
        """Ends each text, up to a block."""
        deltas = [await self._end(part, cancelled=cancelled) for part in self._parts()]
        return [delta for delta in deltas if delta is not None]

    async def _end(self, part: _Part, *, cancelled: bool = False) -> Delta | None:
        """Ends one text. An answer that is calls alone has no text to check."""
        if self._rule or part.ended or (part is self._text and self._calls and not part.begun):
            return None
        part.ended = True
        released = await part.finish()
        if part.output.blocked:
            self._block(part.output.rule, part.output.message)
        elif part.index >= 0 and not cancelled and _broken(part):
            self._block(CALLS_RULE, "")
            return None
        return self._delta(part, released)

    def _call(self, index: int, name: str) -> _Part | None:
        """The stream of a call's arguments. None, and a block, for a call that must not be."""
        if index in self._calls:
            return self._calls[index]
        tools = self._request.tools
        known = tools is not None and any(tool.name == name for tool in tools.tools)
        if not known or len(self._calls) >= _MOST_CALLS:
            self._block(CALLS_RULE, "")
            return None
        part = self._part(self._guards.stream_arguments(self._language, self._stand_ins))
        part.index, part.id, part.name = len(self._calls), new_id("call"), name
        self._calls[index] = part
        return part

    def _part(self, output: OutputStream) -> _Part:
        return _Part(output, Holding(self._guards.policy.hold_back))

    def _parts(self) -> tuple[_Part, ...]:
        return (self._text, *self._calls.values())

    def _delta(self, part: _Part, released: str) -> Delta | None:
        """What leaves now, if anything: of a call its name at once."""
        first = part.index >= 0 and not part.told
        if not self._stream or not (released or first):
            return None
        if part.index < 0:
            return Delta(released, self._index)
        part.told = True
        call = CallDelta(part.index, part.id if first else "", part.name if first else "", released)
        return Delta("", self._index, call)

    def _block(self, rule: str, message: str) -> None:
        if not self._rule:
            self._rule, self._message = rule, message

    def _ended(self, last: Chunk) -> ChoiceEnded:
        reason: EndReason = last.finish or "stop"
        if self._rule:
            reason = "content_filter"
        elif reason == "stop" and self._calls:
            reason = "tool_calls"
        shown = self._stream or not self._rule
        return ChoiceEnded(
            self._index,
            reason,
            self._text.text if shown else "",
            tuple(ToolCall(part.id, part.name, part.text) for part in self._calls.values()) if not self._rule else (),
            self._rule,
            self._message,
            (*self._tries.checks, *(record for part in self._parts() for record in part.output.checks)),
            self._tries.prompt_tokens + last.prompt_tokens,
            self._tries.completion_tokens + last.completion_tokens,
        )


def _broken(part: _Part) -> bool:
    """Whether a redaction has made arguments unreadable; what the model itself wrote wrongly is the caller's to see."""
    if part.output.verdict is not Verdict.REDACT:
        return False
    try:
        json.loads(part.text)
    except (ValueError, RecursionError):
        return True
    return False


def seeded(request: Generation, choice: int) -> Generation:
    """The request of one of several choices: each has a seed of its own."""
    return replace(request, sampling=replace(request.sampling, seed=request.sampling.seed + choice))
