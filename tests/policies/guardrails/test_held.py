"""Text in a queue: the same for every cut, in linear time; and what a detector may say."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.guardrails.held import Held
from policies.guardrails.redact import Span
from policies.guardrails.sound import Unsound, sound_spans


@given(st.lists(st.tuples(st.text(max_size=40), st.integers(0, 30)), max_size=60))
def test_what_goes_in_comes_out(moves: list[tuple[str, int]]) -> None:
    held, expected, dropped = Held(), "", 0
    for piece, drop in moves:
        held.add(piece)
        expected += piece
        drop = min(drop, len(held))
        assert held.part(0, drop) == expected[dropped : dropped + drop]
        held.drop(drop)
        dropped += drop
        assert (len(held), held.part(0, len(held))) == (len(expected) - dropped, expected[dropped:])


def test_half_a_surrogate_pair_is_no_text_however_it_is_cut() -> None:
    for pieces in (["a\ud83d\ude00b"], ["a\ud83d", "\ude00b"]):
        held = Held()
        for piece in pieces:
            held.add(piece)
        assert held.part(0, 9) == "a\ufffd\ufffdb"


def test_a_queue_that_is_emptied_keeps_nothing() -> None:
    held = Held()
    for _ in range(2_000):
        held.add("x" * 500)
        held.part(0, 1)
        held.drop(500)
    assert len(held) == 0 and len(held._text) < 20_000


@pytest.mark.parametrize(
    "wrong",
    [
        *(Span(-1, 2, "A", 1.0), Span(3, 2, "A", 1.0), Span(0, 11, "A", 1.0), Span(0, 1, "A", math.nan)),
        *(Span(0, 1, "A", math.inf), Span(0, 1, "A", 1.5), Span(0, 1, "A", -0.1), Span(0, 1, "", 1.0)),
        *(Span(0, 1, "jane@example.org", 1.0), "ab", None, (0, 1, "A", 1.0)),
        *(Span(0.0, 1, "A", 1.0), Span(True, 1, "A", 1.0), Span(0, 1, 7, 1.0), Span(0, 1, "A", "1")),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_right_is_refused_without_the_text(wrong: Any) -> None:
    with pytest.raises(Unsound) as caught:
        list(sound_spans([Span(0, 10, "A", 1.0), wrong], 10))
    assert "jane" not in str(caught.value)
