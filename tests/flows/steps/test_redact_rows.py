"""Redacting rows: texts always, answers unless they are a class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flows.steps.redact_rows import redact_rows
from policies.expectations.rows import CleanRow

MakeClean = Callable[..., CleanRow]
SCHEMA = '{"type":"object","properties":{"to":{"enum":["help@example.com"]},"note":{"type":"string"}}}'


def ignore(_: int) -> None:
    """Nobody watches."""


def test_texts_are_redacted_with_the_place_of_each_find(make_clean: MakeClean, mail_batches: Any) -> None:
    rows = [make_clean(f"mail ana{number}@example.com, please", line=number) for number in range(600)]
    done = redact_rows(rows, mail_batches, "", ignore)
    assert {row.text for row in done} == {"mail <EMAIL_ADDRESS>, please"}
    assert all(row.clean.text[row.spans[0].start : row.spans[0].end].endswith("@example.com") for row in done)
    assert [row.place.line for row in done] == list(range(600))


def test_an_answer_that_several_texts_share_is_a_class_and_one_that_stands_alone_is_not(
    make_clean: MakeClean, mail_batches: Any
) -> None:
    rows = [make_clean("one", "desk@example.com"), make_clean("two", "desk@example.com")]
    rows += [make_clean("three", "ana@example.com"), make_clean("three!", "ana@example.com")]
    done = redact_rows(rows, mail_batches, "", ignore)
    assert [row.answer for row in done] == ["desk@example.com"] * 2 + ["<EMAIL_ADDRESS>"] * 2
    assert [row.label for row in done] == ["<class 1>"] * 2 + ["<own>"] * 2, "labels stand in the clear later on"
    assert [row.answer_entities for row in done] == [(), (), ("EMAIL_ADDRESS",), ("EMAIL_ADDRESS",)]


def test_a_json_answer_is_redacted_value_by_value_but_for_what_its_schema_lists(
    make_clean: MakeClean, mail_batches: Any
) -> None:
    rows = [make_clean("one", '{"to":"help@example.com","note":["ñ ana@example.com",7]}', label="x")]
    rows += [make_clean("two", '{"to": "help@example.com", "note": "fine"}', label="x")]
    first, second = redact_rows(rows, mail_batches, SCHEMA, ignore)
    assert first.answer == '{"to":"help@example.com","note":["ñ <EMAIL_ADDRESS>",7]}'
    assert second.answer == rows[1].answer, "written as it came where nothing was found"
    assert "help@example.com" not in mail_batches.asked


def test_a_label_that_nothing_shares_names_no_class(make_clean: MakeClean, mail_batches: Any) -> None:
    [row] = redact_rows([make_clean("one", "fine", label="ana@example.com")], mail_batches, "", ignore)
    assert (row.answer, row.label) == ("fine", "")
