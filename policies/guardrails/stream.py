"""An answer on its way out: held back until it is checked, released piece by piece, the same for every cut into chunks.

The text is cut into segments by its own content: at a sentence's end or a blank, never where a chunk ends. A segment is
checked together with what stands before it and with as much of what follows as the longest find and its context need.
So each step depends on the text alone. A find that begins in a segment is replaced whole, however far it goes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from infra.contracts.request_events import CheckRecord
from policies.checks import Language
from policies.guardrails.check import LATE, Checked, CompiledCheck, all_spans, run_in_time
from policies.guardrails.held import Held
from policies.guardrails.normalise import count_invisible
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled
from policies.guardrails.redact import Span, redact, to_redact
from policies.guardrails.tally import Tally
from policies.stream_rules import HoldBack
from policies.verdict import Verdict, strictest

SEGMENT_LEAST = 64
SEGMENT_MOST = 192
"""Code points of a segment."""
_CONTEXT_LEAST = 96
"""Code points before a segment that its checks see, at least: what a name model needs."""
_FLOODED = 4
"""Signs without a width that make a hold-back so many times its size block."""
HOLD_BACK = "hold-back"
"""Rule of a block because too much would have had to be held back, and (`.late`, `.tokens`) for too long."""
_SENTENCE_END = r"[.!?;:…][\"'»)\]]{0,2}\s|\n"
NEVER_S = float("inf")


class OutputStream:
    """One answer. Belongs to one request; not for several threads at once.

    `keeps`: all that was released stays readable in `text`, and every find in `spans`. Without it the memory is
    bounded: what is held, and MOST_SPANS places of each check. What is buffered is held whole in any case.
    """

    def __init__(
        self,
        checks: Sequence[CompiledCheck],
        language: Language | None,
        *,
        buffered: bool,
        keeps: bool = True,
        bounds: HoldBack | None = None,
    ) -> None:
        self._passing = [check for check in checks if not check.whole]
        self._final = [check for check in checks if check.whole]
        self._buffered = buffered or bool(self._final)
        self._language = language
        self._bounds = bounds or HoldBack()
        self._hold_back = max((check.hold_back for check in self._passing), default=0)
        self._context_length = max(_CONTEXT_LEAST, *(check.context for check in self._passing), 0)
        self._context = ""
        self._held = Held()
        self._wanted = SEGMENT_LEAST + self._hold_back
        """So much must be held before the next look: what is pushed before costs nothing."""
        self._consumed = 0
        self._kept: list[str] | None = [] if keeps or self._buffered else None
        self._tallies = {
            check.rule.id: Tally(check.rule.id, all_spans=keeps) for check in (*self._passing, *self._final)
        }
        self._ran: set[str] = set()
        self._until_s = NEVER_S
        self.blocked = False
        self.rule = ""
        self.message = ""

    @property
    def text(self) -> str:
        """All that was released; '' where the stream does not keep it."""
        return "".join(self._kept or ())

    @property
    def buffered(self) -> bool:
        """Whether all leaves at the end."""
        return self._buffered

    @property
    def consumed(self) -> int:
        """How many code points of what came have been decided about."""
        return self._consumed

    @property
    def held(self) -> int:
        """How many code points wait for a decision."""
        return len(self._held)

    @property
    def most_held(self) -> int:
        """How many can wait at most between two pushes, where no sign without a width is among them."""
        return SEGMENT_MOST + self._hold_back

    @property
    def verdict(self) -> Verdict:
        """Of what was checked so far."""
        if self.blocked:
            return Verdict.BLOCK
        return strictest(tally.verdict for tally in self._tallies.values())

    @property
    def checks(self) -> tuple[CheckRecord, ...]:
        """One record per check so far; spans are offsets into the answer as the model wrote it."""
        return tuple(result.record("output") for result in self._results())

    @property
    def spans(self) -> tuple[Span, ...]:
        """Every find so far, as offsets into the answer as the model wrote it."""
        return all_spans(self._results())

    def due(self, text: str) -> bool:
        """Whether pushing the text would run checks, so that an event loop can leave it to a thread."""
        return bool(self._passing) and not self._buffered and len(self._held) + len(text) >= self._wanted

    def push(self, text: str, *, until_s: float = NEVER_S) -> str:
        """Takes the next chunk and gives what may leave now: '' while it is held back or when it is blocked.

        `until_s`: the moment of `time.perf_counter` at which what is held has waited too long. Raises ChecksStuck.
        """
        if self.blocked:
            return ""
        self._until_s = until_s
        self._held.add(text)
        if not (self._passing or self._buffered):
            return self._let_go()
        released: list[str] = []
        while not self._buffered and not self.blocked and (step := self._next_step()) is not None:
            released.append(self._step(*step))
        return "".join(released)

    def finish(self, *, until_s: float = NEVER_S) -> str:
        """Ends the answer: checks the rest, then what needs the whole message, and gives what may leave."""
        if self.blocked:
            return ""
        self._until_s = until_s
        rest = self._step(len(self._held), len(self._held))
        if self._final and not self.blocked:
            results = run_in_time(
                self._final,
                Passage(self.text, self._language),
                ends=lambda _, result: result.verdict is Verdict.BLOCK,
                until_s=until_s,
            )
            self._note(self._final, results)
        if self.blocked and self._kept is not None and self._buffered:
            self._kept.clear()
        return "" if self.blocked and self._buffered else rest

    def block(self, rule: str, message: str = "") -> None:
        """Ends the answer here: nothing more leaves."""
        if not self.blocked:
            self.blocked, self.rule, self.message = True, rule, message

    def _let_go(self) -> str:
        """What is held, where nothing is asked of it."""
        piece = self._held.part(0, len(self._held))
        self._held.drop(len(piece))
        self._consumed += len(piece)
        if self._kept is not None:
            self._kept.append(piece)
        return piece

    def _next_step(self) -> tuple[int, int] | None:
        """Where the next segment ends and how far its checks see, or None until enough is there."""
        length = len(self._held)
        if length < self._wanted:
            return None
        end = self._segment_end()
        if end is None:
            self._wanted = length + 1
            return None
        reach = self._reach_from(end)
        if reach is None:
            self.block(HOLD_BACK)
            return None
        if reach > length:
            self._wanted = reach
            return None
        self._wanted = SEGMENT_LEAST + self._hold_back
        return end, reach

    def _segment_end(self) -> int | None:
        """The first sentence's end in the part of the text where a segment may end, else its last blank there."""
        window = self._held.part(SEGMENT_LEAST, SEGMENT_MOST)
        found = compiled(_SENTENCE_END).search(window)
        if found:
            return SEGMENT_LEAST + found.end()
        if len(self._held) < SEGMENT_MOST:
            return None
        return SEGMENT_LEAST + window.rfind(" ") + 1 if " " in window else SEGMENT_MOST

    def _reach_from(self, cut: int) -> int | None:
        """How far the checks must see to decide about what stands before `cut`: signs without a width do not count.

        None where a flood of them goes further than a hold-back may.
        """
        most = min(_FLOODED * (self._hold_back + 1), self._bounds.most_characters)
        reach = cut + self._hold_back
        hidden = 0
        while (more := count_invisible(self._held.part(cut, reach))) > hidden:
            reach += more - hidden
            hidden = more
            if reach - cut > most:
                return None
        return reach

    def _step(self, cut: int, reach: int) -> str:
        """Checks one segment of what is held, which ends at `cut`, seeing it up to `reach`."""
        before = len(self._context)
        seen = self._held.part(0, reach)
        focus = (before, before + cut)
        passage = Passage(self._context + seen, self._language, offset=self._consumed - before, focus=focus)
        self._language = self._language or passage.language
        results = run_in_time(
            self._passing,
            passage,
            ends=lambda _, result: result.verdict is Verdict.BLOCK,
            first=before,
            last=None if cut == reach == len(self._held) else before + cut,
            bounded=not self._buffered,
            until_s=self._until_s,
        )
        clipped = [
            replace(result, spans=tuple(replace(span, start=max(span.start, before)) for span in result.spans))
            for result in results
        ]
        self._note(tuple(self._passing), [replace(one, spans=_shift(one.spans, passage.offset)) for one in clipped])
        if self.blocked:
            return ""
        settled = to_redact(span for one in clipped for span in one.spans)
        end = max([cut, *(span.end - before for span in settled)])
        piece = redact(seen[:end], _shift(settled, -before))
        self._context = (self._context + seen[:end])[-self._context_length :]
        self._held.drop(end)
        self._consumed += end
        if self._kept is not None:
            self._kept.append(piece)
        return piece

    def _note(self, asked: Sequence[CompiledCheck], results: Sequence[Checked]) -> None:
        """Takes up what the checks said of one step. What the time bound has cut off blocks."""
        for check, result in zip(asked, results, strict=False):
            self._ran.add(check.rule.id)
            self._tallies[check.rule.id].add(result)
            if result.verdict is Verdict.BLOCK:
                self.block(result.rule, result.message)
            elif result.rule.endswith(LATE) and check in self._passing:
                self._passing.remove(check)  # it may fail open: it must not leave a thread behind at every step
        if time.perf_counter() >= self._until_s:
            self.block(HOLD_BACK + ".late")

    def _results(self) -> tuple[Checked, ...]:
        return tuple(tally.checked() for rule, tally in self._tallies.items() if rule in self._ran)


def _shift(spans: Sequence[Span], offset: int) -> tuple[Span, ...]:
    return tuple(replace(span, start=span.start + offset, end=span.end + offset) for span in spans)
