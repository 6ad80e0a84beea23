"""Redacts personal data and secrets in rows, with the same detectors that guard the service.

Texts always. Answers unless they are a class: what several rows with different texts share says nothing about any one
person, and a redacted class would be a wrong answer to learn. Labels become the names of classes, which stand in the
clear in results and pictures (class_names.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from flows.steps.class_names import name_classes
from flows.steps.read_raw import in_batches
from flows.steps.redact_texts import Batch, BatchRedactor, Found, RedactedText, all_redacted
from flows.steps.text_values import texts_in, with_texts
from policies.expectations.rows import CleanRow, Place
from policies.expectations.same_text import normal_form

_BATCH_ROWS = 256


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
    rows: Sequence[CleanRow], redactor: BatchRedactor, answer_schema: str, advance: Callable[[int], None]
) -> list[RedactedRow]:
    """Redacts every row, in order. `advance` is told of every row that is done.

    `answer_schema` is the pipeline's JSON schema of answers: a value that one of its enumerations lists is a class.
    Raises PartFailed when a check fails on a row.
    """
    shared, listed = _shared(rows), _enumerated(json.loads(answer_schema) if answer_schema else None)
    names = name_classes(rows, shared, listed, redactor)
    batches = (_batch(batch, shared | listed) for batch in in_batches(rows, _BATCH_ROWS))
    done: list[RedactedRow] = []
    for answers, results in redactor.redact_batches(batches):
        left = iter(all_redacted(results))
        done += [answer.redacted(next(left), left, names[answer.row.label]) for answer in answers]
        advance(len(answers))
    return done


@dataclass(frozen=True, slots=True)
class _Answer:
    """A row whose answer was taken apart: what of it is to be redacted, and what is a class."""

    row: CleanRow
    value: Any = field(repr=False)
    """The answer as JSON, so that it is redacted value by value and stays JSON; or its text."""
    is_json: bool
    asked: tuple[bool, ...]
    """For each text in the value whether it is to be redacted."""

    def texts(self) -> Iterator[str]:
        """What is to be redacted, in order."""
        return (text for text, asked in zip(texts_in(self.value), self.asked, strict=True) if asked)

    def redacted(self, text: RedactedText, answers: Iterator[RedactedText], label: str) -> RedactedRow:
        """The row with the results for its text and for each of `texts`, which it takes from `answers`."""
        done: list[str] = []
        entities: list[str] = []
        for before, asked in zip(texts_in(self.value), self.asked, strict=True):
            result = next(answers) if asked else None
            done.append(result.text if result else before)
            entities += [span.entity for span in result.spans] if result else ()
        value = with_texts(self.value, iter(done))
        answer = self.row.answer if value == self.value else _written(value, self.is_json)
        return RedactedRow(self.row, text.text, answer, label, tuple(text.spans), tuple(entities))


def _batch(rows: Sequence[CleanRow], classes: set[str]) -> Batch[list[_Answer]]:
    answers = [_taken_apart(row, classes) for row in rows]
    texts = [(text, answer.row.language) for answer in answers for text in (answer.row.text, *answer.texts())]
    return Batch(tuple(text for text, _ in texts), tuple(language for _, language in texts), answers)


def _taken_apart(row: CleanRow, classes: set[str]) -> _Answer:
    value, is_json = _parsed(row.answer)
    return _Answer(row, value, is_json, tuple(bool(text) and text not in classes for text in texts_in(value)))


def _parsed(answer: str) -> tuple[Any, bool]:
    if answer.startswith(("{", "[")):
        try:
            return json.loads(answer), True
        except (ValueError, RecursionError):
            pass
    return answer, False


def _written(value: Any, is_json: bool) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if is_json else str(value)


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
