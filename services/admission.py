"""The door: who asks, is there room, is the body acceptable, which version answers, and can it do what is asked.

Everything that is refused here costs no generation. Whoever is let in holds a place and keeps the version that answers
alive until `Admitted.leave`.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request

from infra.digest import digest_of
from infra.engines.engine import Message, Sampling, ToolUse
from infra.errors import BadInput, StoreError
from infra.settings import GatewaySettings
from infra.stores.callers import Caller, Callers
from policies.guardrails.deadline import THREADS
from services.errors import ApiError
from services.metrics import Metrics
from services.release_watch import ReleaseWatch
from services.served import Served
from services.wire import ChatRequest, JsonSchemaFormat, TextFormat, parse_chat

_BODY_S = 20.0
"""A caller that sends its body more slowly holds no place any longer."""


class Places:
    """How many answers may be under way at once."""

    def __init__(self, limit: int, metrics: Metrics) -> None:
        self._limit = limit
        self._taken = 0
        self._metrics = metrics

    def take(self) -> None:
        """Takes a place. Raises ApiError (429) when there is none."""
        if self._taken >= self._limit:
            raise ApiError.overloaded()
        self._taken += 1
        self._metrics.in_flight.set(self._taken)

    def give_back(self) -> None:
        """Frees a place."""
        self._taken -= 1
        self._metrics.in_flight.set(self._taken)


@dataclass
class Visitor:
    """What is known of who knocks, filled in step by step: a refusal is recorded with as much as is known."""

    caller: Caller | None = None
    served: Served | None = None


@dataclass(frozen=True)
class Admitted:
    """A request that passed the door."""

    chat: ChatRequest
    caller: Caller
    served: Served
    messages: tuple[Message, ...]
    """The pipeline's own system prompt, then the caller's turns."""
    sampling: Sampling
    tools: ToolUse | None
    choices: int
    places: Places

    def leave(self) -> None:
        """Gives the place and the version back. Once per request."""
        self.served.flight.end()
        self.places.give_back()


@dataclass(frozen=True)
class Door:
    """What admission needs."""

    callers: Callers
    watch: ReleaseWatch
    places: Places
    limits: GatewaySettings

    async def identify(self, request: Request, visitor: Visitor) -> Caller:
        """Whose key the request carries: one for asking the model. Raises ApiError (401, 403)."""
        caller = await self.known(request, visitor)
        if caller.role != "caller":
            raise ApiError.forbidden("this key is for the audit ledger, under /audit; it asks no model")
        return caller

    async def known(self, request: Request, visitor: Visitor) -> Caller:
        """Whose key the request carries, whatever it is for. Raises ApiError (401)."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        caller = None
        if scheme.lower() == "bearer" and key.strip():
            try:
                caller = await asyncio.to_thread(self.callers.find, key.strip())
            except StoreError:
                raise ApiError(503, "the keys cannot be read", "server_error", "keys_unavailable") from None
        if caller is None:
            raise ApiError.wrong_key()
        visitor.caller = caller
        return caller

    async def admit(self, request: Request, visitor: Visitor) -> Admitted:
        """Lets a chat request in. Raises ApiError; nothing is held then."""
        caller = await self.identify(request, visitor)
        self.places.take()
        served: Served | None = None
        try:
            chat = parse_chat(await read_body(request, self.limits.gateway_body_bytes))
            served = visitor.served = self.watch.find(chat.model)
            served.flight.begin()
            if THREADS.exhausted:
                raise ApiError.guards_stuck()
            sampling, tools = _sampling(chat, served), _tools(chat, served)
            messages = chat.turns
            if served.prompt.system:
                messages = (Message("system", served.prompt.system), *messages)
            await self._check_length(served, messages, tools)
            return Admitted(chat, caller, served, messages, sampling, tools, chat.n or 1, self.places)
        except BaseException:
            if served is not None:
                served.flight.end()
            self.places.give_back()
            raise

    async def _check_length(self, served: Served, messages: tuple[Message, ...], tools: ToolUse | None) -> None:
        limit = self.limits.gateway_prompt_tokens
        if tools:
            messages = (*messages, *(Message("system", tool.definition) for tool in tools.tools))
        try:
            tokens = await asyncio.to_thread(served.engine.count_tokens, messages)
        except BadInput:
            message = "the model's chat template does not take these messages in this order"
            raise ApiError.bad_request(message, param="messages") from None
        if tokens > limit:
            raise ApiError.prompt_too_long(tokens, limit)


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """The body, never more than the limit of it. Raises ApiError: 413, 408 (too slow), 400 (the caller went away)."""
    stated = request.headers.get("content-length", "")
    if stated.isascii() and stated.isdecimal() and int(stated) > limit_bytes:
        raise ApiError.too_large(limit_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_S):
            async for piece in request.stream():
                body += piece
                if len(body) > limit_bytes:
                    raise ApiError.too_large(limit_bytes)
    except TimeoutError:
        message = f"the body did not arrive within {_BODY_S:g} s"
        raise ApiError(408, message, "invalid_request_error", "request_timeout") from None
    except ClientDisconnect:
        raise ApiError.bad_request("the body did not arrive whole", code="incomplete_body") from None
    return bytes(body)


def _sampling(chat: ChatRequest, served: Served) -> Sampling:
    """How to generate, greedy unless the caller says otherwise. Raises ApiError for what the engine cannot follow."""
    able = served.engine.capabilities.sampling
    asked = (
        ("temperature", bool(chat.temperature)),
        ("top_p", chat.top_p not in (None, 1)),
        ("seed", bool(chat.temperature) and (chat.seed is not None or (chat.n or 1) > 1)),
        ("stop", bool(chat.stops)),
    )
    for name, is_asked in asked:
        if is_asked and name not in able:
            message = f"the field {name!r} is not supported by the engine that serves this model"
            raise ApiError.bad_request(message, param=name, code="unsupported_parameter")
    if (chat.n or 1) > 1 and not chat.temperature:
        message = "n above 1 needs a temperature above 0 (0 is the default here): at 0 all choices would be the same"
        raise ApiError.bad_request(message, param="n", code="unsupported_value")
    limit, most = chat.token_limit, served.prompt.max_new_tokens
    return Sampling(
        max_new_tokens=most if limit is None else min(limit, most),
        temperature=chat.temperature or 0.0,
        top_p=1.0 if chat.top_p is None else chat.top_p,
        seed=chat.seed or 0,
        stop=chat.stops,
        json_schema=_json_schema(chat, served),
    )


def _tools(chat: ChatRequest, served: Served) -> ToolUse | None:
    """The caller's tools. Raises ApiError where the engine cannot follow them, or messages that belong to them."""
    use = chat.tool_use
    if served.engine.capabilities.tools:
        return use
    turn = next((n for n, message in enumerate(chat.messages) if message.role == "tool" or message.tool_calls), None)
    if use is None and turn is None:
        return None
    param = "tools" if use else f"messages[{turn}]"
    message = f"the field {param!r} is not supported by the engine that serves this model, which cannot call tools"
    raise ApiError.bad_request(message, param=param, code="unsupported_parameter")


def _json_schema(chat: ChatRequest, served: Served) -> str:
    """The schema that the caller asks for, which can only be the pipeline's own: that one is followed in any case."""
    wanted, prompt = chat.response_format, served.prompt
    if wanted is None:
        return ""
    if isinstance(wanted, TextFormat):
        if prompt.answer_format == "text" or served.scripted:
            return ""
        raise _unsupported_format("this model answers with JSON; leave response_format out")
    if served.scripted and isinstance(wanted, JsonSchemaFormat):
        return json.dumps(wanted.json_schema.json_schema)
    if prompt.answer_format != "json":
        raise _unsupported_format("this model answers with text")
    if isinstance(wanted, JsonSchemaFormat) and _differs(wanted.json_schema.json_schema, prompt.json_schema):
        raise _unsupported_format("the schema is not this model's own: send that one, or leave response_format out")
    return prompt.json_schema


def _differs(given: dict[str, object], own: str) -> bool:
    try:
        return digest_of(given) != digest_of(json.loads(own))
    except ValueError:
        return True


def _unsupported_format(message: str) -> ApiError:
    return ApiError.bad_request(message, param="response_format", code="unsupported_value")
