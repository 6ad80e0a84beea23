"""The fixed order of one request: what is on disk when a byte leaves; how each failure is told and recorded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.requests import Request

from infra import telemetry
from infra.contracts.model_version import PromptSpec
from infra.engines.engine import Capabilities, Chunk, Generation
from infra.errors import BadInput, PartFailed, StoreError
from infra.guard_models import Models
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.vault import Vault
from infra.settings import GatewaySettings
from infra.stores.callers import Callers
from policies.guardrails.compiled import compile_guards
from policies.policy import parse_guardrails
from services.admission import Door, Places
from services.metrics import Metrics
from services.recorder import Recorder
from services.release_watch import ReleaseWatch
from services.request import Desk

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
POLICY = "name: open\nstream: holdback\ninput: []\noutput: []\n"
TEXT = "where is parcel 4711?"


@dataclass
class Called:
    """What one call saw: each message that was sent, with the kinds of events that were on disk at that moment."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[tuple[bytes, list[str]]] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        return b"".join(piece for piece, _ in self.pieces)

    def events(self) -> list[Any]:
        lines = [line.removeprefix("data: ") for line in self.body.decode().splitlines() if line]
        return [line if line == "[DONE]" else json.loads(line) for line in lines]


@dataclass
class Bench:
    """A desk without a server around it."""

    home: Home
    ledger: Ledger
    engine: Any
    desk: Desk
    watch: ReleaseWatch
    key: str

    async def call(self, *, leave_after: int | None = None, **body: Any) -> Called:
        """Sends one request; with `leave_after` the caller goes away after so many messages (0: none)."""
        called, gone, sent_body = Called(), asyncio.Event(), False

        async def receive() -> dict[str, Any]:
            nonlocal sent_body
            if not sent_body:
                sent_body = True
                asked = {"model": "triage", "messages": [{"role": "user", "content": TEXT}], **body}
                return {"type": "http.request", "body": json.dumps(asked).encode(), "more_body": False}
            while leave_after == 0 and not self.engine.begun:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await (asyncio.sleep(0.05) if leave_after == 0 else gone.wait())
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                called.status = message["status"]
                called.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                kinds = [entry.event.kind for entry in self.ledger.of_response(called.headers["x-request-id"])]
                called.pieces.append((message.get("body", b""), kinds))
            if leave_after is not None and len(called.pieces) >= leave_after:
                gone.set()

        headers = {"authorization": f"Bearer {self.key}", "traceparent": PARENT}
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/chat/completions",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        response = await self.desk.chat(Request(scope, receive))
        await response(scope, receive, send)  # type: ignore[arg-type]
        return called

    def record(self) -> list[Any]:
        return [entry.event for entry in self.ledger.query(_all()) if entry.event.kind.startswith("request.")]


def _all() -> Any:
    from infra.ledger.query import AuditFilter

    return AuditFilter(limit=1000)


@pytest.fixture
def bench(
    home: Home, ledger: Ledger, vault: Vault, shelf: Any, watching: Callable[..., ReleaseWatch], publisher: Any
) -> Callable[..., Any]:
    """Runs a coroutine over a bench that serves version 1 of `triage`."""
    prompt = PromptSpec(system="Answer.", answer_format="text", max_new_tokens=64)
    publisher.release(1)
    key = Callers(home).create("acme").key

    def run(work: Callable[[Bench], Any], *, content: bool = False, policy: str = POLICY, **limits: Any) -> Any:
        guards = compile_guards(parse_guardrails(policy, source="test"), prompt=prompt, models=Models())
        shelf.guards = lambda: guards

        async def inside() -> Any:
            watch, metrics = watching(), Metrics()
            await watch.look()
            settings = GatewaySettings(**limits)
            recorder = Recorder(ledger, vault)
            door = Door(Callers(home), watch, Places(settings.gateway_concurrency, metrics), settings)
            desk = Desk(door, recorder, vault, metrics, settings, content)
            try:
                return await work(Bench(home, ledger, shelf.engines[1], desk, watch, key))
            finally:
                await desk.close()
                await recorder.close()
                await watch.close()

        return asyncio.run(inside())

    return run


def test_no_byte_leaves_before_admitted_and_not_the_last_before_completed(bench: Any) -> None:
    called: Called = bench(lambda on: on.call(stream=True, stream_options={"include_usage": True}))
    assert called.status == 200 and called.headers["content-type"].startswith("text/event-stream")
    assert all("request.admitted" in kinds for _, kinds in called.pieces)
    for piece, kinds in called.pieces:
        if b'"finish_reason":"stop"' in piece or b"[DONE]" in piece or b'"total_tokens"' in piece:
            assert kinds == ["request.admitted", "request.completed"]
    first_text = next(kinds for piece, kinds in called.pieces if b'"content":"v1' in piece)
    assert "request.admitted" in first_text
    assert called.events()[-1] == "[DONE]" and called.events()[-2]["usage"]["completion_tokens"] == 4


@pytest.mark.parametrize("stream", [False, True])
def test_a_block_is_told_in_the_last_events_and_recorded(bench: Any, stream: bool) -> None:
    """Content filter, the counts, an error; no [DONE]: nobody takes the answer for whole."""
    check = "{id: keys, detector: secrets, action: block, message: No.}"
    policy = f"name: b\nstream: holdback\ninput: []\noutput:\n  - {check}\n"

    async def work(on: Bench) -> tuple[Called, list[Any]]:
        async def generate(request: Generation) -> AsyncIterator[Chunk]:
            for count, piece in enumerate(["All is well. "] * 60 + ["AKIAQ3EGRZ7PLMN2VW4X "] + ["More. "] * 900):
                yield Chunk(piece, 5, count)

        on.engine.generate = generate
        asked: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
        return await on.call(**asked), on.record()

    called, record = bench(work, policy=policy)
    assert called.status == 200 and b"AKIA" not in called.body
    if stream:
        *pieces, closing, usage, error = called.events()
        assert closing["choices"][0]["finish_reason"] == "content_filter" and usage["usage"]["completion_tokens"] < 900
        assert (error["error"]["code"], error["error"]["rule"]) == ("content_filter", "keys")
        assert error["error"]["message"].startswith("No. (rule 'keys'") and "[DONE]" not in called.events()
        text = "".join(piece["choices"][0]["delta"].get("content", "") for piece in pieces)
        assert text and ("All is well. " * 60).startswith(text)
    else:
        choice = json.loads(called.body)["choices"][0]
        assert (choice["message"]["content"], choice["finish_reason"]) == ("", "content_filter")
    assert (record[-1].outcome, record[-1].refusal_rule) == ("blocked", "keys")


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"tools": [{"type": "function", "function": {"name": "look"}}]}, "tools"),
        ({"messages": [{"role": "tool", "tool_call_id": "c", "content": "x"}]}, "messages[0]"),
        ({"n": 2, "temperature": 1}, "temperature"),
    ],
)
def test_tools_and_choices_that_the_engine_cannot_follow_are_refused(
    bench: Any, asked: dict[str, Any], param: str
) -> None:
    called = bench(lambda on: on.call(**asked))
    error = json.loads(called.body)["error"]
    assert (called.status, error["code"], error["param"]) == (400, "unsupported_parameter", param)


def test_a_whole_answer_leaves_after_both_are_on_disk(bench: Any) -> None:
    called: Called = bench(lambda on: on.call())
    (piece,) = called.pieces
    assert piece[1] == ["request.admitted", "request.completed"]
    assert json.loads(piece[0])["choices"][0]["message"]["content"] == "v1 " * 4


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("failure", "status", "code", "outcome"),
    [
        (PartFailed("the engine broke"), 502, "engine_failed", "failed"),
        (ZeroDivisionError("parcel 4711"), 502, "engine_failed", "failed"),
        (BadInput("4096 tokens do not fit"), 400, "context_length_exceeded", "failed"),
        ("cancelled", 503, "draining", "cancelled"),
        ("hang", 504, "timeout", "failed"),
    ],
)
def test_each_way_of_failing_is_told_and_recorded(
    bench: Any, caplog: pytest.LogCaptureFixture, stream: bool, failure: Any, status: int, code: str, outcome: str
) -> None:
    async def work(on: Bench) -> tuple[Called, list[Any]]:
        async def generate(request: Generation) -> AsyncIterator[Chunk]:
            yield Chunk("half ", 5, 1)
            if failure == "hang":
                await asyncio.sleep(60)
            if failure == "cancelled":
                yield Chunk("", 5, 1, "cancelled")
                return
            raise failure

        on.engine.generate = generate
        return await on.call(stream=stream), on.record()

    called, record = bench(work, gateway_timeout_s=1.0 if failure == "hang" else 20.0)
    error = called.events()[-1] if stream else json.loads(called.body)
    assert error["error"]["code"] == code and called.status == (200 if stream else status)
    assert b"[DONE]" not in called.body and b'finish_reason":"stop' not in called.body
    assert [event.kind for event in record] == ["request.admitted", "request.completed"]
    assert record[1].outcome == outcome and "4711" not in caplog.text + called.body.decode()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("at", ["admitted", "completed"])
def test_an_answer_whose_record_fails_is_withheld(
    bench: Any, monkeypatch: pytest.MonkeyPatch, stream: bool, at: str
) -> None:
    async def work(on: Bench) -> Called:
        append_each = on.ledger.append_each

        def full(items: Any) -> Any:
            items = list(items)
            if any(event.kind.endswith(at) for event, _ in items):
                return [StoreError("the disk is full")] * len(items)
            return append_each(items)

        monkeypatch.setattr(on.ledger, "append_each", full)
        return await on.call(stream=stream)

    called = bench(work)
    error = called.events()[-1] if stream and at == "completed" else json.loads(called.body)
    assert error["error"]["code"] == "ledger_unavailable" and b"[DONE]" not in called.body
    if not stream or at == "admitted":
        assert called.status == 503 and b"v1" not in called.body


@pytest.mark.parametrize(("stream", "leave_after"), [(True, 2), (True, 0), (False, 0)])
def test_a_caller_that_leaves_cancels_the_generation_and_frees_its_place(
    bench: Any, stream: bool, leave_after: int
) -> None:
    async def work(on: Bench) -> tuple[list[Any], int]:
        on.engine.gate = asyncio.Event() if leave_after == 0 else None
        on.engine.pieces = 10_000
        await on.call(stream=stream, leave_after=leave_after)
        served = on.watch.find("triage")
        assert served.flight.count == 0 and on.desk.door.places._taken == 0
        return on.record(), on.engine.cancelled

    record, cancelled = bench(work)
    assert [event.kind for event in record] == ["request.admitted", "request.completed"]
    assert record[1].outcome == "cancelled" and cancelled == 1


def test_what_is_under_way_at_the_end_of_the_service_is_recorded(bench: Any) -> None:
    async def work(on: Bench) -> list[Any]:
        on.engine.gate = asyncio.Event()
        call = asyncio.create_task(on.call())
        while on.watch.find("triage").flight.count == 0 or len(on.record()) == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await on.desk.close()
        await asyncio.gather(call, return_exceptions=True)
        return on.record()

    assert [getattr(event, "outcome", "") for event in bench(work)] == ["", "cancelled"]


def test_one_more_than_there_are_places_is_told_to_wait(bench: Any) -> None:
    async def work(on: Bench) -> tuple[Called, Called]:
        on.engine.gate = asyncio.Event()
        first = asyncio.create_task(on.call())
        while on.desk.door.places._taken == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        second = await on.call()
        on.engine.gate.set()
        return await first, second

    first, second = bench(work, gateway_concurrency=1)
    assert first.status == 200 and second.status == 429 and second.headers["retry-after"] == "1"
    assert json.loads(second.body)["error"]["code"] == "overloaded"


@pytest.mark.parametrize(
    ("body", "param"),
    [({"temperature": 1}, "temperature"), ({"temperature": 1, "seed": 3}, "temperature"), ({"stop": "x"}, "stop")],
)
def test_what_the_engine_cannot_follow_is_refused_by_name(bench: Any, body: dict[str, Any], param: str) -> None:
    called: Called = bench(lambda on: on.call(**body))
    error = json.loads(called.body)["error"]
    assert (called.status, error["code"], error["param"]) == (400, "unsupported_parameter", param)


def test_limits_of_the_answer_and_of_its_form(bench: Any) -> None:
    async def work(on: Bench) -> tuple[list[Generation], Called]:
        seen: list[Generation] = []
        generate = on.engine.generate

        def look(request: Generation) -> AsyncIterator[Chunk]:
            seen.append(request)
            return generate(request)  # type: ignore[no-any-return]

        on.engine.generate = look
        on.engine.capabilities = Capabilities(sampling=frozenset({"temperature", "seed", "top_p", "stop"}))
        await on.call(max_tokens=5, temperature=0.5, seed=7, stop=["a"])
        await on.call(max_completion_tokens=1_000)
        return seen, await on.call(response_format={"type": "json_object"})

    (small, large), refused = bench(work)
    assert (small.sampling.max_new_tokens, small.sampling.seed, small.sampling.stop) == (5, 7, ("a",))
    assert (large.sampling.max_new_tokens, large.sampling.temperature) == (64, 0.0)
    assert [message.role for message in small.messages] == ["system", "user"]
    assert json.loads(refused.body)["error"]["param"] == "response_format"


def spans_of(
    bench: Any, monkeypatch: pytest.MonkeyPatch, *, content: bool
) -> tuple[dict[str, ReadableSpan], list[Any]]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "_STATE", telemetry._State(provider))

    async def work(on: Bench) -> list[Any]:
        await on.call(stream=True)
        return on.record()

    record = bench(work, content=content)
    return {span.name: span for span in exporter.get_finished_spans()}, record


@pytest.mark.parametrize("content", [False, True])
def test_one_trace_per_request_without_texts_unless_asked(
    bench: Any, monkeypatch: pytest.MonkeyPatch, content: bool
) -> None:
    spans, record = spans_of(bench, monkeypatch, content=content)
    root = spans["sluice.request"]
    assert set(spans) == {
        "sluice.request", "sluice.guard input", "chat triage", "sluice.record admitted", "sluice.record completed"
    }  # fmt: skip
    trace = PARENT.split("-")[1]
    assert {format(span.context.trace_id, "032x") for span in spans.values() if span.context} == {trace}
    assert {event.trace_id for event in record} == {trace}
    assert all(
        span.parent and span.parent.span_id == root.context.span_id for span in spans.values() if span is not root
    )
    chat = dict(spans["chat triage"].attributes or {})
    assert chat["gen_ai.operation.name"] == "chat" and chat["gen_ai.request.model"] == "triage"
    assert (chat["gen_ai.usage.input_tokens"], chat["gen_ai.usage.output_tokens"]) == (5, 4)
    assert (root.attributes or {})["sluice.outcome"] == "answered"
    texts = " ".join(str(value) for span in spans.values() for value in (span.attributes or {}).values())
    assert ("4711" in texts) is content and ("v1 v1" in texts) is content
