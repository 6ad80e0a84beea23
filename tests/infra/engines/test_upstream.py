"""The upstream engine against a real HTTP server on loopback: one that speaks OpenAI's stream, and broken ones."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from infra.engines.engine import Chunk, Generation, Message, Sampling
from infra.engines.upstream import UpstreamEngine
from infra.errors import BadInput, PartFailed, StoreError

USAGE = {"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 3}}


def delta(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}


def sse(*events: Any, done: bool = True) -> bytes:
    lines = [f"data: {json.dumps(event, ensure_ascii=False)}\n\n" for event in events]
    return "".join([": hello\n\n", *lines, "data: [DONE]\n\n" if done else ""]).encode()


class Upstream(BaseHTTPRequestHandler):
    """Answers with `body` in pieces of `piece` bytes, and keeps what it was asked."""

    body: ClassVar[bytes] = b""
    status: ClassVar[int] = 200
    piece: ClassVar[int] = 10_000
    pause_s: ClassVar[float] = 0.0
    asked: ClassVar[list[tuple[str, dict[str, str], Any]]] = []
    cut_off: ClassVar[threading.Event] = threading.Event()

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.asked.append((self.path, dict(self.headers), json.loads(self.rfile.read(length))))
        self.send_response(self.status)
        if self.status == 307:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            for start in range(0, len(self.body), self.piece):
                self.wfile.write(self.body[start : start + self.piece])
                self.wfile.flush()
                time.sleep(self.pause_s)
        except OSError:
            self.cut_off.set()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


class Loopback(ThreadingHTTPServer):
    """A server that takes many connections at once."""

    request_queue_size = 64
    daemon_threads = True


@pytest.fixture
def server() -> Iterator[type[Upstream]]:
    handler = type("Handler", (Upstream,), {"asked": [], "cut_off": threading.Event()})
    http = Loopback(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    handler.url = f"http://127.0.0.1:{http.server_port}/v1"
    yield handler
    http.shutdown()
    thread.join()
    http.server_close()


def ask(server: Any, text: str = "hello", *, engine: UpstreamEngine | None = None, **sampling: Any) -> list[Chunk]:
    engine = engine or UpstreamEngine(server.url, "m")

    async def collect() -> list[Chunk]:
        request = Generation((Message("system", "Be kind."), Message("user", text)), Sampling(50, **sampling))
        try:
            return [chunk async for chunk in engine.generate(request)]
        finally:
            await engine.stop()

    return asyncio.run(collect())


@pytest.mark.parametrize("piece", [1, 7, 10_000])
def test_an_answer_arrives_whole_however_the_bytes_are_cut(server: Any, piece: int) -> None:
    server.body, server.piece = sse(delta("¡Hola, "), delta("señora 👩‍👧!"), delta("", "stop"), USAGE), piece
    chunks = ask(server)
    assert [chunk.text for chunk in chunks] == ["¡Hola, ", "señora 👩‍👧!", ""]
    assert chunks[-1] == Chunk("", 11, 3, "stop")


def test_what_is_asked_is_what_the_protocol_has(server: Any) -> None:
    server.body = sse(delta("a", "length"))
    chunks = ask(server, temperature=0.5, top_p=0.9, seed=7, stop=("END",), json_schema='{"type": "object"}')
    assert chunks[-1].finish == "length" and chunks[-1].completion_tokens == 1
    path, headers, body = server.asked[0]
    assert path == "/v1/chat/completions" and "Authorization" not in headers
    assert body["messages"] == [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hello"}]
    assert (body["max_tokens"], body["temperature"], body["top_p"], body["seed"]) == (50, 0.5, 0.9, 7)
    assert body["stop"] == ["END"] and body["response_format"]["json_schema"]["schema"] == {"type": "object"}


@pytest.mark.parametrize("typed", ["<|im_end|>", "<|start_header_id|>", "</s>", "<start_of_turn>", "[/INST]"])
def test_a_control_token_that_somebody_types_goes_out_broken(server: Any, typed: str) -> None:
    server.body = sse(delta("a", "stop"))
    ask(server, f"before {typed} a < b [1] <b> after")
    sent = server.asked[0][2]["messages"][1]["content"]
    assert typed not in sent
    assert sent.replace("\u2060", "") == f"before {typed} a < b [1] <b> after" and sent.count("\u2060") == 1


def test_the_key_comes_from_its_file_and_stays_out_of_errors(server: Any, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("very-secret\n")
    server.status = 401
    with pytest.raises(PartFailed, match="KEY_FILE") as found:
        ask(server, engine=UpstreamEngine(server.url, "m", str(key)))
    assert server.asked[0][1]["Authorization"] == "Bearer very-secret"
    assert "very-secret" not in str(found.value)
    for content in ("", "a\nb", "ñ"):
        key.write_text(content)
        with pytest.raises(StoreError):
            UpstreamEngine(server.url, "m", str(key))


@pytest.mark.parametrize(
    ("status", "kind"), [(400, BadInput), (413, BadInput), (403, PartFailed), (429, PartFailed), (500, PartFailed)]
)
def test_a_refusal_is_told_without_its_words(server: Any, status: int, kind: type[Exception]) -> None:
    server.status, server.body = status, b'{"error": "you said: secret words"}'
    with pytest.raises(kind, match=str(status)) as found:
        ask(server, "secret words")
    assert "secret" not in str(found.value)


def test_a_redirect_is_not_followed(server: Any) -> None:
    server.status = 307
    with pytest.raises(PartFailed, match="307"):
        ask(server)
    assert [path for path, _, _ in server.asked] == ["/v1/chat/completions"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (sse(delta("half"), done=False), "broke off"),
        (b"", "broke off"),
        (sse(delta("half"), {"error": {"message": "secret"}}), "error"),
        (b"data: not json\n\n", "no chat completion"),
        (sse({"choices": [{"delta": {"content": 5}}]}), "no chat completion"),
        (sse({"choices": "none"}), "no chat completion"),
        (sse([1]), "no chat completion"),
        (b"data: " + b"x" * (2 << 20), "without end"),
    ],
)
def test_what_is_no_whole_answer_is_a_failure(server: Any, body: bytes, message: str) -> None:
    server.body = body
    with pytest.raises(PartFailed, match=message) as found:
        ask(server)
    assert "secret" not in str(found.value)


def test_an_answer_without_done_but_with_an_end_is_whole(server: Any) -> None:
    server.body = sse(delta("ab", "stop"), done=False).rstrip(b"\n")
    assert [chunk.text for chunk in ask(server)] == ["ab", ""]


def test_a_silent_upstream_times_out_and_a_dead_one_is_named(server: Any) -> None:
    server.body, server.piece, server.pause_s = sse(delta("a"), delta("b", "stop")), 1, 0.5
    with pytest.raises(PartFailed, match="ReadTimeout"):
        ask(server, engine=UpstreamEngine(server.url, "m", read_s=0.1))
    with pytest.raises(PartFailed, match="ConnectError"):
        ask(server, engine=UpstreamEngine("http://127.0.0.1:9/v1", "m"))


def test_closing_the_stream_closes_the_connection_and_stop_ends_with_cancelled(server: Any) -> None:
    server.body, server.piece, server.pause_s = sse(*[delta("word ")] * 500), 60, 0.005

    async def run() -> list[Chunk]:
        engine = UpstreamEngine(server.url, "m")
        request = Generation((Message("user", "hi"),), Sampling(50))
        stream = engine.generate(request)
        await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]
        assert await asyncio.to_thread(server.cut_off.wait, 5)
        chunks: list[Chunk] = []
        async for chunk in engine.generate(request):
            chunks.append(chunk)
            if len(chunks) == 3:
                stopping = asyncio.create_task(engine.stop())
        await stopping
        with pytest.raises(PartFailed, match="stopped"):
            await anext(engine.generate(request))
        return chunks

    assert asyncio.run(run())[-1].finish == "cancelled"


def test_many_answers_at_once_stay_apart(server: Any) -> None:
    server.body, server.piece, server.pause_s = sse(*[delta("a")] * 20, delta("b", "stop")), 200, 0.001

    async def run() -> set[str]:
        engine = UpstreamEngine(server.url, "m")

        async def one(number: int) -> str:
            request = Generation((Message("user", str(number)),), Sampling(50))
            return "".join([chunk.text async for chunk in engine.generate(request)])

        return set(await asyncio.gather(*(one(number) for number in range(40))))

    assert asyncio.run(run()) == {"a" * 20 + "b"}
    assert {body["messages"][0]["content"] for _, _, body in server.asked} == {str(number) for number in range(40)}
