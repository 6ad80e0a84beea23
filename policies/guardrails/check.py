"""One check of a policy, compiled: its validators, run over a passage, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from infra.contracts.audit import CheckRecord, SpanRecord
from policies.checks import CheckBase, Direction
from policies.guardrails.detectors.detector import PASSAGE, Detector
from policies.guardrails.passage import Passage
from policies.guardrails.pseudonyms import StandIns
from policies.guardrails.redact import Span, settle
from policies.verdict import Verdict, strictest

FAILED = ".failed"
"""Ends the rule id of a check that itself failed."""
TOO_LONG = ".too-long"
"""Ends the rule id of a check that found something longer than its reach in a stream."""


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
    """A check and the validators that it runs."""

    rule: CheckBase
    direction: Direction
    detectors: tuple[Detector, ...]
    stand_ins: StandIns | None = None
    """Of the conversation, where there is one."""
    ends_all: bool = False
    """A block by this check spares the others their work (size)."""

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
        return self if stand_ins is None else replace(self, stand_ins=stand_ins)

    def run(self, passage: Passage, *, first: int = -1, last: int | None = None, bounded: bool = False) -> Checked:
        """Runs the validators. A validator that raises blocks, unless the policy says `on_error: open`.

        Finds that begin before `last` and end after `first` count. `bounded`: one longer than its detector's reach
        blocks.
        """
        started = time.perf_counter()
        score = 0.0
        spans: list[Span] = []
        too_long = False
        try:
            for detector in self.detectors:
                result = detector.validate(passage.original, {PASSAGE: passage})
                found: Sequence[Span] = result.metadata.get("spans", ())
                if self.stand_ins is not None and self.direction == "output":
                    found = self.stand_ins.spare(passage.original, found)
                counted = [span for span in found if span.end > first and (last is None or span.start < last)]
                spans += counted
                too_long |= bounded and any(span.length > detector.reach.span > 0 for span in counted)
                spared = bool(result.metadata.get("spans")) and not found
                seen = [span.score for span in counted] if found or spared else [result.metadata["score"]]
                score = max([score, *seen])
        except Exception:  # whatever fails, nothing that is unchecked goes on
            return self._failed(_since(started))
        settled = tuple(replace(span, becomes=self._becomes(span, passage.original)) for span in settle(spans))
        if too_long:
            return Checked(self.rule.id + TOO_LONG, Verdict.BLOCK, score, _since(started), settled, self.rule.message)
        action = Verdict.BLOCK if self.rule.action == "block" else Verdict.REDACT
        verdict = action if settled else Verdict.ALLOW
        message = self.rule.message if verdict is Verdict.BLOCK else ""
        return Checked(self.rule.id, verdict, score, _since(started), settled, message)

    def _becomes(self, span: Span, text: str) -> str:
        """What takes the place of a find; '' for its placeholder."""
        if self.rule.action != "pseudonymise" or self.stand_ins is None:
            return ""
        return self.stand_ins.stand_in(span.entity, text[span.start : span.end])

    def _failed(self, milliseconds: float) -> Checked:
        verdict = Verdict.BLOCK if self.rule.on_error == "closed" else Verdict.ALLOW
        return Checked(self.rule.id + FAILED, verdict, 0.0, milliseconds, (), self.rule.message)


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
    redacted = settle(span for result in results if result.verdict is Verdict.REDACT for span in result.spans)
    others = [span for result in results if result.verdict is not Verdict.REDACT for span in result.spans]
    return tuple(sorted([*redacted, *others], key=lambda span: (span.start, span.end)))


def merge(earlier: Checked, later: Checked) -> Checked:
    """Two results of one check on two parts of one text, with spans in the same offsets."""
    return replace(
        earlier,
        rule=later.rule if later.verdict is Verdict.BLOCK else earlier.rule,
        verdict=strictest((earlier.verdict, later.verdict)),
        score=max(earlier.score, later.score),
        milliseconds=round(earlier.milliseconds + later.milliseconds, 3),
        spans=(*earlier.spans, *later.spans),
        message=later.message or earlier.message,
    )
