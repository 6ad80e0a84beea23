"""Validation over batches: who stays, why the data are unfit, and what the pages say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flows.steps.validate import Validated, validate
from infra.errors import CheckFailed
from policies.expectations.rows import Place, RawRow, UnreadableRow
from policies.expectations.suite import Suite, parse_suite

SUITE = """name: mail
mostly: 0.9
rows:
  - {id: not-blank, column: text, expect: matches, pattern: '\\S'}
  - {id: known, column: label, expect: in_set, values: [a, b]}
whole:
  - {id: enough, measure: rows, min: 10}
  - {id: readable, measure: unreadable_share, max: 0.1}
"""


def rows(train: int, *, blank: int = 0, broken: int = 0, test: int = 0) -> Iterator[RawRow | UnreadableRow]:
    for number in range(train):
        text = "" if number < blank else f"text {number}"
        yield RawRow(Place("train", number + 2), text, "a", label="ab"[number % 2])
    for number in range(broken):
        yield UnreadableRow(Place("train", train + number + 2), "not UTF-8", b"\xf1ana@example.com")
    for number in range(test):
        yield RawRow(Place("test", number + 2), "", "a", label="unheard of")


def check(source: Iterator[RawRow | UnreadableRow]) -> tuple[Suite, Validated]:
    suite = parse_suite(SUITE, source="mail.yaml")
    return suite, validate(source, suite, "", lambda _: "en", lambda _: None)


def test_fit_data_pass_with_their_bad_rows_aside() -> None:
    suite, done = check(rows(12_000, blank=7, broken=2, test=3))
    done.require_fit(suite, "docs")
    assert (len(done.train), len(done.test), len(done.quarantined)) == (11_993, 3, 9)
    assert done.measures.rows == 11_993 and done.measures.test_rows == 3
    assert [page.name for page in done.docs] == ["index.html", "test.html"]
    assert "11,993 training rows are fit" in done.docs[0].html and "None was filtered" in done.docs[1].html


def test_every_reason_comes_at_once_with_figures_lines_and_a_cure() -> None:
    suite, done = check(rows(9, blank=2, broken=3))
    with pytest.raises(CheckFailed) as caught:
        done.require_fit(suite, "runs/r/dataset")
    text = str(caught.value)
    assert "2 of 9 rows (22.22%) do not meet not-blank, at most 10.00% may; the first is line 2" in text
    assert "enough: rows is 7, at least 10 is asked for" in text
    assert "readable: unreadable_share is 0.25, at most 0.1 is asked for" in text
    assert "iconv" in text and "runs/r/dataset" in text and "ana@" not in text


def test_no_rows_at_all_are_unfit() -> None:
    suite, done = check(rows(0))
    with pytest.raises(CheckFailed, match="no training row is fit"):
        done.require_fit(suite, "docs")
