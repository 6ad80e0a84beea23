"""Rows as the dataset steps hand them on, and a small redactor for tests that are not about detectors."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import pytest

from flows.steps.redact_rows import RedactedRow
from flows.steps.redact_texts import InTurn
from infra.contracts.base import Contract
from policies.expectations.rows import CleanRow, Place, RawRow, judge

MakeRow = Callable[..., RedactedRow]
MakeClean = Callable[..., CleanRow]


class Nameless(Contract):
    """A policy without rules."""

    schema_id: ClassVar[str] = "test/policy/1"


@dataclass(frozen=True)
class Hit:
    start: int
    end: int
    entity: str = "EMAIL_ADDRESS"


@dataclass(frozen=True)
class Hidden:
    text: str
    spans: tuple[Hit, ...]


@dataclass
class MailRedactor:
    """Hides e-mail addresses; remembers what it was asked."""

    policy: Nameless = field(default_factory=Nameless)
    asked: list[str] = field(default_factory=list)

    def redact_rows(self, texts: Sequence[str], languages: Sequence[str]) -> list[Hidden]:
        assert len(texts) == len(languages)
        self.asked += texts
        pattern = re.compile(r"[\w.]+@[\w.]+")
        return [
            Hidden(pattern.sub("<EMAIL_ADDRESS>", text), tuple(Hit(*hit.span()) for hit in pattern.finditer(text)))
            for text in texts
        ]


@dataclass
class MailBatches(InTurn):
    """The same, batch by batch."""

    _redactor: MailRedactor = field(default_factory=MailRedactor)

    @property
    def asked(self) -> list[str]:
        return self._redactor.asked


@pytest.fixture
def mail_batches() -> MailBatches:
    return MailBatches()


@pytest.fixture
def mail_redactor() -> MailRedactor:
    return MailRedactor()


@pytest.fixture
def make_clean() -> MakeClean:
    """Makes a clean row the one way there is."""

    def make(text: str, answer: str = "a", *, line: int = 1, role: str = "train", **more: str) -> CleanRow:
        raw = RawRow(Place("train" if role == "train" else "test", line), text, answer, **{"label": answer, **more})
        [clean] = judge([raw], [()], lambda _: "en").clean
        return clean

    return make


@pytest.fixture
def make_row(make_clean: MakeClean) -> MakeRow:
    """Makes a row in which nothing was found."""

    def make(text: str, answer: str = "a", **more: object) -> RedactedRow:
        clean = make_clean(text, answer, **more)
        return RedactedRow(clean, clean.text, clean.answer, clean.label, (), ())

    return make
