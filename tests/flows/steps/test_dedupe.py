"""Duplicates, near duplicates and contradictions among the training rows; leaks from the test rows; the split."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.steps.dedupe import dedupe
from flows.steps.leakage import remove_leakage
from flows.steps.redact_rows import RedactedRow
from flows.steps.split import split_rows

MakeRow = Callable[..., RedactedRow]
LONG = "my parcel with the desk lamp was due last monday and it never came so please tell me where my order is now"


def lines(rows: Iterable[RedactedRow]) -> list[int]:
    return [row.place.line for row in rows]


def ignore(_: int) -> None:
    """Nobody watches."""


def test_the_first_of_the_same_texts_stays(make_row: MakeRow) -> None:
    texts = ["Where is it?", "where is   it", "Where is he?", "WHERE IS IT!!"]
    done = dedupe([make_row(text, line=number) for number, text in enumerate(texts)], 0.8, ignore)
    assert (lines(done.kept), lines(done.exact), lines(done.near)) == ([0, 2], [1, 3], [])


def test_a_near_duplicate_goes_and_what_is_only_alike_stays(make_row: MakeRow) -> None:
    near = [LONG, f"hello {LONG}", LONG.replace("lamp", "lmap"), f"{LONG} thanks a lot"]
    other = [LONG.replace("parcel", "chair").replace("monday", "friday").replace("order", "chair"), "where is it"]
    done = dedupe([make_row(text, line=number) for number, text in enumerate([*near, *other])], 0.7, ignore)
    assert (lines(done.kept), lines(done.near)) == ([0, 4, 5], [1, 2, 3])


def test_one_text_with_two_answers_is_set_aside_whole(make_row: MakeRow) -> None:
    rows = [make_row(LONG, "a", line=1), make_row(LONG.upper(), "b", line=2), make_row(f"{LONG}.", "a", line=3)]
    rows += [make_row(f"{LONG} thanks", "a", line=4), make_row("something else altogether, please", "a", line=5)]
    done = dedupe(rows, 0.7, ignore)
    assert lines(done.contradictions) == [1, 2, 3, 4], "and a text that is all but the same, whoever is right"
    assert lines(done.kept) == [5]


def test_one_word_may_be_the_class(make_row: MakeRow) -> None:
    rows = [make_row("Where is my card?", "card", line=1), make_row("Where is my virtual card?", "virtual", line=2)]
    rows += [make_row(LONG, "a", line=3), make_row(LONG.replace("lamp", "chair"), "b", line=4)]
    done = dedupe(rows, 0.5, ignore)
    assert lines(done.kept) == [1, 2, 3, 4]


def test_the_same_class_with_another_answer_is_no_near_duplicate(make_row: MakeRow) -> None:
    rows = [make_row(LONG, '{"urgency":"low"}', label="x", line=1)]
    rows += [make_row(f"{LONG} urgent!", '{"urgency":"high"}', label="x", line=2)]
    assert lines(dedupe(rows, 0.7, ignore).kept) == [1, 2]


def test_without_a_class_two_answers_to_one_text_may_both_be_right(make_row: MakeRow) -> None:
    rows = [make_row(LONG, answer, label="", line=number) for number, answer in enumerate(["one", "two", "one"])]
    done = dedupe(rows, 0.7, ignore)
    assert (lines(done.kept), lines(done.exact), lines(done.contradictions)) == ([0, 1], [2], [])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.text("ab ", max_size=12), st.sampled_from("xy")), max_size=30))
def test_every_row_has_one_fate_and_what_is_kept_needs_no_second_pass(
    make_row: MakeRow, given_rows: list[tuple[str, str]]
) -> None:
    done_rows = [0]
    rows = [make_row(text, answer, line=number) for number, (text, answer) in enumerate(given_rows)]
    done = dedupe(rows, 0.8, lambda count: done_rows.append(count))
    parts = [*done.kept, *done.exact, *done.near, *done.contradictions]
    assert sorted(lines(parts)) == list(range(len(rows))) and sum(done_rows) == len(rows)
    assert dedupe(done.kept, 0.8, ignore).kept == done.kept


def test_leaked_rows_leave_the_training_rows_and_the_test_rows_stay(make_row: MakeRow) -> None:
    test = [make_row(text, role="test", line=number) for number, text in enumerate(["Where is it?", LONG, LONG])]
    texts = [
        "where is it",
        f"hi! {LONG}",
        "where is the other one",
        LONG.replace("lamp", "chair").replace("order", "box"),
    ]
    done = remove_leakage([make_row(text, line=number) for number, text in enumerate(texts)], test, 0.7, ignore)
    assert (lines(done.leaked), lines(done.kept)) == ([0, 1], [2, 3])
    assert "0.7" in done.measure and "3-shingle" in done.measure


def test_the_split_is_stable_when_rows_are_added(make_row: MakeRow) -> None:
    rows = [make_row(f"text number {number}", line=number) for number in range(1_000)]
    parts = split_rows(rows, 0.2)
    assert 150 < len(parts.test) < 250
    added = [make_row(f"another text {number}", line=2_000 + number) for number in range(300)]
    again = split_rows([*added, *rows], 0.2)
    assert {row.text for row in parts.test} <= {row.text for row in again.test}
    assert {row.text for row in parts.train} <= {row.text for row in again.train}


def test_the_split_goes_by_the_sources_own_ids_where_there_are_some(make_row: MakeRow) -> None:
    before = [make_row(f"text {number}", row_id=str(number), line=number) for number in range(200)]
    after = [make_row(f"text {number}, edited", row_id=str(number), line=number) for number in range(200)]
    assert lines(split_rows(before, 0.3).test) == lines(split_rows(after, 0.3).test)


def test_what_was_redacted_in_one_spelling_only_is_still_the_same_text(make_row: MakeRow) -> None:
    plain, shouted = make_row("ask ana about it", "a", line=1), make_row("ASK ANA ABOUT IT", "b", line=2)
    hidden, third = make_row("ask bob about it", "a", line=3), make_row("something else", "a", line=4)
    seen = [replace(plain, text="ask <PERSON> about it"), shouted, replace(hidden, text="ask <PERSON> about it"), third]
    done = dedupe(seen, 0.9, ignore)
    assert (lines(done.contradictions), lines(done.kept)) == ([1, 2, 3], [4])
    leaks = remove_leakage([shouted, third], [seen[0]], 0.9, ignore)
    assert lines(leaks.leaked) == [2]
