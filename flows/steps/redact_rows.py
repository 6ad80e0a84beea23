"""Redacts personal data and secrets in rows, with the same detectors that guard the service.

Texts always. Answers unless they are a class: what several rows with different texts share says nothing about any one
person, and a redacted class would be a wrong answer to learn. Labels become the names of classes, which stand in the
clear in results and pictures (class_names.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from flows.steps.class_names import name_classes
from flows.steps.read_raw import in_batches
from infra.contracts.base import Contract
from policies.expectations.rows import CleanRow, Language, Place
from policies.expectations.same_text import normal_form

_BATCH_ROWS = 256


class Found(Protocol):
    """One find: code-point offsets, end exclusive."""

    @property
    def start(self) -> int:
        """First code point."""
        ...

    @property
    def end(self) -> int:
        """The code point after the last."""
        ...

    @property
    def entity(self) -> str:
        """What it is, e.g. EMAIL_ADDRESS."""
        ...


class RedactedText(Protocol):
    """A text after redaction, with the finds as offsets into the text before."""

    @property
    def text(self) -> str:
        """With a placeholder in the place of each find."""
        ...

    @property
    def spans(self) -> Sequence[Found]:
        """The finds, sorted, without overlaps."""
        ...


class Redactor(Protocol):
    """What redacts: `policies.guardrails.compiled.Guards`."""

    @property
    def policy(self) -> Contract:
        """The policy whose detectors are at work."""
        ...

    def redact_rows(self, texts: Sequence[str], languages: Sequence[Language]) -> Sequence[RedactedText]:
        """Redacts texts in their order."""
        ...


@dataclass(frozen=True, slots=True)
class RedactedRow:
    """A clean row after redaction."""

    clean: CleanRow
    text: str = field(repr=False)
    answer: str = field(repr=False)
    label: str = field(repr=False)
    spans: tuple[Found, ...]
    """What was found in `clean.text`."""
    answer_entities: tuple[str, ...]
    """Entity of each find in the answer."""

    @property
    def place(self) -> Place:
        """Where the row stood in its source."""
        return self.clean.place


def redact_rows(
    rows: Sequence[CleanRow], redactor: Redactor, answer_schema: str, advance: Callable[[int], None]
) -> list[RedactedRow]:
    """Redacts every row, in order. `advance` is told of every row that is done.

    `answer_schema` is the pipeline's JSON schema of answers: a value that one of its enumerations lists is a class.
    """
    shared, listed = _shared(rows), _enumerated(json.loads(answer_schema) if answer_schema else None)
    classes = shared | listed
    names = name_classes(rows, shared, listed, redactor)
    done: list[RedactedRow] = []
    for batch in in_batches(rows, _BATCH_ROWS):
        texts = redactor.redact_rows([row.text for row in batch], [row.language for row in batch])
        done += [
            _redacted(row, text, redactor, classes, names[row.label]) for row, text in zip(batch, texts, strict=True)
        ]
        advance(len(batch))
    return done


def _redacted(row: CleanRow, found: RedactedText, redactor: Redactor, classes: set[str], label: str) -> RedactedRow:
    entities: list[str] = []

    def unless_class(value: str) -> str:
        if value in classes or not value:
            return value
        [redacted] = redactor.redact_rows([value], [row.language])
        entities.extend(span.entity for span in redacted.spans)
        return redacted.text

    answer = _redact_answer(row.answer, unless_class)
    return RedactedRow(row, found.text, answer, label, tuple(found.spans), tuple(entities))


def _redact_answer(answer: str, unless_class: Callable[[str], str]) -> str:
    """A JSON answer is redacted value by value, so that it stays JSON."""
    if not answer.startswith(("{", "[")):
        return unless_class(answer)
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):
        return unless_class(answer)
    redacted = _redact_json(value, unless_class)
    return answer if redacted == value else json.dumps(redacted, ensure_ascii=False, separators=(",", ":"))


def _redact_json(value: Any, unless_class: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return unless_class(value)
    if isinstance(value, dict):
        return {key: _redact_json(one, unless_class) for key, one in value.items()}
    if isinstance(value, list):
        return [_redact_json(one, unless_class) for one in value]
    return value


def _shared(rows: Sequence[CleanRow]) -> set[str]:
    """Answers and labels that stand beside at least two different texts."""
    first: dict[str, str] = {}
    shared: set[str] = set()
    for row in rows:
        text = normal_form(row.text)
        for value in {row.answer, row.label} - shared:
            if first.setdefault(value, text) != text:
                shared.add(value)
    return shared


def _enumerated(schema: Any) -> set[str]:
    """Every string that a JSON schema lists in an `enum` or `const`, at any depth."""
    if isinstance(schema, list):
        return {value for one in schema for value in _enumerated(one)}
    if not isinstance(schema, dict):
        return set()
    listed = [*schema.get("enum", []), schema.get("const")]
    below = {value for one in schema.values() for value in _enumerated(one)}
    return {value for value in listed if isinstance(value, str)} | below
