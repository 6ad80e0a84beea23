"""One trace per request: the request, its input guard, the generation, its output guard, and each record.

Names and attributes follow OpenTelemetry's GenAI conventions where it has them. Texts stand in spans only when the
setting says `redacted`, and then as the guards let them through.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from infra import telemetry
from infra.contracts.evaluation import EngineRecord
from infra.contracts.request_events import CheckRecord
from infra.engines.engine import Capabilities, Chunk, Engine, Generation, Message
from policies.verdict import Verdict
from services.served import Served

_NS_PER_MS = 1_000_000


@dataclass
class RequestTrace:
    """The spans of one request. Every method is safe where nothing is traced."""

    span: telemetry.Span
    content_allowed: bool
    _guard_begun_ns: int = 0
    _generation: telemetry.Span | None = field(default=None, repr=False)

    @classmethod
    def begin(cls, traceparent: str, *, content_allowed: bool) -> RequestTrace:
        """Opens the request's span, below the caller's where it sent a `traceparent`."""
        return cls(
            telemetry.open_span("sluice.request", {telemetry.SPAN_TYPE: "CHAIN"}, parent=traceparent), content_allowed
        )

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits, '' where nothing is traced."""
        return self.span.trace_id

    def admitted(self, response_id: str, served: Served) -> None:
        """Says what answers."""
        self.span.set(
            {
                telemetry.RESPONSE_ID: response_id,
                telemetry.REQUEST_MODEL: served.pipeline,
                telemetry.RESPONSE_MODEL: served.fingerprint,
                telemetry.SCRIPTED: served.scripted,
            }
        )
        if not self.content_allowed:
            self.span.set({telemetry.SHOWN_INPUT: f"to {served.fingerprint} (text not kept)"})

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """A span below the request's for the time of a block."""
        opened = self.span.child(f"sluice.{name}")
        try:
            yield
        except BaseException as error:
            opened.fail(type(error).__name__)
            raise
        finally:
            opened.end()

    def guard_begins(self) -> None:
        """The input guard's span begins here."""
        self._guard_begun_ns = time.time_ns()

    def input_checked(self, verdict: Verdict, checks: Sequence[CheckRecord]) -> None:
        """Writes the input guard's span."""
        opened = self.span.child("sluice.guard input", _checked(checks), start_ns=self._guard_begun_ns)
        opened.set({telemetry.VERDICT: verdict.value})
        opened.end()

    def output_checked(self, checks: Sequence[CheckRecord]) -> None:
        """Writes the output guard's span. Its checks ran between the pieces of the answer: its length is their sum."""
        if checks:
            ended_ns = time.time_ns()
            spent_ns = round(sum(check.milliseconds for check in checks) * _NS_PER_MS)
            opened = self.span.child("sluice.guard output", _checked(checks), start_ns=ended_ns - spent_ns)
            opened.end(end_ns=ended_ns)

    @contextmanager
    def generation(self, request: Generation, record: EngineRecord, model: str) -> Iterator[telemetry.Span]:
        """The span of the engine's own work."""
        opened = self.span.child(
            f"chat {model}",
            {
                telemetry.OPERATION: "chat",
                telemetry.PROVIDER: record.name,
                telemetry.REQUEST_MODEL: model,
                telemetry.REQUEST_MAX_TOKENS: request.sampling.max_new_tokens,
                telemetry.REQUEST_TEMPERATURE: request.sampling.temperature,
            },
        )
        self._generation = opened
        try:
            yield opened
        except BaseException as error:
            opened.fail(type(error).__name__)
            raise
        finally:
            opened.end()

    def content(self, prompt: Sequence[Message], answer: str) -> None:
        """Keeps the redacted texts, where the setting allows it."""
        if self.content_allowed and prompt:
            self.span.set({telemetry.INPUT_MESSAGES: _messages(prompt), telemetry.OUTPUT_MESSAGES: _answer(answer)})

    def end(self, outcome: str, *, rule: str = "") -> None:
        """Closes the request's span."""
        self.span.set({telemetry.OUTCOME: outcome})
        if rule:
            self.span.set({telemetry.RULE: rule})
        if not self.content_allowed:
            self.span.set({telemetry.SHOWN_OUTPUT: f"{outcome} by {rule}" if rule else outcome})
        if outcome == "failed":
            self.span.fail(outcome)
        self.span.end()

    def refused(self, code: str) -> None:
        """Closes the span of a request that was turned away."""
        self.span.set(
            {telemetry.OUTCOME: "refused", telemetry.ERROR_TYPE: code, telemetry.SHOWN_OUTPUT: f"refused: {code}"}
        )
        self.span.end()


@dataclass(frozen=True)
class TracedEngine:
    """An engine whose generation is a span of one request."""

    engine: Engine
    trace: RequestTrace
    model: str

    @property
    def record(self) -> EngineRecord:
        """That of the engine."""
        return self.engine.record

    @property
    def capabilities(self) -> Capabilities:
        """Those of the engine."""
        return self.engine.capabilities

    async def generate(self, request: Generation) -> AsyncIterator[Chunk]:
        """Streams the engine's answer and counts its tokens."""
        with self.trace.generation(request, self.engine.record, self.model) as span:
            chunks = self.engine.generate(request)
            try:
                async for chunk in chunks:
                    if chunk.finish is not None:
                        span.set(
                            {
                                telemetry.INPUT_TOKENS: chunk.prompt_tokens,
                                telemetry.OUTPUT_TOKENS: chunk.completion_tokens,
                                telemetry.FINISH_REASONS: (chunk.finish,),
                            }
                        )
                    yield chunk
            finally:
                await close(chunks)

    def count_tokens(self, messages: tuple[Message, ...]) -> int:
        """That of the engine."""
        return self.engine.count_tokens(messages)

    async def score(self, messages: tuple[Message, ...], answer: str) -> float | None:
        """That of the engine."""
        return await self.engine.score(messages, answer)

    async def stop(self) -> None:
        """Nothing: the engine belongs to the release watch."""


async def close(iterator: AsyncIterator[object]) -> None:
    """Closes an async generator at once, which cancels what it does; leaves any other iterator alone."""
    closing = getattr(iterator, "aclose", None)
    if closing is not None:
        await closing()


def _checked(checks: Sequence[CheckRecord]) -> dict[str, telemetry.Attribute]:
    fired = tuple(f"{check.rule}:{check.verdict}" for check in checks if check.verdict != "allow")
    milliseconds = round(sum(check.milliseconds for check in checks), 3)
    return {
        telemetry.SPAN_TYPE: "GUARDRAIL",
        "sluice.guard.fired": fired,
        "sluice.guard.checks": len(checks),
        "sluice.guard.milliseconds": milliseconds,
    }


def _messages(messages: Sequence[Message]) -> str:
    """The conventions' shape of messages, as JSON."""
    turns = [{"role": turn.role, "parts": [{"type": "text", "content": turn.content}]} for turn in messages]
    return json.dumps(turns, ensure_ascii=False)


def _answer(text: str) -> str:
    part = {"type": "text", "content": text}
    return json.dumps([{"role": "assistant", "parts": [part], "finish_reason": "stop"}], ensure_ascii=False)
