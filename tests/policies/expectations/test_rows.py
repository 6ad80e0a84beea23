"""Judging rows: what is fit passes, the rest is set aside, and a test set is never filtered."""

from __future__ import annotations

import dataclasses

import pytest

from policies.expectations.rows import CleanRow, Language, Place, RawRow, UnreadableRow, judge


def english(_: RawRow) -> Language:
    return "en"


def raw(line: int, text: str | None, answer: str | None = "a", role: str = "train", **more: str) -> RawRow:
    return RawRow(Place("train" if role == "train" else "test", line), text, answer, **more)


def test_training_rows_that_fail_are_set_aside_with_every_reason() -> None:
    rows = [raw(1, "fine"), raw(2, "bad"), raw(3, None), UnreadableRow(Place("train", 4), "not JSON", b"{")]
    judged = judge(rows, [(), ("too-long", "label-known"), ("present",), ()], english)
    assert [row.place.line for row in judged.clean] == [1]
    assert [(aside.row.place.line, aside.reasons) for aside in judged.quarantined] == [
        (2, ("too-long", "label-known")),
        (3, ("text is missing", "present")),
        (4, ("not JSON",)),
    ]


def test_a_test_row_stays_whatever_it_fails_as_long_as_it_can_be_asked_and_scored() -> None:
    rows = [raw(1, "bad", role="test"), raw(2, "", role="test"), raw(3, "x", None, role="test")]
    judged = judge(rows, [("too-long",), ("not-blank",), ()], english)
    assert [row.place.line for row in judged.clean] == [1, 2]
    assert judged.quarantined[0].reasons == ("answer is missing",)


def test_the_source_says_the_language_else_it_is_found() -> None:
    rows = [raw(1, "x", language="es"), raw(2, "x"), raw(3, "x", language="fr")]
    assert [row.language for row in judge(rows, [()] * 3, english).clean] == ["es", "en", "en"]


def test_nobody_else_makes_a_clean_row() -> None:
    [clean] = judge([raw(1, "x")], [()], english).clean
    with pytest.raises(TypeError):
        CleanRow(Place("train", 1), "x", "a", "", "en", "", "", object())
    with pytest.raises((TypeError, ValueError)):
        dataclasses.replace(clean, text="other")


def test_what_a_row_holds_is_not_in_its_repr() -> None:
    row = raw(1, "juan@example.com", label="juan", subject="juan", row_id="juan")
    [clean] = judge([row], [()], english).clean
    assert "juan" not in repr(row) + repr(clean) + repr(UnreadableRow(Place("train", 1), "NUL", b"juan"))
