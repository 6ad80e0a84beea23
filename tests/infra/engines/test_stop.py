"""Stop strings: what is shown does not depend on how the stream was cut, and holds none of them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.engines.stop import StopScanner
from infra.errors import BadInput

letters = st.text(alphabet="ab\n", max_size=30)
stops = st.lists(st.text(alphabet="ab\n", min_size=1, max_size=4), max_size=3).map(tuple)


@given(text=letters, stop=stops, cuts=st.lists(st.integers(0, 30), max_size=8))
def test_any_cut_gives_the_text_before_the_first_complete_stop_string(
    text: str, stop: tuple[str, ...], cuts: list[int]
) -> None:
    scanner = StopScanner(stop)
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    shown = ""
    for start, end in pairwise(places):
        shown += scanner.push(text[start:end])
        held = len(text[:end]) - len(shown)
        assert scanner.stopped or held < max((len(one) for one in stop), default=1)
    shown += scanner.finish()
    ends = sorted((text.index(one) + len(one), text.index(one)) for one in stop if one in text)
    assert scanner.stopped == bool(ends)
    assert shown == (text[: ends[0][1]] if ends else text)


def test_nothing_comes_through_after_the_stop() -> None:
    scanner = StopScanner(("END",))
    assert [scanner.push(piece) for piece in ("one E", "N", "D two", "three")] == ["one ", "", "", ""]
    assert scanner.finish() == ""


def test_what_only_looked_like_a_stop_comes_through() -> None:
    scanner = StopScanner(("END",))
    assert [scanner.push("one EN"), scanner.push("OUGH"), scanner.push("E"), scanner.finish()] == [
        "one ",
        "ENOUGH",
        "",
        "E",
    ]


def test_an_empty_stop_string_is_refused() -> None:
    with pytest.raises(BadInput, match="empty"):
        StopScanner(("a", ""))
