"""Prompt injection and jailbreaks: a trained model and weighted wordings, over the text as it is and as it hides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.detectors.injection_evidence import evidence, hidden
from policies.guardrails.normalise import fold, intent, plain
from policies.guardrails.passage import Passage
from policies.guardrails.redact import Span

_HIDDEN_BONUS = 0.3
"""Without a model: an order that hides is worth so much more than one that does not."""


class Judged(Protocol):
    """A text's score and its worst part (code points, end exclusive)."""

    @property
    def score(self) -> float:
        """From 0 to 1."""
        ...

    @property
    def start(self) -> int:
        """Where the worst part begins."""
        ...

    @property
    def end(self) -> int:
        """Where the worst part ends."""
        ...


class Judge(Protocol):
    """A model of attacks. It is handed in (infra/injection_model.py has the one that ships)."""

    def judge(self, text: str, intent: str, evidence: Callable[[str], float], owner: str | None = None) -> Judged:
        """Judges a text, given its intent form, as long as it, and what says how much a part of that form shows."""
        ...


class PromptInjection(Detector):
    """Finds PROMPT_INJECTION."""

    name = "prompt-injection"
    reach = Reach(span=0, context=0, whole=True)
    spares_placeholders = False
    views = frozenset({"hidden", "decoded"})

    def __init__(self, judge: Judge | None = None, *, threshold: float = 0.5, redacts: bool = True) -> None:
        super().__init__(threshold=threshold, redacts=redacts)
        self._judge = judge
        self.leaves_python_free = judge is not None

    def find(self, passage: Passage) -> Iterator[Span]:
        """One span: with a model the worst part of the text, else the whole of it."""
        if passage.kind == "decoded" and not _shows_more(passage):
            return
        score, start, end = self._of(passage.text, passage.intent, passage.owner)
        for text in hidden(passage.text, passage.intent) if passage.kind != "decoded" else ():
            folded = fold(text).text
            found, *_ = self._of(folded, intent(plain(folded)), passage.owner)
            if self._judge is None and found > 0.0:
                found = 1.0 - (1.0 - found) * (1.0 - _HIDDEN_BONUS)
            if found > score:
                score, start, end = found, 0, len(passage.text)
        if score > 0.0:
            yield Span(start, end, "PROMPT_INJECTION", round(score, 4))

    def _of(self, text: str, wanted: str, owner: str | None) -> tuple[float, int, int]:
        if self._judge is None or not text:
            return evidence(wanted), 0, len(text)
        judged = self._judge.judge(text, wanted, evidence, owner)
        return judged.score, judged.start, judged.end or len(text)


def _shows_more(view: Passage) -> bool:
    """Whether a decoded view shows more of an attack than its text, and what that is found to hide without views.

    So the model judges no decoded text twice, and codes within codes, base32 and escapes only where there is a reason.
    """
    shown = evidence(view.intent)
    return shown > 0.0 and shown > view.base.once(_shown)


def _shown(passage: Passage) -> float:
    """The most that a text, or what it is found to hide without views, shows of an attack."""
    others = (intent(plain(fold(each).text)) for each in hidden(passage.text, passage.intent))
    return max(map(evidence, (passage.intent, *others)))
