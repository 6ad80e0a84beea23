"""UpstreamEngine: any OpenAI-compatible server (vLLM, llama.cpp ...) over HTTP. Only the configured URL is contacted.

Messages go out as messages, so the upstream renders them with its own template. A control token that a message spells
is broken up before, since such servers read it as a real one.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from infra.contracts.evaluation import EngineRecord
from infra.engines.engine import CallPiece, Capabilities, Chunk, FinishReason, Generation, Message, Sampling, ToolUse
from infra.engines.json_schema import check_schema
from infra.engines.sse import SseReader
from infra.errors import BadInput, PartFailed, StoreError

_CONNECT_S = 5.0
_READ_S = 60.0
"""Seconds between two pieces of an answer; the caller has a limit for the whole."""
_CONTROL = re.compile(r"<(?=\|[^<>|\s]{1,40}\|>|/?s>|(?:start|end)_of_turn>)|\[(?=/?INST\])")
"""The first character of what ChatML, Llama and Gemma templates use as control tokens."""
_JOINER = "\u2060"
_BYTES_PER_TOKEN = 3
_TURN_TOKENS = 8
_DONE = b"[DONE]"
_BAD_REQUEST = frozenset({400, 413, 422})
_NOT_ALLOWED = frozenset({401, 403})


class UpstreamEngine:
    """Streams answers of one model of one server. Holds no model: loading it costs nothing, and contacts nobody."""

    def __init__(self, url: str, model: str, key_file: str = "", *, read_s: float = _READ_S) -> None:
        """`url` is the API's base, e.g. http://127.0.0.1:8000/v1. Raises BadInput, or StoreError for the key's file."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
            raise BadInput(
                "the upstream's URL is missing, or is not http(s)://host[:port]/path",
                where="SLUICE_ENGINE_UPSTREAM_URL",
                cure="set it to the API's base, e.g. http://127.0.0.1:8000/v1; a key goes in its own file",
            )
        if not model:
            raise BadInput(
                "no model is named", where="SLUICE_ENGINE_UPSTREAM_MODEL", cure="set it to a model of the upstream"
            )
        self._url = f"{url.rstrip('/')}/chat/completions"
        self._model = model
        self._headers = {"Authorization": f"Bearer {_key(key_file)}"} if key_file else {}
        self._timeout = httpx.Timeout(read_s, connect=_CONNECT_S, pool=None)
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = False

    @property
    def record(self) -> EngineRecord:
        """The upstream's model; what runs there is for the upstream to say."""
        return EngineRecord(name="upstream", precision="upstream", version=self._model)

    @property
    def capabilities(self) -> Capabilities:
        """What OpenAI's protocol has; log-probabilities of a given answer are not in it."""
        sampling = frozenset({"temperature", "top_p", "seed", "stop"})
        return Capabilities(json_schema=True, sampling=sampling, tools=True)

    async def generate(self, request: Generation) -> AsyncIterator[Chunk]:
        """Streams one answer; see `Engine.generate`. Token counts are the upstream's where it gives them."""
        if self._stopped:
            raise PartFailed("the engine is stopped", cure="load it again")
        answer = _Answer(self.count_tokens(request.messages))
        try:
            async with self._client_here().stream("POST", self._url, json=self._body(request)) as response:
                _check(response)
                async with aclosing(_events(response)) as events:
                    async for event in events:
                        text, calls = answer.take(event)
                        if text or calls:
                            yield Chunk(text, answer.prompt_tokens, answer.completion_tokens, calls=calls)
            yield answer.last()
        except httpx.HTTPError as error:
            if self._stopped:  # our own `stop` closed the connection
                yield Chunk("", answer.prompt_tokens, answer.completion_tokens, "cancelled")
                return
            # The class only: httpx quotes URLs, and a proxy's text could quote the request.
            raise PartFailed(
                f"the upstream failed: {type(error).__name__}",
                where=self._url,
                cure="see that the server runs, and that SLUICE_ENGINE_UPSTREAM_URL is its address",
            ) from None

    def count_tokens(self, messages: tuple[Message, ...]) -> int:
        """An estimate from above for European text (3 bytes a token): the upstream's tokenizer is not here."""
        texts = [
            message.content + "".join(call.name + call.arguments for call in message.calls) for message in messages
        ]
        return sum(len(text.encode()) // _BYTES_PER_TOKEN + _TURN_TOKENS for text in texts)

    async def score(self, messages: tuple[Message, ...], answer: str) -> float | None:  # noqa: ARG002
        """None: the protocol cannot ask for it."""
        return None

    async def stop(self) -> None:
        """Closes the connections. Answers under way end with `cancelled`."""
        self._stopped = True
        if self._client is not None and self._loop is asyncio.get_running_loop():
            await self._client.aclose()

    def _client_here(self) -> httpx.AsyncClient:
        """The client of the running event loop: connections cannot go from one loop to another."""
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            # No proxies or .netrc from the environment, no redirects: nothing but the URL of the settings is contacted.
            self._client = httpx.AsyncClient(
                headers=self._headers,
                timeout=self._timeout,
                trust_env=False,
                follow_redirects=False,
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=32),
            )
            self._loop = loop
        return self._client

    def _body(self, request: Generation) -> dict[str, Any]:
        messages = [_message(message) for message in request.messages]
        options = {"stream": True, "stream_options": {"include_usage": True}}
        tools = _tools(request.tools) if request.tools else {}
        return {"model": self._model, "messages": messages, **options, **_sampling(request.sampling), **tools}


@dataclass
class _Answer:
    """One answer as its events come in."""

    prompt_tokens: int
    completion_tokens: int = 0
    finish: FinishReason | None = None

    def take(self, data: bytes) -> tuple[str, tuple[CallPiece, ...]]:
        """The text and the calls of one event. Raises PartFailed when it is an error, or no chunk of a completion."""
        try:
            event = json.loads(data)
            if "error" in event:
                raise PartFailed("the upstream broke off with an error", cure="see the upstream's log")
            if usage := event.get("usage"):
                self.prompt_tokens = int(usage["prompt_tokens"])
                self.completion_tokens = int(usage["completion_tokens"])
            choices = event["choices"]
            if not choices:
                return "", ()
            delta = choices[0].get("delta") or {}
            text = delta.get("content") or ""
            calls = tuple(_call(piece) for piece in delta.get("tool_calls") or ())
            reason = choices[0].get("finish_reason")
            if not isinstance(text, str):
                raise TypeError
        except (ValueError, TypeError, KeyError, AttributeError):
            raise PartFailed("the upstream's answer is no chat completion", cure="see what runs at its URL") from None
        if reason:
            self.finish = reason if reason in ("length", "tool_calls") else "stop"
        self.completion_tokens += bool(text or calls) and not usage
        return _well_formed(text), calls

    def last(self) -> Chunk:
        """The last chunk. Raises PartFailed when the stream ended before the answer did."""
        if self.finish is None:
            raise PartFailed("the upstream broke off before the answer ended", cure="see the upstream's log")
        return Chunk("", self.prompt_tokens, self.completion_tokens, self.finish)


def _call(piece: dict[str, Any]) -> CallPiece:
    """A piece of a call. Raises TypeError or KeyError where it is none. The upstream's id is not passed on."""
    function = piece.get("function") or {}
    index, name, arguments = piece["index"], function.get("name") or "", function.get("arguments") or ""
    if type(index) is not int or not isinstance(name, str) or not isinstance(arguments, str):
        raise TypeError
    return CallPiece(index, _well_formed(name), _well_formed(arguments))


def _well_formed(text: str) -> str:
    """Half a surrogate pair, which JSON can spell, is no text that could be passed on."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _message(message: Message) -> dict[str, Any]:
    """A turn in the protocol's form, without control tokens."""
    fields: dict[str, Any] = {"role": message.role, "content": _broken_up(message.content)}
    if message.calls:
        fields["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": _broken_up(call.arguments)},
            }
            for call in message.calls
        ]
    if message.role == "tool":
        fields["tool_call_id"] = message.call_id
    return fields


def _tools(use: ToolUse) -> dict[str, Any]:
    functions = [json.loads(_broken_up(tool.definition)) for tool in use.tools]
    choice: Any = {"type": "function", "function": {"name": use.named}} if use.choice == "named" else use.choice
    fields = {"tools": [{"type": "function", "function": function} for function in functions], "tool_choice": choice}
    return fields if use.parallel is None else fields | {"parallel_tool_calls": use.parallel}


def _broken_up(text: str) -> str:
    return _CONTROL.sub(rf"\g<0>{_JOINER}", text)


async def _events(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """The data of each event up to [DONE], or to the end of the stream."""
    reader = SseReader()
    async for piece in response.aiter_bytes():
        for event in reader.push(piece):
            if event.strip() == _DONE:
                return
            yield event
    for event in reader.finish():
        if event.strip() != _DONE:
            yield event


def _check(response: httpx.Response) -> None:
    """Raises unless the upstream answers with a stream. Its words are not repeated: they may quote the request."""
    status = response.status_code
    if status == httpx.codes.OK:
        return
    if status in _BAD_REQUEST:
        raise BadInput(f"the upstream refuses the request (HTTP {status})", where="messages", cure="shorten the prompt")
    cure = "see the upstream's log"
    if status in _NOT_ALLOWED:
        cure = "put a key that the upstream accepts in the file named by SLUICE_ENGINE_UPSTREAM_KEY_FILE"
    raise PartFailed(f"the upstream answered HTTP {status}", cure=cure)


def _sampling(sampling: Sampling) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "max_tokens": sampling.max_new_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
    }
    if sampling.stop:
        fields["stop"] = list(sampling.stop)
    if sampling.json_schema:
        check_schema(sampling.json_schema)
        schema = {"name": "answer", "strict": True, "schema": json.loads(sampling.json_schema)}
        fields["response_format"] = {"type": "json_schema", "json_schema": schema}
    return fields


def _key(path: str) -> str:
    try:
        key = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        key = ""
    if not key or not key.isascii() or not key.isprintable():
        raise StoreError(
            "no key can be read",
            where=path,
            cure="put the upstream's key there on one line, readable by the gateway alone (mode 0600)",
        )
    return key
