"""Toxicity: threats, hatred, insults at people and coarse words, by wordings of both languages and by who is meant.

No model that was trained for it can be had offline; this knows wordings, not moods: sarcasm and new slurs pass.
What a text quotes, denies, says of its own writer or reports as done to him weighs less.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.detectors.toxic_en import ENGLISH, HARMLESS_EN
from policies.guardrails.detectors.toxic_es import HARMLESS_ES, SPANISH
from policies.guardrails.detectors.toxic_wording import Abuse, Wording
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled
from policies.guardrails.redact import Span

_BEFORE = 72
"""Code points before a wording that may say who is meant."""
_QUOTED = 0.4
_TOLD = 0.5
"""What is left of a severity where the words are quoted, and where they are told as another's."""
_OWN = (
    r"\b(?:i am|i'm|i’m|im|i feel|i felt|i was|me too,? i|soy|me siento|me senti|fui|estoy hecho|he sido|como"
    r" fui) (?:such |so |a |an |just |un |una |tan |muy |mas |really |being |the |el |la |feel(?:ing)? |like"
    r" ){0,4}$"
)
_TOLD_BEFORE = (
    r"\b(?:(?:was|were|been|got|being) (?:told|called|asked)|call(?:s|ed|ing)? (?:me|us|him|her|them|you"
    r"|people|each other|someone|somebody)|(?:he|she|they"
    r"|who|boss|customer|somebody|someone|user|agent|colleague) (?:said|says|told|wrote|writes|shouted"
    r"|yelled)"
    r"|said to me|told me|is it (?:ok|rude|an insult)|the (?:words?|terms?|insults?|phrases?|sentences?"
    r"|comments?|messages?|texts?|titles?|songs?|films?|movies?|lyrics|posts?|reviews?|slurs?)|(?:define"
    r"|translate|meaning of|synonyms? (?:of|for)|what does|does it mean)"
    r"|me (?:llam(?:o|an|aron|aba|ado)|dij(?:o|eron)|dice[n]?|grit(?:o|aron)|escribi(?:o|eron)|insult(?:o"
    r"|aron))|(?:le|te|les|nos) (?:llam(?:o|an|aron)|dij(?:o|eron)|dicen?|grit(?:o|aron))|llamar(?:me|te"
    r"|le|les|nos)?|han llamado|ha llamado|(?:dijo|dice|grito|escribio|decia|ponia|pone)"
    r"|la (?:palabra|expresion|frase|pelicula|cancion|novela)|el (?:insulto|termino|comentario|mensaje"
    r"|texto|titulo|libro)|los insultos|(?:traduce|traducir|traduccion|sinonimos? de|que significa"
    r"|significado de|definicion de))\b[^.!?\n]{0,40}$"
)
_DENIED = (
    r"(?:\b(?:not|never|isn't|aren't|don't (?:think|call|say|believe)|nobody is|no one is|no|nunca|jamas|nadie"
    r"|tampoco|ni|sin ser)\b[^.!?,;:\n]{0,24}$)|n[’']t[^.!?,;:\n]{0,16}$"
)
_DENIED_WITHIN = (
    r"\b(?:are|'re|’re|is|'s|am|eres|es|sois|son) (?:not|no|never)\b"
    r"|\b(?:no|nunca|tampoco) (?:eres|sois|es|son|sos) (?:[^m]|m[^a]|ma[^s]|mas [^q])"
)
_OPENING, _CLOSING = '"“«‘', '"”»’'


class Toxicity(Detector):
    """Finds THREAT, HATE, SEXUAL_HARASSMENT, INSULT and PROFANITY; the score is how bad it is."""

    name = "toxicity"
    reach = Reach(span=160, context=_BEFORE)

    def __init__(self, *, threshold: float = 0.5, redacts: bool = True, kinds: frozenset[Abuse] | None = None) -> None:
        super().__init__(threshold=threshold, redacts=redacts, entities=frozenset(kinds) if kinds is not None else None)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Every wording of both languages: people mix them."""
        harmless: list[tuple[int, int]] | None = None
        for wording in (*ENGLISH, *SPANISH):
            for match in compiled(wording.pattern).finditer(passage.intent):
                start, end = match.start(wording.group), match.end(wording.group)
                if wording.needs and wording.needs not in passage.text[start:end].lower():
                    continue
                if harmless is None:
                    harmless = _harmless(passage.intent)
                if any(first < end and start < last for first, last in harmless):
                    continue
                yield Span(start, end, wording.kind, round(wording.severity * _share(passage, wording, start, end), 3))


def _harmless(text: str) -> list[tuple[int, int]]:
    return [
        (match.start(), match.end()) for each in (HARMLESS_EN, HARMLESS_ES) for match in compiled(each).finditer(text)
    ]


def _share(passage: Passage, wording: Wording, start: int, end: int) -> float:
    """How much of a wording's severity is left by what stands around it."""
    before = passage.before(start, _BEFORE)
    share = 1.0
    if compiled(_TOLD_BEFORE).is_in(before):
        share = _TOLD
    if _stands_in_quotes(passage.text, start, end):
        share = min(share, _QUOTED)
    if wording.kind in ("THREAT", "HATE") and share == 1.0:
        # "I will not kill you" and "nobody should kill them" deny; "never come back or I kill you" does not.
        return _TOLD if compiled(r"\b(?:not|never|nobody|no one|nadie|nunca|no)(?: \w+)?\s?$").is_in(before) else 1.0
    if compiled(_OWN).is_in(before):
        share = min(share, _QUOTED)
    if compiled(_DENIED).is_in(before) or compiled(_DENIED_WITHIN).is_in(passage.intent[start:end]):
        share = min(share, _QUOTED)
    return share


def _stands_in_quotes(text: str, start: int, end: int) -> bool:
    """Whether quotation marks stand close on both sides, in its own line."""
    left = text[max(0, start - _BEFORE) : start].rpartition("\n")[2]
    right = text[end : end + _BEFORE].partition("\n")[0]
    opened = max(map(left.rfind, _OPENING))
    closed = max((left.rfind(sign) for sign in _CLOSING if sign not in _OPENING), default=-1)
    if opened < 0 or closed > opened or (left[opened] == '"' and left.count('"') % 2 == 0):
        return False
    return any(sign in right for sign in _CLOSING)
