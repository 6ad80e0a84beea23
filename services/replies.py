"""What goes out: OpenAI-shaped answers, stream chunks and the list of models. What comes in stands in `wire.py`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.engines.engine import ToolCall
from policies.guardrails.guarded import ChoiceEnded, Delta
from services.errors import ApiError

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Usage:
    """How many tokens a request took."""

    prompt_tokens: int
    completion_tokens: int

    def body(self) -> dict[str, int]:
        """As OpenAI writes it."""
        total = self.prompt_tokens + self.completion_tokens
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": total,
        }


@dataclass(frozen=True)
class Reply:
    """What all parts of one answer share. `fingerprint` names the version that answers."""

    response_id: str
    created_s: int
    model: str
    fingerprint: str

    def whole(self, ends: Sequence[ChoiceEnded], usage: Usage) -> dict[str, Any]:
        """A complete answer (`chat.completion`)."""
        choices = [
            {"index": end.index, "message": _message(end), "logprobs": None, "finish_reason": end.finish_reason}
            for end in ends
        ]
        return self._head("chat.completion") | {"choices": choices, "usage": usage.body()}

    def opening(self, choice: int, *, with_usage: bool) -> bytes:
        """The first event of a choice."""
        return self._event(self._choice(choice, {"role": "assistant", "content": ""}, None), with_usage)

    def piece(self, delta: Delta, *, with_usage: bool) -> bytes:
        """A piece of a choice: text, or of a call."""
        return self._event(self._choice(delta.choice, _delta(delta), None), with_usage)

    def closing(self, choice: int, finish_reason: str, *, with_usage: bool) -> bytes:
        """The event that says why a choice ended."""
        return self._event(self._choice(choice, {}, finish_reason), with_usage)

    def usage(self, usage: Usage) -> bytes:
        """The event with the counts, where the caller asked for it."""
        return _sse(self._head("chat.completion.chunk") | {"choices": [], "usage": usage.body()})

    def _choice(self, index: int, delta: dict[str, Any], finish_reason: str | None) -> dict[str, Any]:
        return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}

    def _event(self, choice: dict[str, Any], with_usage: bool) -> bytes:
        return _sse(
            self._head("chat.completion.chunk") | {"choices": [choice]} | ({"usage": None} if with_usage else {})
        )

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.response_id,
            "object": kind,
            "created": self.created_s,
            "model": self.model,
            "system_fingerprint": self.fingerprint,
        }


def _message(end: ChoiceEnded) -> dict[str, Any]:
    """A whole choice; one that is calls alone has no content."""
    message: dict[str, Any] = {"role": "assistant", "content": end.text, "refusal": None}
    if not end.calls:
        return message
    return message | {"content": end.text or None, "tool_calls": [_call(call) for call in end.calls]}


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _delta(delta: Delta) -> dict[str, Any]:
    if delta.call is None:
        return {"content": delta.text}
    function = {"arguments": delta.call.arguments}
    if not delta.call.name:
        return {"tool_calls": [{"index": delta.call.index, "function": function}]}
    named = {"id": delta.call.id, "type": "function", "function": {"name": delta.call.name} | function}
    return {"tool_calls": [{"index": delta.call.index} | named]}


@dataclass(frozen=True)
class ModelEntry:
    """One model as /v1/models lists it. `version` is 0 and `release` None for the scripted engine."""

    name: str
    created_s: int
    version: int
    release: str | None
    fingerprint: str

    def body(self) -> dict[str, Any]:
        """OpenAI's fields, and the version that answers now."""
        return {
            "id": self.name,
            "object": "model",
            "created": self.created_s,
            "owned_by": "sluice",
            "version": self.version,
            "release": self.release,
            "system_fingerprint": self.fingerprint,
        }


def model_list(entries: Sequence[ModelEntry]) -> dict[str, Any]:
    """The body of GET /v1/models."""
    return {"object": "list", "data": [entry.body() for entry in entries]}


def error_event(error: ApiError) -> bytes:
    """An error after the stream began: no `[DONE]` follows, so that nobody takes the answer for whole."""
    return _sse(error.body())


def to_json(body: Mapping[str, Any]) -> bytes:
    """JSON in UTF-8 without blanks."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _sse(body: dict[str, Any]) -> bytes:
    return b"data: " + to_json(body) + b"\n\n"
