"""Suites: the shipped ones read, and every mistake is named with its line, all at once."""

from __future__ import annotations

import pytest

from infra.errors import ConfigError
from infra.rules import read_rule
from policies.expectations.suite import parse_suite


@pytest.mark.parametrize("name", ["support-triage", "banking77"])
def test_the_shipped_suites_read(name: str) -> None:
    rule = read_rule("expectations", name)
    suite = parse_suite(rule.text, source=rule.source)
    assert suite.name == name and suite.rows and suite.whole
    assert suite.digest == parse_suite(rule.text + "# a comment\n", source="x").digest


def test_every_mistake_is_named_at_once() -> None:
    text = """name: x
mostly: 1.5
rows:
  - {id: a, column: text, expect: length, min: 9, max: 3}
  - {id: b, column: txt, expect: present}
  - {id: c, column: text, expect: matches, pattern: '('}
  - {id: d, column: text, expect: in_set, values: []}
whole:
  - {id: e, measure: rows}
  - {id: f, measure: rowz, min: 1}
"""
    with pytest.raises(ConfigError) as caught:
        parse_suite(text, source="suite.yaml")
    assert {problem.line for problem in caught.value.problems} == {2, 4, 5, 6, 7, 9, 10}


def test_two_expectations_of_one_name_are_refused() -> None:
    row = "{id: a, column: text, expect: present}"
    with pytest.raises(ConfigError, match="same id"):
        parse_suite(f"name: x\nmostly: 1\nrows: [{row}, {row}]\n", source="x")
