"""What one check has said of one text so far, step by step, in bounded memory."""

from __future__ import annotations

from policies.guardrails.check import Checked
from policies.guardrails.redact import Span
from policies.verdict import Verdict, strictest

MOST_SPANS = 1_000
"""Places of finds that are kept of one check where not all are asked for."""


class Tally:
    """The results of one check, put together. `all_spans`: every place is kept, else the first MOST_SPANS."""

    def __init__(self, rule: str, *, all_spans: bool) -> None:
        self._check = self._rule = rule
        self._verdict = Verdict.ALLOW
        self._score = 0.0
        self._milliseconds = 0.0
        self._message = ""
        self._spans: list[Span] = []
        self._most = None if all_spans else MOST_SPANS

    @property
    def verdict(self) -> Verdict:
        """The strictest so far."""
        return self._verdict

    def add(self, result: Checked) -> None:
        """Takes up the next result, with spans in the offsets of the whole text."""
        # An ending tells that the check failed or rested: it is kept where a later step has none.
        if self._verdict is not Verdict.BLOCK and (result.verdict is Verdict.BLOCK or result.rule != self._check):
            self._rule = result.rule
        self._verdict = strictest((self._verdict, result.verdict))
        self._score = max(self._score, result.score)
        self._milliseconds += result.milliseconds
        self._message = result.message or self._message
        self._spans += result.spans if self._most is None else result.spans[: max(0, self._most - len(self._spans))]

    def checked(self) -> Checked:
        """All of it as one result."""
        milliseconds = round(self._milliseconds, 3)
        return Checked(self._rule, self._verdict, self._score, milliseconds, tuple(self._spans), self._message)
