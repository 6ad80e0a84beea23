"""Stop strings in a stream: the text before the first that is complete, and not one character of it."""

from __future__ import annotations

from infra.errors import BadInput


class StopScanner:
    """Lets text through until a stop string appears, however the text is cut into pieces.

    Holds back what could be the beginning of one, so at most the longest stop string less one character.
    Raises BadInput for an empty stop string.
    """

    def __init__(self, stop: tuple[str, ...]) -> None:
        if not all(stop):
            raise BadInput("a stop string is empty", where="stop", cure="give at least one character")
        self._stop = stop
        self._held = ""
        self.stopped = False
        """Whether a stop string appeared; from then on nothing comes through."""

    def push(self, text: str) -> str:
        """The text that may be shown now."""
        if self.stopped:
            return ""
        text = self._held + text
        # The first to end wins: so it does not matter how the text is cut.
        found = [(text.index(stop) + len(stop), text.index(stop)) for stop in self._stop if stop in text]
        if found:
            self.stopped, self._held = True, ""
            return text[: min(found)[1]]
        keep = max((_overlap(text, stop) for stop in self._stop), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def finish(self) -> str:
        """What was held back, once nothing more comes."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that begins `stop`."""
    longest = min(len(text), len(stop) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(stop[:size])), 0)
