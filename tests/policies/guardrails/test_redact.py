"""Overlapping finds are settled without losing a code point; what takes their place stays in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from policies.guardrails.redact import Span, redact, settle

TEXT = "abcdefghijklmnopqrstuvwxyz"


@st.composite
def spans(draw: st.DrawFn) -> list[Span]:
    """Spans anywhere in TEXT, overlapping at will."""
    found = []
    for _ in range(draw(st.integers(0, 8))):
        start = draw(st.integers(0, len(TEXT) - 1))
        end = draw(st.integers(start + 1, len(TEXT)))
        found.append(Span(start, end, draw(st.sampled_from("ABC")), draw(st.sampled_from([0.5, 0.9]))))
    return found


def covered(found: list[Span]) -> set[int]:
    return {position for span in found for position in range(span.start, span.end)}


@given(spans())
def test_settled_spans_cover_the_same_code_points_once(found: list[Span]) -> None:
    settled = settle(found)
    assert sum(span.length for span in settled) == len(covered(found)) == len(covered(list(settled)))
    assert list(settled) == sorted(settled, key=lambda span: span.start)


@given(spans())
def test_what_no_span_covers_stays_and_what_one_covers_goes(found: list[Span]) -> None:
    out = redact(TEXT, settle(found))
    kept = "".join(letter for position, letter in enumerate(TEXT) if position not in covered(found))
    assert "".join(letter for letter in out if letter.islower()) == kept


def test_the_longest_wins_and_the_rest_of_a_loser_keeps_its_name() -> None:
    address, name = Span(0, 10, "STREET_ADDRESS", 0.8), Span(6, 14, "PERSON", 0.9)
    assert settle([name, address]) == (address, Span(10, 14, "PERSON", 0.9))
    assert redact(TEXT, settle([name, address])) == "<STREET_ADDRESS><PERSON>opqrstuvwxyz"


def test_of_two_as_long_the_surer_wins() -> None:
    assert settle([Span(0, 4, "A", 0.5), Span(0, 4, "B", 0.9)]) == (Span(0, 4, "B", 0.9),)
