"""Server-sent events of an OpenAI-compatible stream: bytes in any pieces -> the data of each event, within a bound."""

from __future__ import annotations

from collections.abc import Iterator

from infra.errors import PartFailed

_MAX_EVENT_BYTES = 1 << 20


class SseReader:
    """Collects bytes into lines and lines into events (WHATWG HTML, section 9.2.6).

    Raises PartFailed when one event is longer than 1 MiB, so that a broken peer cannot fill the memory.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._size_bytes = 0

    def push(self, data: bytes) -> Iterator[bytes]:
        """The data of each event that is complete now."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            yield from self._line(line.removesuffix(b"\r"))
        if len(self._rest) + self._size_bytes > _MAX_EVENT_BYTES:
            raise PartFailed("the upstream sends an event without end", cure="see what runs at the upstream's URL")

    def finish(self) -> Iterator[bytes]:
        """A last event that no empty line follows: servers that close at once leave one."""
        yield from self._line(self._rest)
        yield from self._line(b"")

    def _line(self, line: bytes) -> Iterator[bytes]:
        if line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" "))
            self._size_bytes += len(line)
        elif not line and self._data:
            event, self._data, self._size_bytes = b"\n".join(self._data), [], 0
            yield event
