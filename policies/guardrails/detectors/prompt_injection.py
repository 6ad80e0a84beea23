"""Prompt injection and jailbreaks, first form: weighted wordings, looked for in the text as it is and as it hides."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterator

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.detectors.injection_rules import RULES, SUPPORTING, TALKS_ABOUT
from policies.guardrails.normalise import fold, intent, plain
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled
from policies.guardrails.redact import Span

_SPACED = r"\b[a-z](?: {1,3}[a-z]){7,}\b"
_BASE64 = r"[A-Za-z0-9+/]{20,}={0,2}"
_BACKWARDS = r"\b(?:al reves|backwards?|reversed?)\b"
_QUOTED = r"[«\"“][^«»\"“”\n]{3,200}[»\"”]"
_HIDDEN_BONUS = 0.3
"""An order that hides is worth so much more than one that does not."""


class PromptInjection(Detector):
    """Finds PROMPT_INJECTION."""

    name = "prompt-injection"
    reach = Reach(span=0, context=0, whole=True)
    spares_placeholders = False

    def find(self, passage: Passage) -> Iterator[Span]:
        """One span over the whole text, whose score joins the weights of all wordings found (noisy or)."""
        doubt = _doubt(passage.intent)
        for hidden in _hidden(passage):
            found = _doubt(hidden)
            if found < 1.0:
                doubt = min(doubt, found * (1 - _HIDDEN_BONUS))
        score = 1.0 - doubt
        if score > 0.0:
            if _only_quotes(passage.intent):
                score *= 0.5
            yield Span(0, len(passage.text), "PROMPT_INJECTION", round(score, 4))


def _only_quotes(text: str) -> bool:
    """Whether a question about attacks holds its attack in quotation marks alone."""
    if compiled(TALKS_ABOUT).search(text) is None:
        return False
    position, outside = 0, ""
    for match in compiled(_QUOTED).finditer(text):
        outside += text[position : match.start()]
        position = match.end()
    return 1.0 - _doubt(outside + text[position:]) < 0.5


def _doubt(text: str) -> float:
    """The product of what each wording leaves in doubt: 1 where nothing was found."""
    found = {rule.name: rule.weight for rule in RULES if compiled(rule.pattern).search(text) is not None}
    return math.prod(
        1.0 - weight for name, weight in found.items() if name not in SUPPORTING or SUPPORTING[name] & found.keys()
    )


def _hidden(passage: Passage) -> Iterator[str]:
    """What the text may hide: letters set apart, base64, words backwards."""
    if compiled(_SPACED).search(passage.intent) is not None:
        yield _closed_up(passage.intent)
    decoded = [_decoded(match.group()) for match in compiled(_BASE64).finditer(passage.text)]
    if any(decoded):
        # All at once: a hundred harmless ones before it must neither hide an order nor cost a hundred searches.
        yield intent(plain(fold("\n".join(decoded)).text))
    if compiled(_BACKWARDS).search(passage.intent) is not None:
        yield passage.intent[::-1]


def _closed_up(text: str) -> str:
    """Runs of single letters joined to words; two blanks or more between letters end a word."""
    runs = (match.group() for match in compiled(_SPACED).finditer(text))
    return " ".join("".join(word.split(" ")) for run in runs for word in run.replace("   ", "  ").split("  "))


def _decoded(code: str) -> str:
    """Base64 of readable text, or ''."""
    try:
        text = base64.b64decode(code + "=" * (-len(code) % 4), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""
    return (
        text
        if text.isprintable() and sum(letter.isalpha() or letter == " " for letter in text) > 0.8 * len(text)
        else ""
    )
