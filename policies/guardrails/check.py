"""One check of a policy, compiled: its validators, run over a passage, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from infra.contracts.audit import CheckRecord, SpanRecord
from policies.checks import CheckBase, Direction
from policies.guardrails.detectors.detector import PASSAGE, Detector
from policies.guardrails.entity_rules import EntityRules
from policies.guardrails.operators import Operators, StandIns
from policies.guardrails.passage import Passage
from policies.guardrails.redact import Span, settle, to_redact
from policies.verdict import Verdict, strictest

FAILED = ".failed"
"""Ends the rule id of a check that itself failed."""
TOO_LONG = ".too-long"
"""Ends the rule id of a check that found something longer than its reach in a stream."""
TOO_SLOW = ".too-slow"
"""Ends the rule id of a check that took longer than its budget."""
RESTED = ".rested"
"""Ends the rule id of a check that is not meant for the text's language, and was not run."""


@dataclass(frozen=True)
class Guarded:
    """One text after its checks."""

    text: str
    """What goes on, redacted. Where an output is blocked: what a stream would have released before."""
    verdict: Verdict
    rule: str
    """Id of the first check that blocks, or ''."""
    checks: tuple[CheckRecord, ...]
    message: str = ""
    """What the policy tells a caller whose text was blocked."""
    spans: tuple[Span, ...] = ()
    """Every find, by place: offsets into the text as it came, with scores. Those to redact do not overlap."""


@dataclass(frozen=True)
class Checked:
    """What one check said of one passage. Spans are offsets into the passage's original text."""

    rule: str
    verdict: Verdict
    score: float
    milliseconds: float
    spans: tuple[Span, ...] = ()
    message: str = ""

    def record(self, direction: Direction, offset: int = 0) -> CheckRecord:
        """The public form: where it fired, never on what."""
        spans = tuple(
            SpanRecord(start=span.start + offset, end=span.end + offset, entity=span.entity) for span in self.spans
        )
        return CheckRecord(
            rule=self.rule,
            direction=direction,
            verdict=self.verdict.value,
            score=self.score,
            milliseconds=self.milliseconds,
            spans=spans,
        )


@dataclass(frozen=True)
class CompiledCheck:
    """A check, the validators that it runs, and what it does with each kind of find."""

    rule: CheckBase
    direction: Direction
    detectors: tuple[Detector, ...]
    entities: EntityRules
    operators: Operators

    @property
    def ends_all(self) -> bool:
        """Whether a block by this check spares the others their work."""
        return self.rule.ends_all

    @property
    def whole(self) -> bool:
        """Whether it needs the whole message."""
        return any(detector.reach.whole for detector in self.detectors)

    @property
    def hold_back(self) -> int:
        """Code points behind a point of a stream that must be seen before what stands at it may leave."""
        return max((detector.reach.span + detector.reach.context for detector in self.detectors), default=0)

    @property
    def context(self) -> int:
        """Code points before a point that may decide about it."""
        return max((detector.reach.context for detector in self.detectors), default=0)

    def standing_in(self, stand_ins: StandIns | None) -> CompiledCheck:
        """The same check for one conversation, with its stand-ins."""
        return self if stand_ins is None else replace(self, operators=replace(self.operators, stand_ins=stand_ins))

    def run(
        self,
        passage: Passage,
        *,
        first: int = -1,
        last: int | None = None,
        bounded: bool = False,
        hurried: bool = True,
    ) -> Checked:
        """Runs the validators. One that raises, or is too slow, blocks, unless the policy says `on_error: open`.

        Finds that begin before `last` and end after `first` count. `bounded`: one longer than its detector's reach
        blocks. `hurried`: the check's budget counts.
        """
        if self.rule.languages is not None and passage.language not in self.rule.languages:
            return Checked(self.rule.id + RESTED, Verdict.ALLOW, 0.0, 0.0)
        started = time.perf_counter()
        score = 0.0
        spans: list[Span] = []
        too_long = False
        try:
            for detector in self.detectors:
                result = detector.validate(passage.original, {PASSAGE: passage})
                found = _sound(result.metadata, len(passage.original))
                placed = [span for span in found if span.end > first and (last is None or span.start < last)]
                counted = [span for span in placed if self.entities.counts(span)]
                spans += counted
                too_long |= bounded and any(span.length > detector.reach.span > 0 for span in counted)
                seen = [span.score for span in placed] if found else [result.metadata["score"]]
                score = max([score, *seen])
            settled = self._judged(spans, passage.original)
        except Exception:  # whatever fails, nothing that is unchecked goes on
            return self._failed(FAILED, _since(started))
        milliseconds = _since(started)
        if too_long:
            return Checked(self.rule.id + TOO_LONG, Verdict.BLOCK, score, milliseconds, settled, self.rule.message)
        verdict = strictest(span.verdict for span in settled)
        if hurried and self.rule.budget_ms is not None and milliseconds > self.rule.budget_ms:
            # What it found counts all the same: open only lets through what nobody looked at.
            return replace(self._failed(TOO_SLOW, milliseconds, verdict), score=score, spans=settled)
        message = self.rule.message if verdict is Verdict.BLOCK else ""
        return Checked(self.rule.id, verdict, score, milliseconds, settled, message)

    def _judged(self, spans: Sequence[Span], text: str) -> tuple[Span, ...]:
        """The finds by place, each with what is to become of the text for it.

        Each verdict is settled apart: what is only flagged must not hide, by being longer, what is to be redacted.
        """
        marked = [self.entities.marked(span) for span in spans]
        settled = [one for verdict in Verdict for one in settle(span for span in marked if span.verdict is verdict)]
        placed = sorted(settled, key=lambda span: (span.start, span.end))
        return tuple(self.operators.applied(span, text) for span in placed)

    def _failed(self, ending: str, milliseconds: float, found: Verdict = Verdict.ALLOW) -> Checked:
        verdict = Verdict.BLOCK if self.rule.on_error == "closed" else found
        message = self.rule.message if verdict is Verdict.BLOCK else ""
        return Checked(self.rule.id + ending, verdict, 0.0, milliseconds, (), message)


def _sound(metadata: Mapping[str, Any], length: int) -> Sequence[Span]:
    """A validator's finds. Raises ValueError where they are none that the text can have: it is then not checked."""
    found: Sequence[Span] = metadata.get("spans", ())
    scores = [span.score for span in found] if found else [metadata["score"]]
    places = all(0 <= span.start <= span.end <= length for span in found)
    if not places or not all(0 <= score <= 1 for score in scores):
        raise ValueError("finds that the text cannot have")
    return found


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1e3, 3)


def combine(results: Iterable[Checked], direction: Direction, text: str) -> Guarded:
    """Puts the results of all checks of one text together: the strictest verdict, the first rule that blocks."""
    found = tuple(results)
    blocking = next((result for result in found if result.verdict is Verdict.BLOCK), None)
    return Guarded(
        text,
        strictest(result.verdict for result in found),
        blocking.rule if blocking else "",
        tuple(result.record(direction) for result in found),
        blocking.message if blocking else "",
        all_spans(found),
    )


def all_spans(results: Sequence[Checked]) -> tuple[Span, ...]:
    """The finds of all checks by place, those to redact settled among themselves."""
    spans = [span for result in results for span in result.spans]
    others = [span for span in spans if span.verdict is not Verdict.REDACT]
    return tuple(sorted([*to_redact(spans), *others], key=lambda span: (span.start, span.end)))


def merge(earlier: Checked, later: Checked) -> Checked:
    """Two results of one check on two parts of one text, with spans in the same offsets.

    Where nothing blocks, the rule tells of a part on which the check failed and was left open: its ending is kept.
    """
    return replace(
        earlier,
        rule=later.rule if later.verdict is Verdict.BLOCK else max(earlier.rule, later.rule, key=len),
        verdict=strictest((earlier.verdict, later.verdict)),
        score=max(earlier.score, later.score),
        milliseconds=round(earlier.milliseconds + later.milliseconds, 3),
        spans=(*earlier.spans, *later.spans),
        message=later.message or earlier.message,
    )
