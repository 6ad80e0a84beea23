"""How long, and over how many tokens, a stream has held back its oldest text. Bounded like what is held."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from policies.guardrails.stream import NEVER_S
from policies.stream_rules import HoldBack


class _Came(NamedTuple):
    """A piece of text: where it ends in the answer, how many tokens there were before it, and when it came."""

    end: int
    tokens_before: int
    at_s: float


@dataclass
class Holding:
    """The pieces of one text that came and have not left. Moments are `time.perf_counter`'s."""

    bounds: HoldBack
    _waiting: deque[_Came] = field(default_factory=deque)
    _length: int = 0

    def came(self, text: str, tokens_before: int, at_s: float) -> None:
        """Notes the next piece."""
        if text:
            self._length += len(text)
            self._waiting.append(_Came(self._length, tokens_before, at_s))

    def decided(self, consumed: int) -> None:
        """Notes that the first `consumed` code points of the text have left, or were replaced."""
        while self._waiting and self._waiting[0].end <= consumed:
            self._waiting.popleft()

    @property
    def until_s(self) -> float:
        """When what has waited longest will have waited too long."""
        return self._waiting[0].at_s + self.bounds.most_ms / 1e3 if self._waiting else NEVER_S

    def too_many(self, tokens: int) -> bool:
        """Whether more tokens than allowed came since what has waited longest."""
        return bool(self._waiting) and tokens - self._waiting[0].tokens_before > self.bounds.most_tokens
