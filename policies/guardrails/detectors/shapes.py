"""Which detectors have anything to do in a passage: one pass of all their coarse shapes over the text (re2.Set).

A shape lets through all that its detector finds, and much else: it only spares a detector texts that hold nothing of
its kind. Shapes are matched on accent-free, lower-case text.
"""

from __future__ import annotations

from policies.guardrails.detectors.es_streets import ABBREVIATED, LEADS, WORDS
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import pattern_set

_TWELVE_DIGITS = r"[0-9](?:[ ./-]{0,3}[0-9]){11}"
_MONTHS = r"(?:ene|jan|feb|mar|abr|apr|may|jun|jul|ago|aug|sep|set|oct|nov|dic|dec)"
SHAPES: dict[str, str] = {
    "credit-card": _TWELVE_DIGITS,
    "crypto": r"[0-9a-z]{26}",
    "date-of-birth": (
        r"[0-9] ?[-/.] ?[0-9]{1,2} ?[-/.] ?[0-9]{2}|[0-9]{4}[-/.][0-9]|[0-9] [0-9]{1,2} (?:19|20)|[0-9]{8}"
        rf"|(?:^|[^a-z]|[0-9](?:st|nd|rd|th|o)){_MONTHS}"
    ),
    "email-address": r"@|arroba|[\[({<] ?at ?[\])}>]",
    "en-address": (
        r"[0-9][a-z]?,? \p{L}|\bbox [0-9]|\b[afd]po\b|(?:apt|suite)\.? [0-9]|(?:via|rue|rua|calle|ul\.) "
        r"|(?:straat|strasse|straße|gasse|platz|weg|wegen|veien|vej|gatan?|gade|katu|tie|laan|plein|allee|utca|dijk|vagen"
        r"|damm|u\.|\but|\bter|rakpart|rkp\.|krt\.) [0-9]"
    ),
    "es-accounts": _TWELVE_DIGITS,
    "es-address": rf"(?:^|[^a-z0-9])(?:c/|p\.?º|(?:{ABBREVIATED})\.|(?:{WORDS}) )|{LEADS}",
    "es-company": r"[a-hjnp-suvw][ .-]{0,3}[0-9]{2}[ .-]?[0-9]{3}",
    "es-identity": r"[0-9]{3}[ .-]{0,3}[a-z]|[klmxyz][ .-]{0,3}[0-9]",
    "es-passport": r"[a-z]{2}[ .-]?[0-9]{6}",
    "es-plate": r"[0-9]{4}[ .-]?[a-z]{2}|[a-z][ .-]?[0-9]{4}",
    "iban": r"[a-z]{2}[ -]?[0-9]{2}[ ./-]?[0-9a-z]",
    "ip-address": r"[0-9]\.[0-9]{1,3}\.[0-9]|:[0-9a-f]{0,4}:",
    "mac-address": r"[0-9a-f]{2}[ :-][0-9a-f]{2}[ :-][0-9a-f]{2}[ :-]|[0-9a-f]{4}\.[0-9a-f]{4}\.|[0-9a-f]{12}",
    "mx-ids": r"[a-z&]{3}[ -]?[0-9]{6}",
    "phone-number": r"[0-9](?:[ ()./-]{0,4}[0-9]){5}|[0-9](?:[ ./-]{0,2}[0-9]){4} ?(?:x|ext)",
    "url-credentials": r"://",
    "us-ssn": r"[0-9]{3}[ .-]?[0-9]{2}[ .-]?[0-9]{4}",
}
"""By the name of the detector. One that has no shape here looks for itself."""
_NAMES, _ALL = tuple(SHAPES), tuple(SHAPES.values())


def may_find(passage: Passage, detector: str) -> bool:
    """Whether the text holds the detector's shape, or the detector has none."""
    return detector not in SHAPES or detector in passage.once(_shapes_in)


def _shapes_in(passage: Passage) -> frozenset[str]:
    return frozenset(_NAMES[index] for index in pattern_set(*_ALL).matching(passage.plain))
