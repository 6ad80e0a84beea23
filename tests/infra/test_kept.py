"""Kept readings: one reading for an owner's text, none shared between owners, a bounded number, no text."""

from __future__ import annotations

from infra.kept import Kept


class Reading:
    """Counts how often it reads."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, text: str) -> int:
        self.read.append(text)
        return len(text)


def test_a_text_is_read_once_for_an_owner() -> None:
    kept, reading = Kept[int](), Reading()
    assert [kept.of("clinic", "abc", reading) for _ in range(3)] == [3, 3, 3]
    assert kept.of("clinic", "abcd", reading) == 4
    assert reading.read == ["abc", "abcd"]


def test_nobody_has_what_was_read_for_another() -> None:
    kept, reading = Kept[int](), Reading()
    for owner in ("a", "ab", None, None):
        kept.of(owner, "bc" if owner == "a" else "c", reading)
    assert reading.read == ["bc", "c", "c", "c"], "owner and text are apart, and nothing is kept for nobody"


def test_the_oldest_goes_first_and_what_was_asked_again_stays() -> None:
    kept, reading = Kept[int](most=2), Reading()
    for text in ("one", "two", "one", "three", "one", "two"):
        kept.of("o", text, reading)
    assert reading.read == ["one", "two", "three", "two"]


def test_no_text_is_kept_and_half_a_surrogate_pair_is_a_text() -> None:
    kept, reading = Kept[int](), Reading()
    kept.of("o", "jane.roe@example.org \ud800", reading)
    kept.of("o", "jane.roe@example.org \ud801", reading)
    assert len(reading.read) == 2
    assert "jane" not in repr(vars(kept))
