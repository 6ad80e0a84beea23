"""What is planted among the tickets: copies of tickets, spoilt ones, and the broken lines that files have in real life.

Wrong labels are planted in the two forms that data alone can show: a label outside the known set, and one text with two
labels. A plausible wrong label on a text that stands once cannot be found without a person or a model, so it is not
planted.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from flows.steps.tickets.compose import Ticket
from flows.steps.tickets.phrases import INTENTS, Phrases
from flows.steps.tickets.truth import PlantedKind

SHARES: dict[PlantedKind, float] = {
    "exact duplicate": 0.014,
    "near duplicate": 0.014,
    "leaked test row": 0.01,
    "empty row": 0.005,
    "malformed row": 0.007,
    "over-long row": 0.003,
    "unknown label": 0.005,
    "contradicting labels": 0.004,
}
"""Of all rows; at least 2 of each."""
_NEAR_WORDS = 24
"""Near duplicates are made from tickets with at least so many words: one changed word of few would be another text."""
_LONG_TICKETS = 60


@dataclass(frozen=True)
class Entry:
    """One line to be: its fields, or bytes where it is to be broken, and what was planted in it."""

    ticket: Ticket
    label: str
    planted: PlantedKind | None = None
    form: str = "whole"
    """How the line is written; see `to_line`."""


def plain(ticket: Ticket) -> Entry:
    """A ticket as it is."""
    return Entry(ticket, ticket.intent)


def exact_copy(rng: random.Random, ticket: Ticket, kind: PlantedKind) -> Entry:
    """The same text with other capitals, blanks or punctuation marks at the end."""
    text = ticket.text
    changed = rng.choice((text.upper(), text + "  ", text + "!!", text.replace(" ", "  ", 3), text))
    return Entry(replace(ticket, text=changed, spans=()), ticket.intent, kind)


def near_copy(rng: random.Random, ticket: Ticket, phrases: Phrases, kind: PlantedKind) -> Entry:
    """The same text with one word dropped or misspelt, or a few words added before or after."""
    text = ticket.text
    word = rng.choice(list(re.finditer(r"[^\W\d_]{3,}", text)))
    changed = rng.choice(
        (
            f"{text} {rng.choice(phrases.added)}",
            f"{rng.choice(phrases.greetings)} {text}",
            text[: word.start()] + text[word.end() :].lstrip(),
            text[: word.start()] + word.group()[::-1] + text[word.end() :],
        )
    )
    return Entry(replace(ticket, text=changed, spans=()), ticket.intent, kind)


def is_long_enough(ticket: Ticket) -> bool:
    """Whether a near duplicate can be made from it."""
    return len(ticket.text.split()) >= _NEAR_WORDS


def contradiction(rng: random.Random, ticket: Ticket) -> Entry:
    """The same text with another intent."""
    other = rng.choice([intent for intent in INTENTS if intent != ticket.intent])
    copy = exact_copy(rng, ticket, "contradicting labels")
    return replace(copy, ticket=replace(copy.ticket, intent=other), label=other)


def spoilt(rng: random.Random, ticket: Ticket, kind: PlantedKind, others: Sequence[Ticket]) -> Entry:
    """A ticket made empty, over-long, malformed or given a label that nobody knows."""
    bare = replace(ticket, spans=())
    if kind == "empty row":
        return Entry(replace(bare, text=rng.choice(("", "   ", "\n\t ", "\u00a0"))), ticket.intent, kind)
    if kind == "over-long row":
        quoted = "\n> ".join(rng.choice(others).text for _ in range(_LONG_TICKETS))
        return Entry(replace(bare, text=f"{ticket.text}\n> {quoted}"), ticket.intent, kind)
    if kind == "unknown label":
        return Entry(bare, rng.choice(("refnd", "other", "sales", "n/a", "TODO", "delivery?")), kind)
    form = rng.choice(("cut short", "not UTF-8", "NUL", "array", "no text", "text is a number"))
    return Entry(bare, ticket.intent, kind, form)


def to_line(entry: Entry, number: int, customer: int) -> bytes:
    """The entry as one JSONL line, broken as its form says."""
    ticket = entry.ticket
    answer = {"intent": entry.label, "urgency": ticket.urgency, "language": ticket.language}
    fields: dict[str, Any] = {
        "id": f"T-{number:06}",
        "customer": f"C-{customer:05}",
        "language": ticket.language,
        "text": ticket.text,
        "intent": entry.label,
        "answer": answer,
    }
    match entry.form:
        case "NUL":
            fields["text"] = ticket.text[:10] + "\0" + ticket.text[10:]
        case "no text":
            del fields["text"]
        case "text is a number":
            fields["text"] = number
        case "array":
            return json.dumps(list(fields.values()), ensure_ascii=False).encode() + b"\n"
    line = json.dumps(fields, ensure_ascii=False).encode() + b"\n"
    if entry.form == "cut short":
        return line[: len(line) // 2] + b"\n"
    if entry.form == "not UTF-8":
        at = line.index(b'"text": "') + 9
        return line[:at] + "ñandú ".encode("latin-1") + line[at:]
    return line
