"""Runs a policy over rows of JSONL: what `sluice guard scan` shows. A bad row never costs the others."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from policies.checks import Direction, Language
from policies.verdict import Verdict


@dataclass(frozen=True)
class CheckLine:
    """One check of one row."""

    name: str
    score: float
    verdict: str
    milliseconds: float


@dataclass(frozen=True)
class SpanLine:
    """One find, in code points of the row's text, end exclusive."""

    start: int
    end: int
    type: str
    score: float


@dataclass(frozen=True)
class Scanned:
    """One row after its checks."""

    id: str | int | None
    verdict: str
    rule: str
    checks: tuple[CheckLine, ...]
    spans: tuple[SpanLine, ...]
    text: str
    """What would go on; '' where the row is blocked."""

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)


@dataclass(frozen=True)
class Problem:
    """A row that could not be read. Nothing of the row is told."""

    row: int
    """Number of the line, from 1."""
    error: str

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)


def scan_rows(lines: Iterable[bytes], *, policy: str, direction: Direction) -> Iterator[Scanned | Problem]:
    """Checks rows as they come, in bounded memory. Raises ConfigError for a bad policy before the first row."""
    from flows.steps.load_guards import load_guards, read_policy

    guards = load_guards(read_policy(policy))
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        row = _read(line, number)
        if isinstance(row, Problem):
            yield row
            continue
        check = guards.check_input if direction == "input" else guards.check_output
        guarded = check(row.text, row.language)
        yield Scanned(
            row.id,
            guarded.verdict.value,
            guarded.rule,
            tuple(CheckLine(c.rule, round(c.score, 4), c.verdict, c.milliseconds) for c in guarded.checks),
            tuple(SpanLine(s.start, s.end, s.entity, round(s.score, 4)) for s in guarded.spans),
            "" if guarded.verdict is Verdict.BLOCK else guarded.text,
        )


@dataclass(frozen=True)
class _Row:
    id: str | int | None
    text: str
    language: Language | None


def _read(line: bytes, number: int) -> _Row | Problem:
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError):
        return Problem(number, "not JSON in UTF-8")
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        return Problem(number, "no `text` that is a string")
    identity, language = row.get("id"), row.get("lang")
    if not isinstance(identity, str | int | None):
        return Problem(number, "`id` is no text or number")
    if language not in ("en", "es", None):
        return Problem(number, "`lang` is not en or es")
    try:
        row["text"].encode("utf-8")
    except UnicodeEncodeError:
        return Problem(number, "`text` holds a lone surrogate")
    return _Row(identity, row["text"], language)
