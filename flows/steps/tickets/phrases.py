"""What a language brings to the tickets: sentences with slots in braces.

Lower-case slots are filled with harmless words (`{order}`, `{product}`); upper-case ones with made-up personal data of
that entity type (`{PERSON}`), whose place is recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Intent = Literal[
    "refund",
    "delivery",
    "damaged_item",
    "billing",
    "login",
    "cancel",
    "change_details",
    "technical",
    "product_info",
]
Urgency = Literal["low", "normal", "high"]
INTENTS: tuple[Intent, ...] = get_args(Intent)
URGENCIES: tuple[Urgency, ...] = get_args(Urgency)


@dataclass(frozen=True)
class Topic:
    """What customers say about one intent."""

    intent: Intent
    problems: tuple[str, ...]
    asks: tuple[str, ...]


@dataclass(frozen=True)
class Phrases:
    """One language."""

    language: Literal["en", "es"]
    topics: tuple[Topic, ...]
    greetings: tuple[str, ...]
    openers: tuple[str, ...]
    details: tuple[str, ...]
    urgent: tuple[str, ...]
    relaxed: tuple[str, ...]
    closings: tuple[str, ...]
    signatures: tuple[str, ...]
    personal: tuple[str, ...]
    """Sentences that give personal data away."""
    products: tuple[str, ...]
    times: tuple[str, ...]
    devices: tuple[str, ...]
    added: tuple[str, ...]
    """Short additions that turn a copy into a near duplicate."""

    def topic(self, intent: Intent) -> Topic:
        """What is said about one intent."""
        return next(topic for topic in self.topics if topic.intent == intent)
