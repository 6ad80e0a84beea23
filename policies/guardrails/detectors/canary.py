"""Canaries: words planted in a system prompt that no honest answer holds, found in clear, spelled out or encoded."""

from __future__ import annotations

import base64
import codecs
from collections.abc import Iterator, Sequence

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.normalise import fold, plain
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled
from policies.guardrails.redact import Span

LONGEST = 40
"""Signs of a canary."""
_GAP = r"[^\p{L}\p{N}]{0,6}"
_BASE64_LEAST = 6
"""Letters of base64 that are enough to know a canary by."""


class Canary(Detector):
    """Finds CANARY."""

    name = "canary"
    reach = Reach(span=7 * LONGEST, context=1)
    spares_placeholders = False

    def __init__(self, canaries: Sequence[str], *, redacts: bool = True) -> None:
        super().__init__(redacts=redacts)
        bare = [bare for bare in map(_bare, canaries) if bare]
        turned = [form for each in bare for form in dict.fromkeys((each, each[::-1], codecs.encode(each, "rot13")))]
        self._letters = "|".join(_GAP.join(map(_escaped, form)) for form in turned)
        codes = {code for each in canaries for code in _codes(each)}
        self._codes = "|".join(sorted("".join(map(_escaped, code)) for code in codes))

    def find(self, passage: Passage) -> Iterator[Span]:
        """Letters with anything between them, forwards, backwards and turned by rot13; base64 and hexadecimal."""
        if self._letters:
            for match in compiled(self._letters).finditer(passage.plain):
                yield Span(match.start(), match.end(), "CANARY", 1.0)
        if self._codes:
            for match in compiled(self._codes).finditer(passage.text):
                yield Span(match.start(), match.end(), "CANARY", 1.0)


def _bare(canary: str) -> str:
    return "".join(letter for letter in plain(fold(canary).text) if letter.isalnum())


def _codes(canary: str) -> Iterator[str]:
    """How a canary stands in encoded text, in any case and wherever in three bytes it begins."""
    for written in {canary, canary.lower(), canary.upper()}:
        raw = written.encode("utf-8")
        yield raw.hex()
        yield raw.hex().upper()
        for shift in range(3):
            code = base64.b64encode(b"\0" * shift + raw).decode("ascii").rstrip("=")
            # The letters that also hold bits of a neighbour differ with it.
            inner = code[(0, 2, 3)[shift] : -1]
            if len(inner) >= _BASE64_LEAST:
                yield inner


def _escaped(letter: str) -> str:
    return letter if letter.isalnum() else f"\\x{{{ord(letter):X}}}"
