"""Exchange: one admitted request on its way through guards and engine, in a task of its own, recorded before it ends.

The task lives apart from the connection: when the caller goes away it is cancelled, and however it ends, exactly one
RequestCompleted is written, before the last step is handed on.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from infra.contracts.base import now
from infra.contracts.request_events import CheckRecord, Outcome, RequestAdmitted, RequestCompleted
from infra.engines.engine import Message, ToolCall
from infra.errors import BadInput, SluiceError, StoreError
from policies.guardrails.deadline import ChecksStuck
from policies.guardrails.guarded import Delta, Ended, InputChecked, Step, answer
from policies.guardrails.pseudonyms import Pseudonyms
from services import tracing
from services.admission import Admitted
from services.errors import ApiError
from services.metrics import Ended as EndedMetrics
from services.metrics import Metrics
from services.recorder import Recorder, within_an_entry

_LOG = logging.getLogger("sluice.gateway")


@dataclass
class _Record:
    """What is known of the answer so far, for the record."""

    checks: tuple[CheckRecord, ...] = ()
    prompt: tuple[Message, ...] = ()
    choices: dict[int, list[str]] = field(default_factory=dict)
    """What has left of each choice: texts, and pieces of the arguments of calls."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    rule: str = ""

    @property
    def texts(self) -> list[str]:
        """What has left, choice by choice."""
        return ["".join(self.choices[index]) for index in sorted(self.choices)]


@dataclass(eq=False)
class Exchange:
    """One request under way."""

    response_id: str
    admitted: Admitted
    subject: str
    """Pseudonym of the data subject."""
    trace: tracing.RequestTrace
    recorder: Recorder
    metrics: Metrics
    timeout_s: float
    stand_ins: Pseudonyms
    """Of the conversation. The record holds them, never an original."""
    _steps: asyncio.Queue[Step | ApiError] = field(default_factory=asyncio.Queue)
    _record: _Record = field(default_factory=_Record)
    _begun_s: float = field(default_factory=time.monotonic)
    _answering: asyncio.Task[Ended] | None = None
    _task: asyncio.Task[object] | None = None
    _closed: Callable[[Exchange], None] = lambda _: None
    _leaving: bool = False
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    def when_closed(self, call: Callable[[Exchange], None]) -> None:
        """Calls `call` once the exchange has ended, however it ends."""
        self._closed = call

    async def begin(self) -> None:
        """Records that the request was admitted, then starts to answer. Raises ApiError when it cannot be recorded."""
        served, admitted = self.admitted.served, self.admitted
        event = RequestAdmitted(
            event_id=f"{self.response_id}/admitted",
            at=now(),
            pipeline=served.pipeline,
            trace_id=self.trace.trace_id,
            response_id=self.response_id,
            tenant=admitted.caller.tenant,
            key_id=admitted.caller.id,
            subject=self.subject,
            engine=served.engine.record.name,
            scripted=served.scripted,
            version=served.version,
            release=served.release_digest,
            manifest=served.release.manifest.digest if served.release else None,
            guardrails=served.guardrails,
            streamed=bool(admitted.chat.stream),
        )
        try:
            with self.trace.part("record admitted"):
                await self.recorder.write(event)
        except StoreError as error:
            _LOG.error("a request was refused since it could not be recorded: %s", error)
            self._finish("failed")
            raise ApiError.ledger_unavailable() from None
        except asyncio.CancelledError:
            # The record may be written all the same: close it.
            self._task = asyncio.create_task(self._close("cancelled"))
            raise
        if self._leaving:
            await self._close("cancelled")
            raise ApiError.not_ready("draining")
        self._answering = asyncio.create_task(self._answer())
        self._task = asyncio.create_task(self._run(self._answering))

    async def steps(self) -> AsyncIterator[Step]:
        """The steps of the answer, the last is `Ended`. Raises ApiError: failed, took too long, or is unrecorded."""
        while True:
            step = await self._steps.get()
            if isinstance(step, ApiError):
                raise step
            yield step
            if isinstance(step, Ended):
                return

    async def cancel(self) -> None:
        """Stops the generation, where it still runs, and waits until the end is recorded."""
        self._leaving = True
        if self._answering is not None:
            self._answering.cancel()
        await self._ended.wait()

    async def _run(self, answering: asyncio.Task[Ended]) -> None:
        outcome: Outcome = "failed"
        last: Step | ApiError = ApiError.engine_failed()
        try:
            async with asyncio.timeout(self.timeout_s):
                ended = await answering
            # An engine that was stopped under way says `cancelled`: what there is must not pass for the whole answer.
            outcome, last = ended.outcome, ApiError.not_ready("draining") if ended.outcome == "cancelled" else ended
        except TimeoutError:
            last = ApiError.timed_out(self.timeout_s)
        except asyncio.CancelledError:
            outcome = "cancelled"
        except BadInput as error:
            _LOG.error("%s: the engine does not take the prompt: %s", self.response_id, error)
            last = ApiError.bad_request(error.what, param="messages", code="context_length_exceeded")
        except ChecksStuck as error:
            _LOG.error("%s: %s", self.response_id, error)
            last = ApiError.guards_stuck()
        except SluiceError as error:
            _LOG.error("%s: an answer failed: %s", self.response_id, error)
        except Exception as error:  # anything else fails this answer alone; its text may quote the user
            _LOG.error("%s: an answer failed: %s", self.response_id, type(error).__name__)
        if not await self._close(outcome):
            last = ApiError.ledger_unavailable()
        self._steps.put_nowait(last)

    async def _answer(self) -> Ended:
        """Runs the guarded generation and hands its steps on, all but the last."""
        admitted, record = self.admitted, self._record
        engine = tracing.TracedEngine(admitted.served.engine, self.trace, admitted.served.pipeline)
        steps = answer(
            admitted.served.guards,
            engine,
            admitted.messages,
            admitted.sampling,
            stream=bool(admitted.chat.stream),
            tools=admitted.tools,
            choices=admitted.choices,
            stand_ins=self.stand_ins,
            owner=admitted.caller.tenant,
        )
        self.trace.guard_begins()
        try:
            async for step in steps:
                if isinstance(step, InputChecked):
                    record.checks, record.prompt, record.prompt_tokens = step.checks, step.messages, step.prompt_tokens
                    self.trace.input_checked(step.verdict, step.checks)
                elif isinstance(step, Delta):
                    record.choices.setdefault(step.choice, []).append(_shown(step))
                else:
                    record.checks, record.rule = step.checks, step.rule
                    if not admitted.chat.stream:
                        record.choices = {end.index: [end.text, *map(_written, end.calls)] for end in step.choices}
                    record.prompt_tokens, record.completion_tokens = step.prompt_tokens, step.completion_tokens
                    self.trace.output_checked([check for check in step.checks if check.direction == "output"])
                    return step
                self._steps.put_nowait(step)
        finally:
            await tracing.close(steps)
        raise RuntimeError("the guarded path ended without saying how")

    async def _close(self, outcome: Outcome) -> bool:
        """Records how the request ended. False when it could not be recorded."""
        record, served = self._record, self.admitted.served
        event = RequestCompleted(
            event_id=f"{self.response_id}/completed",
            at=now(),
            pipeline=served.pipeline,
            trace_id=self.trace.trace_id,
            response_id=self.response_id,
            tenant=self.admitted.caller.tenant,
            key_id=self.admitted.caller.id,
            subject=self.subject,
            version=served.version,
            manifest=served.release.manifest.digest if served.release else None,
            guardrails=served.guardrails,
            outcome=outcome,
            refusal_rule=record.rule,
            checks=within_an_entry(record.checks),
            prompt_tokens=record.prompt_tokens,
            completion_tokens=record.completion_tokens,
            seconds=round(time.monotonic() - self._begun_s, 6),
            sealed=None,
        )
        text = _sealed_text(record) if record.prompt else None
        try:
            with self.trace.part("record completed"):
                await self.recorder.write(event, subject=self.subject, text=text)
            return True
        except StoreError as error:
            _LOG.error("%s: the end of an answer could not be recorded: %s", self.response_id, error)
            return False
        finally:
            self.trace.content(record.prompt, "\n".join(record.texts))
            self._finish(outcome)

    def _finish(self, outcome: Outcome) -> None:
        record = self._record
        self.admitted.leave()
        self._ended.set()
        self._closed(self)
        self.trace.end(outcome, rule=record.rule)
        seconds = time.monotonic() - self._begun_s
        label = self.admitted.served.label
        ended = EndedMetrics(label, outcome, seconds, record.prompt_tokens, record.completion_tokens, record.checks)
        self.metrics.ended(ended)


def _sealed_text(record: _Record) -> bytes:
    """What is kept, sealed, of a request: the redacted turns and the answer as it left."""
    turns = [
        {"role": turn.role, "content": turn.content + "".join(map(_written, turn.calls))}
        for turn in record.prompt
        if turn.role != "system"
    ]
    texts = record.texts
    kept = {"messages": turns, "answer": texts[0] if texts else ""}
    if len(texts) > 1:
        kept["choices"] = texts
    return json.dumps(kept, ensure_ascii=False).encode()


def _shown(delta: Delta) -> str:
    """What a delta has shown to the caller, as it is kept."""
    if delta.call is None:
        return delta.text
    return (f"\n{delta.call.name} " if delta.call.name else "") + delta.call.arguments


def _written(call: ToolCall) -> str:
    """A call as it is kept."""
    return f"\n{call.name} {call.arguments}"
