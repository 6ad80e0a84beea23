"""An answer on its way out: held back until it is checked, released piece by piece, the same for every cut into chunks.

The text is cut into segments by its own content: at a sentence's end or a blank, never where a chunk ends. A segment is
checked together with what stands before it and with as much of what follows as the longest find and its context need.
So each step depends on the text alone. A find that begins in a segment is replaced whole, however far it goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from infra.contracts.audit import CheckRecord
from policies.checks import Language
from policies.guardrails.check import Checked, CompiledCheck, all_spans, merge
from policies.guardrails.normalise import count_invisible
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled
from policies.guardrails.redact import Span, redact, to_redact
from policies.verdict import Verdict, strictest

_SEGMENT_LEAST = 64
_SEGMENT_MOST = 192
"""Code points of a segment."""
_CONTEXT_LEAST = 96
"""Code points before a segment that its checks see, at least: what a name model needs."""
_FLOODED = 4
"""Signs without a width that make a hold-back so many times its size block."""
_FLOOD_RULE = "hold-back"
_SENTENCE_END = r"[.!?;:…][\"'»)\]]{0,2}\s|\n"


class OutputStream:
    """One answer. Belongs to one request; not for several threads at once."""

    def __init__(self, checks: Sequence[CompiledCheck], language: Language | None, *, buffered: bool) -> None:
        self._passing = [check for check in checks if not check.whole]
        self._final = [check for check in checks if check.whole]
        self._buffered = buffered or bool(self._final)
        self._language = language
        self._hold_back = max((check.hold_back for check in self._passing), default=0)
        self._context_length = max(_CONTEXT_LEAST, *(check.context for check in self._passing), 0)
        self._context = ""
        self._pending = ""
        self._position = 0
        self._released: list[str] = []
        self._tally: dict[str, Checked] = {}
        self.blocked = False
        self.rule = ""
        self.message = ""

    @property
    def text(self) -> str:
        """All that was released."""
        return "".join(self._released)

    @property
    def verdict(self) -> Verdict:
        """Of what was checked so far."""
        if self.blocked:
            return Verdict.BLOCK
        return strictest(result.verdict for result in self._tally.values())

    @property
    def checks(self) -> tuple[CheckRecord, ...]:
        """One record per check so far; spans are offsets into the answer as the model wrote it."""
        return tuple(result.record("output") for result in self._tally.values())

    @property
    def spans(self) -> tuple[Span, ...]:
        """Every find so far, as offsets into the answer as the model wrote it."""
        return all_spans(tuple(self._tally.values()))

    def due(self, text: str) -> bool:
        """Whether pushing the text would run checks, so that an event loop can leave it to a thread."""
        return not self._buffered and len(self._pending) + len(text) >= self._hold_back + _SEGMENT_LEAST

    def push(self, text: str) -> str:
        """Takes the next chunk and gives what may leave now: '' while it is held back or when it is blocked."""
        if self.blocked:
            return ""
        self._pending += text
        if self._buffered:
            return ""
        released: list[str] = []
        while not self.blocked and (cut := self._next_cut()) is not None:
            released.append(self._step(cut, self._reach_from(cut) or cut))
        return "".join(released)

    def finish(self) -> str:
        """Ends the answer: checks the rest, then what needs the whole message, and gives what may leave."""
        if self.blocked:
            return ""
        rest = self._step(len(self._pending), len(self._pending))
        for check in self._final:
            if not self.blocked:
                self._note(check.rule.id, check.run(Passage(self.text, self._language)))
        if self.blocked and self._buffered:
            self._released.clear()
            return ""
        return rest

    def _next_cut(self) -> int | None:
        """Where the next segment ends, or None until enough of what follows is there."""
        end = self._sentence_end()
        if end is None and len(self._pending) >= _SEGMENT_MOST:
            blank = self._pending.rfind(" ", _SEGMENT_LEAST, _SEGMENT_MOST)
            end = blank + 1 if blank >= 0 else _SEGMENT_MOST
        if end is None:
            return None
        reach = self._reach_from(end)
        if reach is None:
            self._block(_FLOOD_RULE, "")
            return None
        return end if reach <= len(self._pending) else None

    def _sentence_end(self) -> int | None:
        """The first sentence's end in the part of the text where a segment may end."""
        found = compiled(_SENTENCE_END).search(self._pending[_SEGMENT_LEAST:_SEGMENT_MOST])
        return _SEGMENT_LEAST + found.end() if found else None

    def _reach_from(self, cut: int) -> int | None:
        """How far the checks must see to decide about what stands before `cut`: signs without a width do not count.

        None where a flood of them goes further than a hold-back may.
        """
        reach = cut + self._hold_back
        hidden = 0
        while (more := count_invisible(self._pending[cut:reach])) > hidden:
            reach += more - hidden
            hidden = more
            if reach - cut > _FLOODED * (self._hold_back + 1):
                return None
        return reach

    def _step(self, cut: int, reach: int) -> str:
        """Checks one segment of the pending text, which ends at `cut`, seeing it up to `reach`."""
        before = len(self._context)
        passage = Passage(self._context + self._pending[:reach], self._language, offset=self._position - before)
        self._language = self._language or passage.language
        last = None if cut == reach == len(self._pending) else before + cut
        spans: list[Span] = []
        for check in self._passing:
            result = check.run(passage, first=before, last=last, bounded=not self._buffered)
            clipped = tuple(replace(span, start=max(span.start, before)) for span in result.spans)
            self._note(check.rule.id, replace(result, spans=tuple(_shift(clipped, passage.offset))))
            if self.blocked:
                return ""
            spans += clipped
        settled = to_redact(spans)
        end = max([cut, *(span.end - before for span in settled)])
        piece = redact(self._pending[:end], _shift(settled, -before))
        self._context = (self._context + self._pending[:end])[-self._context_length :]
        self._pending = self._pending[end:]
        self._position += end
        self._released.append(piece)
        return piece

    def _note(self, check: str, result: Checked) -> None:
        known = self._tally.get(check)
        self._tally[check] = result if known is None else merge(known, result)
        if result.verdict is Verdict.BLOCK:
            self._block(result.rule, result.message)

    def _block(self, rule: str, message: str) -> None:
        self.blocked, self.rule, self.message = True, rule, message


def _shift(spans: Sequence[Span], offset: int) -> list[Span]:
    return [replace(span, start=span.start + offset, end=span.end + offset) for span in spans]
