"""Leakage of the system prompt: runs of its words in an answer, whatever their case, accents, look-alikes or gaps."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.detectors.sentences import runs
from policies.guardrails.normalise import fold, intent, plain
from policies.guardrails.passage import Passage
from policies.guardrails.redact import Span


class SystemPromptLeak(Detector):
    """Finds SYSTEM_PROMPT where so many consecutive words are those of the prompt."""

    name = "system-prompt-leak"
    reach = Reach(span=240, context=1)
    spares_placeholders = False

    def __init__(self, system: str, words: int, *, redacts: bool = True) -> None:
        super().__init__(redacts=redacts)
        found = [word for _, _, word in runs(intent(plain(fold(system).text)))]
        self._length = words
        self._runs = frozenset(tuple(found[index : index + words]) for index in range(len(found) - words + 1))

    def find(self, passage: Passage) -> Iterator[Span]:
        """One span over each stretch in which every window of that many words is in the prompt."""
        if not self._runs:
            return
        words = runs(passage.intent)
        for index in range(len(words) - self._length + 1):
            window = words[index : index + self._length]
            if tuple(word for _, _, word in window) in self._runs:
                yield Span(window[0][0], window[-1][1], "SYSTEM_PROMPT", 1.0)
