"""The validator: real Great Expectations finds what each kind of rule is for, and tells no values."""

from __future__ import annotations

import re

import pytest

from infra.errors import BadInput
from policies.expectations.data_docs import render_docs
from policies.expectations.measures import Census, Measures
from policies.expectations.rows import Place, RawRow, UnreadableRow, judge
from policies.expectations.suite import Suite, parse_suite
from policies.expectations.validator import Validator

SCHEMA = '{"type":"object","required":["intent"],"properties":{"intent":{"enum":["refund"]}}}'
GOOD = '{"intent":"refund"}'


def suite(*rows: str, whole: str = "", mostly: float = 0.9) -> Suite:
    lines = "".join(f"  - {{id: r{number}, {rule}}}\n" for number, rule in enumerate(rows))
    return parse_suite(f"name: t\nmostly: {mostly}\nrows:\n{lines}whole: [{whole}]\n", source="t")


def raw(text: str | None = "hello there", answer: str | None = GOOD, role: str = "train", **more: str) -> RawRow:
    return RawRow(Place("train" if role == "train" else "test", 1), text, answer, **more)


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ("column: text, expect: present", raw(" "), raw(None)),
        ("column: text, expect: matches, pattern: '\\S'", raw("x"), raw(" \u00a0\n")),
        ("column: text, expect: matches_not, pattern: 'http'", raw("x"), raw("see http://x")),
        ("column: text, expect: length, min: 2, max: 4", raw("ñandú"[:4]), raw("ñandú")),
        ("column: text, expect: length, min: 2, max: 4", raw("ab"), raw("a")),
        ("column: label, expect: in_set, values: [a, b]", raw(label="a"), raw(label="A")),
        ("column: answer, expect: answer_schema", raw(), raw(answer='{"intent":"other"}')),
        ("column: answer, expect: answer_schema", raw(), raw(answer="{not json")),
        ("column: answer, expect: answer_schema", raw(), raw(answer="[" * 5_000)),
        ("column: answer, expect: answer_schema", raw(), raw(answer='"text"')),
    ],
)
def test_each_kind_of_rule(rule: str, good: RawRow, bad: RawRow) -> None:
    validator = Validator(suite(rule), SCHEMA)
    assert validator.check([good, bad, good, bad]) == [(), ("r0",), (), ("r0",)]


def test_batches_and_sources_are_tallied_apart() -> None:
    validator = Validator(suite("column: text, expect: length, max: 5", "column: label, expect: in_set, values: [a]"))
    unreadable = UnreadableRow(Place("train", 2), "NUL", b"")
    validator.check([raw("short"), unreadable, raw("far too long", role="test", label="zzz")])
    validator.check([raw("far too long"), raw(None)])
    length, known = validator.tallies("train")
    assert (length.rows, length.missing, length.failed, length.met) == (3, 1, 1, False)
    assert (known.rows, known.missing, known.failed, known.met) == (3, 3, 0, True)
    assert [tally.failed for tally in validator.tallies("test")] == [1, 1]


@pytest.mark.parametrize(("bad", "met"), [(0, True), (1, True), (2, False)])
def test_mostly_is_inclusive(bad: int, met: bool) -> None:
    validator = Validator(suite("column: text, expect: length, max: 5"))
    validator.check([raw("long text")] * bad + [raw("x")] * (10 - bad))
    assert validator.tallies("train")[0].met is met


def test_figures_over_all_rows() -> None:
    rows = [raw(f"text {number % 4}", label="ab"[number % 2], row_id=str(number % 5)) for number in range(8)]
    rows += [raw(None), raw(None, role="test"), raw(role="test")]
    census = Census()
    census.add(judge([*rows, UnreadableRow(Place("train", 9), "NUL", b"")], [()] * 12, lambda _: "es"))
    assert census.measures() == Measures(
        rows=8,
        unreadable_share=0.1,
        quarantined_share=0.2,
        labels=2,
        smallest_label_share=0.5,
        largest_label_share=0.5,
        repeated_text_share=0.4,
        repeated_row_ids=3,
        test_rows=1,
        test_unreadable=1,
        spanish_share=1.0,
    )
    rules = "{id: w0, measure: rows, min: 9}, {id: w1, measure: labels, min: 2, max: 2}"
    rules += ", {id: w2, measure: spanish_share, max: 0.5}"
    result = Validator(suite("column: text, expect: present", whole=rules)).check_whole(census.measures())
    assert {one.expectation_config.meta["id"]: one.success for one in result.results} == {
        "w0": False,
        "w1": True,
        "w2": False,
    }


def test_a_suite_that_needs_a_schema_is_refused_without_one() -> None:
    for schema in ("", "{", '{"type": 7}'):
        with pytest.raises(BadInput):
            Validator(suite("column: answer, expect: answer_schema"), schema)


def test_the_pages_hold_no_value_of_a_row_and_load_nothing() -> None:
    rules = (
        "column: text, expect: length, max: 5",
        "column: label, expect: in_set, values: [a]",
        "column: answer, expect: answer_schema",
    )
    validator = Validator(suite(*rules, whole="{id: w, measure: rows, min: 1}"), SCHEMA)
    validator.check(
        [raw("juan@example.com", '{"intent":"ana@example.com"}', label="12345678Z")] * 3 + [raw("ok", label="a")]
    )
    whole = validator.check_whole(Census().measures())
    html = render_docs("t: training rows", "a note", validator.tallies("train"), whole)
    assert "75%" in html and "a note" in html
    for secret in ("juan", "ana@", "12345678Z"):
        assert secret not in html
    assert not re.search(r"(?:src|href)\s*=|//\w|<script|<form|@import|url\(", html)
