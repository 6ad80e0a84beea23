"""Text that has come and has not left: added in pieces of any size, taken from the front, each in linear time."""

from __future__ import annotations

_COMPACT_AFTER = 4_096
_HALF_PAIR = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")
"""Half a surrogate pair is no character: no pattern takes it, and no UTF-8 can carry it on."""


class Held:
    """A queue of code points."""

    def __init__(self) -> None:
        self._text = ""
        self._begin = 0
        self._new: list[str] = []
        self._new_length = 0

    def __len__(self) -> int:
        """Code points that are held."""
        return len(self._text) - self._begin + self._new_length

    def add(self, piece: str) -> None:
        """Takes a piece up; U+FFFD stands for what is no character."""
        if piece:
            self._new.append(piece if piece.isascii() else piece.translate(_HALF_PAIR))
            self._new_length += len(piece)

    def part(self, start: int, end: int) -> str:
        """The code points from `start` to `end`, counted from the front."""
        if self._new:
            self._text = "".join((self._text[self._begin :], *self._new))
            self._new, self._new_length, self._begin = [], 0, 0
        return self._text[self._begin + start : self._begin + end]

    def drop(self, length: int) -> None:
        """Lets the first `length` code points go."""
        self._begin += length
        if self._begin > _COMPACT_AFTER and 2 * self._begin > len(self._text):
            self._text, self._begin = self._text[self._begin :], 0
