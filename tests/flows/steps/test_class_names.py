"""Names of classes: their own where nothing personal can be in it, else numbers; none for what stands alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flows.steps.class_names import OWN, name_classes
from policies.expectations.rows import CleanRow

MakeClean = Callable[..., CleanRow]
SENTENCE = "we are sorry that your parcel with the desk lamp is late, and send another one"

CASES = [
    ("refund", {"refund"}, set(), "refund"),
    ("refund", set(), {"refund"}, "refund"),
    ("refund", {"card"}, set(), OWN),
    ("x" * 64, {"x" * 64}, set(), "x" * 64),
    ("x" * 65, {"x" * 65}, set(), "<class 1>"),
    (SENTENCE, {SENTENCE}, set(), "<class 1>"),
    ("desk@example.com", {"desk@example.com"}, set(), "<class 1>"),
    ("desk@example.com", {"desk@example.com"}, {"desk@example.com"}, "desk@example.com"),
    ("desk@example.com", set(), set(), OWN),
]


@pytest.mark.parametrize(("label", "shared", "listed", "name"), CASES)
def test_one_label(
    label: str, shared: set[str], listed: set[str], name: str, make_clean: MakeClean, mail_redactor: Any
) -> None:
    rows = [make_clean("one", "card"), make_clean("two", "a", label=label)]
    assert name_classes(rows, shared | {"card"}, listed, mail_redactor)[label] == name


def test_numbers_follow_the_rows_and_nothing_has_no_name(make_clean: MakeClean, mail_redactor: Any) -> None:
    labels = ["b@example.com", "", "plain", "a@example.com", "b@example.com"]
    rows = [make_clean(f"text {number}", "a", label=label) for number, label in enumerate(labels)]
    names = name_classes(rows, set(labels) - {""}, set(), mail_redactor)
    assert names == {"b@example.com": "<class 1>", "plain": "plain", "a@example.com": "<class 2>", "": ""}
    assert mail_redactor.asked == ["b@example.com", "plain", "a@example.com"], "each once"


def test_where_no_answer_is_shared_there_are_no_classes(make_clean: MakeClean, mail_redactor: Any) -> None:
    rows = [make_clean("one", "this"), make_clean("two", "that")]
    assert name_classes(rows, set(), set(), mail_redactor) == {"this": "", "that": "", "": ""}
