"""Answers that failed a check with `action: retry`: what the model is asked then, and the record of each try.

An answer that failed goes back to the engine that wrote it, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from infra.contracts.request_events import CheckRecord
from infra.engines.engine import Chunk, Message
from policies.checks import Retry
from policies.guardrails.compiled import Guards
from policies.guardrails.stream import OutputStream


@dataclass
class Tries:
    """The answers to one request so far. Belongs to that request."""

    guards: Guards
    messages: tuple[Message, ...]
    """The conversation, as checked."""
    checks: tuple[CheckRecord, ...] = ()
    """Of the answers that failed; rule ids end in `.try-1`, `.try-2`."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    """Of the answers that failed."""
    _failed: int = 0
    _asking: tuple[Message, ...] = field(default=(), repr=False)

    @property
    def asked(self) -> tuple[Message, ...]:
        """What the engine gets for the next answer: after one that failed, that one too, and what to do better."""
        return (*self.messages, *self._asking)

    def again(self, output: OutputStream, said: Sequence[str], last: Chunk) -> bool:
        """Whether to ask once more, after an answer that was checked to its end; if so, `asked` is another one."""
        retry = self._retry(output, last)
        if retry is None:
            return False
        self._failed += 1
        ending = f".try-{self._failed}"
        self.checks += tuple(one.model_copy(update={"rule": one.rule + ending}) for one in output.checks)
        self.prompt_tokens += last.prompt_tokens
        self.completion_tokens += last.completion_tokens
        self._asking = (Message("assistant", "".join(said)), Message("user", retry.correction))
        return True

    def _retry(self, output: OutputStream, last: Chunk) -> Retry | None:
        if not output.blocked or last.finish == "cancelled":
            return None
        retry = self.guards.retry_after(output.rule)
        return retry if retry is not None and self._failed < retry.tries else None
