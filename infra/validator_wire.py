"""What the service and a validator's worker process say to each other: frames of a length and JSON.

A frame is four bytes (big-endian) that say how many follow, and one JSON object in ASCII. Whatever else comes is
nonsense: the reader raises BadFrame, and whoever wrote it is killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import time
from dataclasses import dataclass
from typing import Any

_HEAD_BYTES = 4
MOST_BYTES = 8 << 20
"""Of one frame. A text of the gateway is far smaller; a worker that sends more floods."""
_PIECE_BYTES = 1 << 16
_MOST_SPANS = 10_000


class BadFrame(Exception):
    """What came is no frame, or the other end is gone. Holds none of it."""


class Late(Exception):
    """The time ran out."""


@dataclass(frozen=True)
class Loading:
    """First frame to a worker: which validator, with what."""

    package: str
    """As it is imported: `ban_list` of `guardrails_ai.ban_list`."""
    validator: str
    """Name of its class; '' where the package has one."""
    arguments: str
    """JSON object: keyword arguments."""
    memory_bytes: int


@dataclass(frozen=True)
class Found:
    """What a validator says of one text. Spans are code points, end exclusive; a text that failed without: all."""

    passed: bool
    spans: tuple[tuple[int, int], ...] = ()


def write_frame(descriptor: int, message: dict[str, Any], deadline_s: float | None = None) -> None:
    """Writes one frame. Raises Late, or BadFrame where nobody reads."""
    body = json.dumps(message).encode("ascii")
    left = memoryview(len(body).to_bytes(_HEAD_BYTES, "big") + body)
    try:
        while left:
            _wait(descriptor, select.POLLOUT, deadline_s)
            with contextlib.suppress(BlockingIOError):
                left = left[os.write(descriptor, left[:_PIECE_BYTES]) :]
    except OSError:
        raise BadFrame from None


def read_frame(descriptor: int, deadline_s: float | None = None, *, most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """Reads one frame, never more. `deadline_s` is of time.monotonic. Raises Late, BadFrame."""
    size = int.from_bytes(_read(descriptor, _HEAD_BYTES, deadline_s), "big")
    if size > most_bytes:
        raise BadFrame
    try:
        message = json.loads(_read(descriptor, size, deadline_s))
    except ValueError:
        raise BadFrame from None
    if not isinstance(message, dict):
        raise BadFrame
    return message


def has_input(descriptor: int) -> bool:
    """Whether something, or the end, can be read without waiting."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def found_of(message: dict[str, Any], length: int) -> Found:
    """A worker's result for a text of so many code points. Raises BadFrame."""
    passed, spans = message.get("passed"), message.get("spans")
    if not isinstance(passed, bool) or not isinstance(spans, list) or len(spans) > _MOST_SPANS:
        raise BadFrame
    if not all(_is_span(span, length) for span in spans):
        raise BadFrame
    return Found(passed, tuple((start, end) for start, end in spans))


def _is_span(span: object, length: int) -> bool:
    if not isinstance(span, list) or len(span) != 2 or not all(type(edge) is int for edge in span):
        return False
    return bool(0 <= span[0] < span[1] <= length)


def _read(descriptor: int, size: int, deadline_s: float | None) -> bytes:
    data = bytearray()
    while len(data) < size:
        _wait(descriptor, select.POLLIN, deadline_s)
        try:
            piece = os.read(descriptor, min(size - len(data), _PIECE_BYTES))
        except OSError:
            raise BadFrame from None
        if not piece:
            raise BadFrame
        data += piece
    return bytes(data)


def _wait(descriptor: int, event: int, deadline_s: float | None) -> None:
    poll = select.poll()
    poll.register(descriptor, event)
    if deadline_s is None:
        poll.poll()
    elif not poll.poll(max(0.0, deadline_s - time.monotonic()) * 1e3):
        raise Late
