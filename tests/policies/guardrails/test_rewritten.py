"""The way back: whatever was replaced, offsets stay in bounds, in order, and lead to what the letters came from."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from policies.guardrails.rewritten import Piece, Rewritten, rewrite, rewrite_near

TEXTS = st.text("abc 12\n", max_size=40)


@st.composite
def rewritten(draw: st.DrawFn) -> tuple[str, Rewritten]:
    """A text and a reading of it, made in one to three steps."""
    original = draw(TEXTS)
    reading = Rewritten(original)
    for _ in range(draw(st.integers(1, 3))):
        edges = sorted(draw(st.lists(st.integers(0, len(reading.text)), max_size=8)))
        pieces = [
            Piece(start, end, draw(st.sampled_from(("", "x", "xyz"))))
            for start, end in zip(edges[::2], edges[1::2], strict=False)
            if start < end
        ]
        margin = draw(st.sampled_from((None, 0, 3)))
        if margin is None or not pieces:
            reading = rewrite(reading.text, pieces, parent=reading, counts=draw(st.booleans()))
        else:
            near = list(rewrite_near(reading.text, pieces, margin, parent=reading))
            reading = draw(st.sampled_from(near))
    return original, reading


@given(rewritten())
def test_every_span_leads_to_a_place_in_the_original(made: tuple[str, Rewritten]) -> None:
    original, reading = made
    last = (0, 0)
    for position in range(len(reading.text)):
        start, end = reading.original(position, position + 1)
        assert 0 <= start < end <= len(original)
        assert start >= last[0] and end >= last[1]
        assert reading.original(0, position + 1) == (reading.original(0, 1)[0], end)
        last = (start, end)


@given(TEXTS, st.data())
def test_what_was_not_replaced_leads_to_itself(text: str, data: st.DataObject) -> None:
    edges = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [Piece(one, two, "##") for one, two in zip(edges[::2], edges[1::2], strict=False) if one < two]
    reading = rewrite(text, pieces, counts=True)
    for position, letter in enumerate(reading.text):
        start, end = reading.original(position, position + 1)
        if letter != "#":
            assert text[start:end] == letter
        else:
            assert Piece(start, end, "##") in pieces
            assert reading.touches(position, position + 1)
    assert not Rewritten(text).touches(0, len(text))


@given(TEXTS, st.data())
def test_what_is_near_is_read_as_in_the_whole(text: str, data: st.DataObject) -> None:
    edges = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    pieces = [Piece(one, two, "##") for one, two in zip(edges[::2], edges[1::2], strict=False) if one < two]
    near = list(rewrite_near(text, pieces, 2))
    assert [piece for reading in near for piece in reading.pieces] == pieces
    for reading in near:
        whole = rewrite(text, reading.pieces)
        assert whole.text[reading.lead :].startswith(reading.text)
        for position in range(len(reading.text)):
            assert reading.original(position, position + 1) == whole.original(
                position + reading.lead, position + reading.lead + 1
            )


def test_only_a_step_that_counts_makes_a_find_count() -> None:
    folded = rewrite("a b", [Piece(1, 2, "_")])
    view = rewrite(folded.text + "", [Piece(2, 3, "B")], parent=folded, counts=True)
    assert view.text == "a_B"
    assert not view.touches(0, 1)
    assert view.touches(1, 2) and view.touches(2, 3)
    assert view.original(1, 3) == (1, 3)
