"""One request, in a fixed order: admit, record `admitted`, generate guarded, record `completed`, answer.

No byte of an answer leaves before its `admitted` is on disk, and not the last one before its `completed` is. What is
turned away at the door is recorded too; what cannot be recorded is refused.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from infra.contracts.base import now
from infra.contracts.ids import new_id
from infra.contracts.request_events import RequestRefused
from infra.errors import StoreError
from infra.ledger.vault import Vault
from infra.settings import GatewaySettings
from policies.guardrails.check import is_failure
from policies.guardrails.guarded import Delta, Ended, InputChecked, Step
from policies.verdict import Verdict
from services.admission import Admitted, Door, Visitor
from services.conversation import for_caller, pseudonyms_of
from services.errors import ApiError
from services.exchange import Exchange
from services.metrics import Metrics
from services.recorder import Recorder
from services.replies import DONE, Reply, Usage, error_event, to_json
from services.streaming import EventStream, unless_gone
from services.tracing import RequestTrace

_LOG = logging.getLogger("sluice.gateway")


@dataclass
class Desk:
    """What answering needs, made once per process."""

    door: Door
    recorder: Recorder
    vault: Vault
    metrics: Metrics
    limits: GatewaySettings
    content_in_spans: bool
    _open: set[Exchange] = field(default_factory=set)

    async def chat(self, request: Request) -> Response:
        """Answers POST /v1/chat/completions."""
        response_id = new_id("chatcmpl")
        parent = request.headers.get("traceparent", "")
        trace = RequestTrace.begin(parent, content_allowed=self.content_in_spans)
        visitor = Visitor()
        try:
            admitted = await self.door.admit(request, visitor)
        except ApiError as error:
            return await self.refuse(error, response_id, visitor, trace)
        trace.admitted(response_id, admitted.served)
        subject = self.vault.pseudonym(admitted.chat.subject or response_id)
        stand_ins = pseudonyms_of(admitted, self.vault)
        timeout_s = self.limits.gateway_timeout_s
        exchange = Exchange(response_id, admitted, subject, trace, self.recorder, self.metrics, timeout_s, stand_ins)
        self._open.add(exchange)
        exchange.when_closed(self._open.discard)
        answer = _Answer(
            exchange, Reply(response_id, int(time.time()), admitted.chat.model, admitted.served.fingerprint)
        )
        try:
            await exchange.begin()
            return await answer.response(request)
        except ApiError as error:
            return error_response(error, response_id, answer.headers)

    async def close(self) -> None:
        """Ends what is still under way, as cancelled, and waits until that is recorded."""
        await asyncio.gather(*(exchange.cancel() for exchange in tuple(self._open)))

    async def refuse(self, error: ApiError, response_id: str, visitor: Visitor, trace: RequestTrace) -> Response:
        """Records that a request was turned away, and says so to the caller."""
        event = RequestRefused(
            event_id=f"{response_id}/refused",
            at=now(),
            pipeline=visitor.served.pipeline if visitor.served else "",
            trace_id=trace.trace_id,
            response_id=response_id,
            tenant=visitor.caller.tenant if visitor.caller else "",
            key_id=visitor.caller.id if visitor.caller else "",
            code=error.code,
        )
        try:
            await self.recorder.write(event)
        except StoreError as failure:
            _LOG.error("a refusal could not be recorded: %s", failure)
            error = ApiError.ledger_unavailable()
        self.metrics.refused(error.code)
        trace.refused(error.code)
        return error_response(error, response_id)


class _Answer:
    """How the steps of one exchange become a response, whole or streamed."""

    def __init__(self, exchange: Exchange, reply: Reply) -> None:
        self._exchange = exchange
        self._reply = reply
        self._admitted: Admitted = exchange.admitted
        served = self._admitted.served
        self.headers = {
            "x-sluice-version": str(served.version),
            "x-sluice-release": served.release_digest or "scripted",
        }

    async def response(self, request: Request) -> Response:
        """Waits for the input guard, then answers. Raises ApiError: blocked, failed, too late, unrecorded."""
        steps = for_caller(self._exchange.steps(), self._admitted, self._exchange.stand_ins)
        opening = _Opening()
        streamed = self._admitted.chat.stream
        try:
            ended = await unless_gone(request, opening.read(steps) if streamed else opening.read_all(steps))
        except BaseException:
            # The caller went away, the service stops, or the answer failed: in each case nothing more is generated.
            await asyncio.shield(self._exchange.cancel())
            raise
        failed = ended is not None and ended.outcome == "blocked" and is_failure(ended.rule)
        if ended is not None and (opening.refused or failed):
            raise _refusal(ended, self._reply.response_id)
        self.headers["x-sluice-redactions"] = str(opening.redactions)
        if ended is None:
            events = self._stream(steps)
            return EventStream(events, self._exchange.cancel, _identified(self.headers, self._reply.response_id))
        usage = Usage(ended.prompt_tokens, ended.completion_tokens)
        body = self._reply.whole(ended.choices, usage)
        return json_response(body, 200, _identified(self.headers, self._reply.response_id))

    async def _stream(self, steps: AsyncIterator[Step]) -> AsyncIterator[bytes]:
        options = self._admitted.chat.stream_options
        with_usage = options is not None and options.include_usage
        for choice in range(self._admitted.choices):
            yield self._reply.opening(choice, with_usage=with_usage)
        try:
            async for step in steps:
                if isinstance(step, Delta):
                    yield self._reply.piece(step, with_usage=with_usage)
                elif isinstance(step, Ended):
                    for event in self._closing(step, with_usage=with_usage):
                        yield event
        except ApiError as error:
            yield error_event(error)

    def _closing(self, ended: Ended, *, with_usage: bool) -> Iterator[bytes]:
        """The last events: how each choice ended, the counts, and an error where one of them was blocked."""
        for end in ended.choices:
            yield self._reply.closing(end.index, end.finish_reason, with_usage=with_usage)
        if with_usage:
            yield self._reply.usage(Usage(ended.prompt_tokens, ended.completion_tokens))
        if ended.rule:
            failed, name = is_failure(ended.rule), self._reply.response_id
            blocked = ApiError.answer_blocked(ended.rule, name, ended.message)
            yield error_event(ApiError.guard_failed(ended.rule, name) if failed else blocked)
        else:
            yield DONE


def _refusal(ended: Ended, response_id: str) -> ApiError:
    """What is said where nothing is let through: a rule has blocked, or a check has failed."""
    if is_failure(ended.rule):
        return ApiError.guard_failed(ended.rule, response_id)
    return ApiError.blocked(ended.rule, response_id, ended.message)


class _Opening:
    """The first steps of an answer, up to the verdict on its input."""

    def __init__(self) -> None:
        self.redactions = 0
        self.refused = False
        """Whether the input was blocked; no engine was asked then."""

    async def read_all(self, steps: AsyncIterator[Step]) -> Ended:
        """Reads to the end."""
        while (ended := await self.read(steps)) is None:
            pass
        return ended

    async def read(self, steps: AsyncIterator[Step]) -> Ended | None:
        """Reads until the input guard has let the request through (None), or to the end where it blocked."""
        async for step in steps:
            if isinstance(step, InputChecked):
                self.redactions = sum(len(check.spans) for check in step.checks if check.verdict == "redact")
                self.refused = step.verdict is Verdict.BLOCK
                if not self.refused:
                    return None
            elif isinstance(step, Ended):
                return step
        raise ApiError.engine_failed()


def _identified(headers: dict[str, str], response_id: str) -> dict[str, str]:
    return headers | {"x-request-id": response_id}


def json_response(body: Mapping[str, object], status: int, headers: dict[str, str]) -> Response:
    """A JSON response."""
    return Response(to_json(body), status, headers, "application/json")


def error_response(error: ApiError, response_id: str = "", headers: dict[str, str] | None = None) -> Response:
    """An error as OpenAI's clients read it."""
    return json_response(error.body(), error.status, _identified((headers or {}) | error.headers(), response_id))
