"""One check of a policy, compiled: its validators, run over a passage, and what came of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from infra.contracts.request_events import CheckRecord, SpanRecord
from infra.cores import cores
from policies.checks import CheckBase, Direction
from policies.guardrails.deadline import THREADS, Job
from policies.guardrails.detectors.detector import PASSAGE, Detector
from policies.guardrails.entity_rules import EntityRules
from policies.guardrails.operators import Operators, StandIns
from policies.guardrails.passage import Passage
from policies.guardrails.redact import Span, redact, settle, to_redact
from policies.guardrails.sound import sound_score, sound_spans
from policies.verdict import Verdict, strictest

FAILED = ".failed"
"""Ends the rule id of a check that itself failed."""
LATE = ".late"
"""Ends the rule id of a check that took longer than its budget."""
BUDGET_MS = 5_000.0
"""Of a check whose policy gives none, for each 4,096 code points that are begun: its cost is linear in the text."""
_BUDGET_CHARACTERS = 4_096
_FIRST_MS = 60_000.0
"""Until a check has come back once: models and lists are loaded on first use."""
TOO_LONG = ".too-long"
"""Ends the rule id of a check that found something longer than its reach in a stream."""
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
    warm: threading.Event = field(default_factory=threading.Event, compare=False, repr=False)
    """Set once it has come back."""

    @property
    def ends_all(self) -> bool:
        """Whether a block by this check spares the others their work."""
        return self.rule.ends_all

    @property
    def leaves_python_free(self) -> bool:
        """Whether most of its time is spent in a model that lets other checks run meanwhile."""
        return any(detector.leaves_python_free for detector in self.detectors)

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
        return max((detector.reach.lookback for detector in self.detectors), default=0)

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
    ) -> Checked:
        """Runs the validators. One that raises blocks, unless the policy says `on_error: open`.

        Finds that begin before `last` and end after `first` count. `bounded`: one longer than its detector's reach
        blocks.
        """
        if self.rule.languages is not None and passage.language not in self.rule.languages:
            return Checked(self.rule.id + RESTED, Verdict.ALLOW, 0.0, 0.0)
        started = time.perf_counter()
        score = 0.0
        spans: list[Span] = []
        too_long = asked = False
        try:
            for detector in self.detectors:
                if not detector.has_work(passage):
                    continue
                asked = True
                result = detector.validate(passage.original, {PASSAGE: passage})
                found = tuple(sound_spans(result.metadata.get("spans", ()), len(passage.original)))
                foreign = self._without_stand_ins(detector, found, passage.original)
                placed = [span for span in foreign if span.end > first and (last is None or span.start < last)]
                counted = [span for span in placed if self.entities.counts(span)]
                spans += counted
                too_long |= bounded and any(span.length > detector.reach.span > 0 for span in counted)
                seen = [span.score for span in placed] if found else [sound_score(result.metadata["score"])]
                score = max([score, *seen])
            settled = self._judged(spans, passage.original)
        except Exception:  # whatever fails, nothing that is unchecked goes on
            return self.failed(late=False, milliseconds=_since(started))
        if asked:
            self.warm.set()
        milliseconds = _since(started)
        if too_long:
            return Checked(self.rule.id + TOO_LONG, Verdict.BLOCK, score, milliseconds, settled, self.rule.message)
        verdict = strictest(span.verdict for span in settled)
        message = self.rule.message if verdict is Verdict.BLOCK else ""
        return Checked(self.rule.id, verdict, score, milliseconds, settled, message)

    def _without_stand_ins(self, detector: Detector, found: tuple[Span, ...], text: str) -> tuple[Span, ...]:
        """The finds that count: of an answer without the conversation's stand-ins, which the input check put there.

        Where a detector judges the text as a whole, a find of all of it stays, even if all of it is a stand-in.
        """
        stand_ins = self.operators.stand_ins
        if stand_ins is None or self.direction == "input":
            return found
        whole = tuple(span for span in found if not detector.spares_placeholders and span.length == len(text))
        return (*whole, *stand_ins.spare(text, (span for span in found if span not in whole)))

    def _judged(self, spans: Sequence[Span], text: str) -> tuple[Span, ...]:
        """The finds by place, each with what is to become of the text for it.

        Each verdict is settled apart: what is only flagged must not hide, by being longer, what is to be redacted.
        """
        if not spans:
            return ()
        marked = [self.entities.marked(span) for span in spans]
        settled = [one for verdict in Verdict for one in settle(span for span in marked if span.verdict is verdict)]
        placed = sorted(settled, key=lambda span: (span.start, span.end))
        return tuple(self.operators.applied(span, text) for span in placed)

    def budget_s(self, characters: int) -> float:
        """How long it may take for one text of a length, or for one step of a stream."""
        budget_ms = self.rule.budget_ms or BUDGET_MS * (1 + characters // _BUDGET_CHARACTERS)
        return (budget_ms if self.warm.is_set() else max(_FIRST_MS, budget_ms)) / 1e3

    def run_in_budget(
        self, passage: Passage, *, first: int = -1, last: int | None = None, bounded: bool = False
    ) -> Checked:
        """As `run`; one that came back, but took longer than its budget, has failed."""
        allowed_s = self.budget_s(len(passage.original))
        checked = self.run(passage, first=first, last=last, bounded=bounded)
        if checked.milliseconds <= allowed_s * 1e3 or checked.verdict is Verdict.BLOCK:
            return checked
        # What it found counts all the same: open only lets through what nobody looked at.
        late = self.failed(late=True, milliseconds=checked.milliseconds)
        verdict = strictest((late.verdict, checked.verdict))
        return replace(late, verdict=verdict, score=checked.score, spans=checked.spans)

    def failed(self, *, late: bool, milliseconds: float) -> Checked:
        """What is said where the check has failed, or is late: it blocks, unless the policy says `on_error: open`."""
        verdict = Verdict.BLOCK if self.rule.on_error == "closed" else Verdict.ALLOW
        rule = self.rule.id + (LATE if late else FAILED)
        message = self.rule.message if verdict is Verdict.BLOCK else ""
        return Checked(rule, verdict, 0.0, round(milliseconds, 3), (), message)


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1e3, 3)


def run_in_time(
    checks: Sequence[CompiledCheck],
    passage: Passage,
    *,
    ends: Callable[[CompiledCheck, Checked], bool],
    first: int = -1,
    last: int | None = None,
    bounded: bool = False,
    until_s: float = float("inf"),
) -> list[Checked]:
    """Runs checks on a thread, each within its budget, up to the first that `ends` it; gives the results in order.

    Checks that leave Python free (models) run beside the others where there is a second core, once no check is left
    that could spare them the work. A check that is late is left behind on its thread, with the passage that it holds;
    the others see one of their own. `until_s`: a moment of `time.perf_counter`; what it cuts off is missing at the end.
    Raises ChecksStuck.
    """

    def job(check: CompiledCheck) -> Job[Passage, tuple[CompiledCheck, Checked]]:
        return Job(
            lambda given: (check, check.run_in_budget(given, first=first, last=last, bounded=bounded)),
            check.budget_s(len(passage.original)),
            lambda late, milliseconds: (check, check.failed(late=late, milliseconds=milliseconds)),
        )

    unused, language = [passage], passage.language

    def one_each() -> Passage:
        try:
            return unused.pop()
        except IndexError:
            return Passage(passage.original, language, offset=passage.offset, focus=passage.focus, owner=passage.owner)

    def started(some: Sequence[CompiledCheck]) -> Callable[[], list[tuple[CompiledCheck, Checked]]]:
        return THREADS.begin([job(check) for check in some], one_each, lambda pair: ends(*pair), until_s)

    groups = _grouped(checks)
    done = started(groups.first)()
    if not unused and not any(is_failure(checked.rule) for _, checked in done):
        unused.append(passage)  # all have come back: what was worked out of the text serves the next
    if not (done and ends(*done[-1])):
        besides = started(groups.beside)
        try:
            done += started(groups.rest)()
        finally:
            done += besides()
    results = {id(check): checked for check, checked in done}
    found: list[Checked] = []
    for check in checks:
        if id(check) not in results:
            break  # cut off: what comes after it counts no more than where all run one after the other
        found.append(results[id(check)])
        if ends(check, found[-1]):
            break
    return found


class _Groups(NamedTuple):
    """How checks share the machine."""

    first: Sequence[CompiledCheck]
    """Those up to the last that may spare the others their work; all, where nothing can run beside anything."""
    beside: Sequence[CompiledCheck] = ()
    """Those that leave Python free."""
    rest: Sequence[CompiledCheck] = ()


def _grouped(checks: Sequence[CompiledCheck]) -> _Groups:
    if len(checks) < 2 or cores() < 2:
        return _Groups(checks)
    first = max((index for index, check in enumerate(checks, start=1) if check.ends_all), default=0)
    beside = [check for check in checks[first:] if check.leaves_python_free]
    rest = [check for check in checks[first:] if not check.leaves_python_free]
    return _Groups(checks[:first], beside, rest) if beside and rest else _Groups(checks)


def is_failure(rule: str) -> bool:
    """Whether a rule's id says that the check itself failed, so that what it would have said is not known."""
    return rule.endswith((FAILED, LATE))


def combine(results: Sequence[Checked], original: str) -> Guarded:
    """Puts the results of all checks of one incoming text together: the strictest verdict, the first rule that blocks.

    Its text is the original, redacted, or '' where a rule blocks.
    """
    blocking = next((result for result in results if result.verdict is Verdict.BLOCK), None)
    spans = all_spans(results)
    return Guarded(
        "" if blocking else redact(original, (span for span in spans if span.verdict is Verdict.REDACT)),
        strictest(result.verdict for result in results),
        blocking.rule if blocking else "",
        tuple(result.record("input") for result in results),
        blocking.message if blocking else "",
        spans,
    )


def all_spans(results: Sequence[Checked]) -> tuple[Span, ...]:
    """The finds of all checks by place, those to redact settled among themselves."""
    spans = [span for result in results for span in result.spans]
    others = [span for span in spans if span.verdict is not Verdict.REDACT]
    return tuple(sorted([*to_redact(spans), *others], key=lambda span: (span.start, span.end)))
