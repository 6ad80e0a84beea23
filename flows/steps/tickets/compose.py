"""Puts one ticket together: sentences in an order and a style, slots filled, personal data with its place."""

from __future__ import annotations

import random
import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from flows.steps.tickets.personal import make
from flows.steps.tickets.phrases import Intent, Phrases, Urgency

Style = Literal["plain", "letter", "chat", "typos"]
_STYLES: tuple[Style, ...] = ("plain", "plain", "letter", "chat", "typos")
_SLOT = re.compile(r"\{(\w+)\}")
_ONE_PER_TICKET = ("order", "product", "device")
_NTH = {"en": ("second", "third", "fourth", "fifth"), "es": ("segunda", "tercera", "cuarta", "quinta")}
_CHAT = {
    "en": (("please", "pls"), ("you", "u"), ("are", "r"), ("because", "cuz"), ("thanks", "thx")),
    "es": (("por favor", "porfa"), ("que", "q"), ("porque", "xq"), ("también", "tb"), ("gracias", "grax")),
}


@dataclass(frozen=True)
class PersonalSpan:
    """Where personal data was put: code points, end exclusive."""

    start: int
    end: int
    entity: str


@dataclass(frozen=True)
class Ticket:
    """One ticket with what it means."""

    text: str
    language: Literal["en", "es"]
    intent: Intent
    urgency: Urgency
    spans: tuple[PersonalSpan, ...]


def compose(rng: random.Random, phrases: Phrases, intent: Intent, urgency: Urgency, personal: int) -> Ticket:
    """Makes one ticket; `personal` sentences of it give personal data away. The same `rng` state gives the same
    ticket.
    """
    style = rng.choice(_STYLES)
    writer = _Writer(rng, phrases, style)
    for index, sentence in enumerate(_sentences(rng, phrases, intent, urgency, personal)):
        if index:
            writer.literal("\n" if style == "letter" and index in (1, 2) else " ")
        writer.sentence(sentence)
    return Ticket(writer.text, phrases.language, intent, urgency, tuple(writer.spans))


def _sentences(rng: random.Random, phrases: Phrases, intent: Intent, urgency: Urgency, personal: int) -> list[str]:
    topic = phrases.topic(intent)
    middle = rng.sample(topic.problems, 1) + rng.sample(phrases.details, rng.choice((1, 1, 2, 2, 3)))
    if rng.random() < 0.8:
        middle.append(rng.choice(topic.asks))
    if urgency != "normal":
        cue = rng.choice(phrases.urgent if urgency == "high" else phrases.relaxed)
        middle.insert(rng.choice((0, len(middle), len(middle))), cue)
    for sentence in rng.sample(phrases.personal, personal):
        middle.insert(rng.randint(1, len(middle)), sentence)
    start = [rng.choice(phrases.greetings)] if rng.random() < 0.7 else []
    if rng.random() < 0.35:
        start.append(rng.choice(phrases.openers))
    end = rng.choice(phrases.signatures if personal and rng.random() < 0.5 else phrases.closings)
    return start + middle + ([end] if rng.random() < 0.7 else [])


class _Writer:
    """Writes pieces one after the other and notes where personal data stands."""

    def __init__(self, rng: random.Random, phrases: Phrases, style: Style) -> None:
        self._rng, self._phrases, self._style = rng, phrases, style
        self.text = ""
        self.spans: list[PersonalSpan] = []
        self._settled: dict[str, str] = {}

    def literal(self, piece: str) -> None:
        self.text += piece

    def sentence(self, template: str) -> None:
        position = 0
        for slot in _SLOT.finditer(template):
            self.literal(self._styled(template[position : slot.start()]))
            self._fill(slot.group(1))
            position = slot.end()
        self.literal(self._styled(template[position:]))

    def _fill(self, slot: str) -> None:
        if slot.islower():
            self.literal(self._harmless(slot))
            return
        value = make(slot, self._phrases.language, self._rng)
        if self._style == "chat" and slot == "PERSON":
            value = value.lower()
        self.spans.append(PersonalSpan(len(self.text), len(self.text) + len(value), slot))
        self.literal(value)

    def _harmless(self, slot: str) -> str:
        """One ticket is about one order, one product and one device; times and amounts differ."""
        if slot not in _ONE_PER_TICKET:
            return self._choose(slot)
        if slot not in self._settled:
            self._settled[slot] = self._choose(slot)
        return self._settled[slot]

    def _choose(self, slot: str) -> str:
        rng, phrases = self._rng, self._phrases
        euros = f"{rng.randint(5, 400)}{rng.choice((',90', ',50', ''))} €"
        dollars = f"${rng.randint(5, 400)}{rng.choice(('.90', '.50', ''))}"
        fillings = {
            "product": rng.choice(phrases.products),
            "when": rng.choice(phrases.times),
            "device": rng.choice(phrases.devices),
            "order": rng.choice(("#", "A-", "W", "#2025-")) + str(rng.randint(10_000, 99_999)),
            "amount": euros if phrases.language == "es" else dollars,
            "n": str(rng.randint(2, 9)),
            "nth": rng.choice(_NTH[phrases.language]),
            "code": rng.choice(("E-", "ERR_", "")) + str(rng.randint(100, 599)),
        }
        return fillings[slot]

    def _styled(self, piece: str) -> str:
        if self._style == "chat":
            return _chat(piece, self._phrases.language)
        if self._style == "typos":
            return _with_typo(piece, self._rng)
        return piece


def _chat(piece: str, language: Literal["en", "es"]) -> str:
    """Lower case, no accents, shortened words."""
    low = piece.lower()
    for word, short in _CHAT[language]:
        low = re.sub(rf"\b{word}\b", short, low)
    return "".join(mark for mark in unicodedata.normalize("NFKD", low) if not unicodedata.combining(mark))


def _with_typo(piece: str, rng: random.Random) -> str:
    """Swaps or drops a letter inside one longer word, in two pieces of three."""
    words = list(re.finditer(r"[^\W\d_]{5,}", piece))
    if not words or rng.random() < 0.35:
        return piece
    word = rng.choice(words)
    at = rng.randrange(word.start() + 1, word.end() - 2)
    swapped = piece[:at] + piece[at + 1] + piece[at] + piece[at + 2 :]
    return swapped if rng.random() < 0.6 else piece[:at] + piece[at + 1 :]
