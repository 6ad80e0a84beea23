"""What a caller is told when a request is not answered: OpenAI-shaped errors with a stable `code`, no user's text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(eq=False)
class ApiError(Exception):
    """One refusal or failure as the endpoint says it. `code` is stable; `message` is for people."""

    status: int
    message: str
    type: str
    code: str
    param: str | None = None
    rule: str = ""
    """The guardrail rule that blocked, for `content_filter`."""
    response_id: str = ""

    def body(self) -> dict[str, Any]:
        """The JSON body."""
        error: dict[str, Any] = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        if self.rule:
            error |= {"rule": self.rule, "response_id": self.response_id}
        return {"error": error}

    def headers(self) -> dict[str, str]:
        """Whether and when another try makes sense: the openai client heeds both."""
        if self.status == 429 or self.code in {"no_release", "starting", "draining"}:
            return {"retry-after": "1"}
        return {"x-should-retry": "false"} if self.status >= 500 else {}

    @classmethod
    def bad_request(cls, message: str, *, param: str | None = None, code: str = "invalid_value") -> ApiError:
        """400: the request cannot be followed as it is."""
        return cls(400, message, "invalid_request_error", code, param)

    @classmethod
    def wrong_key(cls) -> ApiError:
        """401: no key, or none that is known here."""
        return cls(
            401,
            "send `Authorization: Bearer KEY` with a key that is valid here",
            "authentication_error",
            "invalid_api_key",
        )

    @classmethod
    def forbidden(cls, message: str) -> ApiError:
        """403: a key that is known, for something else."""
        return cls(403, message, "permission_error", "forbidden")

    @classmethod
    def unknown_model(cls) -> ApiError:
        """404: no pipeline of that name is served. The name is not repeated."""
        return cls(404, "no such model; GET /v1/models lists them", "invalid_request_error", "model_not_found", "model")

    @classmethod
    def not_found(cls, what: str, *, param: str | None = None, code: str = "not_found") -> ApiError:
        """404 for anything else."""
        return cls(404, what, "invalid_request_error", code, param)

    @classmethod
    def too_large(cls, limit_bytes: int) -> ApiError:
        """413: the body is larger than the setting allows."""
        return cls(413, f"the body is larger than {limit_bytes} bytes", "invalid_request_error", "request_too_large")

    @classmethod
    def prompt_too_long(cls, tokens: int, limit_tokens: int) -> ApiError:
        """400: too many tokens."""
        message = f"the prompt has {tokens} tokens, at most {limit_tokens} are allowed"
        return cls(400, message, "invalid_request_error", "context_length_exceeded", "messages")

    @classmethod
    def overloaded(cls) -> ApiError:
        """429: as many answers are under way as the setting allows."""
        return cls(429, "too many answers are under way; try again", "rate_limit_error", "overloaded")

    @classmethod
    def not_ready(cls, code: str) -> ApiError:
        """503: nothing to answer with: `no_release`, `starting`, `release_refused`, `draining`."""
        reasons = {
            "no_release": "no version has been released yet",
            "starting": "the released version is being loaded",
            "release_refused": "the release does not verify and is not served",
            "scripted_refused": "the scripted engine does not answer in a home that has a release",
            "draining": "the service is stopping",
        }
        return cls(503, reasons.get(code, "nothing is served"), "server_error", code)

    @classmethod
    def ledger_unavailable(cls) -> ApiError:
        """503: the request could not be recorded, so it is not answered."""
        return cls(503, "the request could not be recorded and is not answered", "server_error", "ledger_unavailable")

    @classmethod
    def engine_failed(cls) -> ApiError:
        """502: what generates text failed."""
        return cls(502, "the engine failed", "server_error", "engine_failed")

    @classmethod
    def guards_stuck(cls) -> ApiError:
        """503: so many checks of the guardrails hang that nothing is checked, and so nothing answered."""
        message = "checks of the guardrails do not come back, so nothing is answered until the service is restarted"
        return cls(503, message, "server_error", "guards_stuck")

    @classmethod
    def timed_out(cls, limit_s: float) -> ApiError:
        """504: the answer took too long."""
        return cls(504, f"the answer took longer than {limit_s:g} s", "server_error", "timeout")

    @classmethod
    def blocked(cls, rule: str, response_id: str, why: str) -> ApiError:
        """400: a guardrail rule blocked the request. Names the rule and the response id; `why` is the policy's text."""
        message = f"{why or 'the request was blocked'} (rule {rule!r}, response {response_id})"
        return cls(400, message, "invalid_request_error", "content_filter", "messages", rule, response_id)

    @classmethod
    def answer_blocked(cls, rule: str, response_id: str, why: str) -> ApiError:
        """A guardrail rule blocked an answer that had begun to leave: the last event of its stream."""
        message = f"{why or 'the answer was blocked here'} (rule {rule!r}, response {response_id})"
        return cls(400, message, "invalid_request_error", "content_filter", None, rule, response_id)

    @classmethod
    def guard_failed(cls, rule: str, response_id: str) -> ApiError:
        """503: a check itself failed, was late or said nonsense, so that what it guards went no further."""
        message = (
            f"a check of the guardrails failed, so nothing was let through (rule {rule!r}, response {response_id})"
        )
        return cls(503, message, "server_error", "guard_failed", None, rule, response_id)
