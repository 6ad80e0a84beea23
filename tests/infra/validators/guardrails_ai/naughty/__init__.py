"""A validator package of the tests' own that does what no good one does, as the text tells it to."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

from guardrails.validator_base import ErrorSpan, FailResult, PassResult, Validator, register_validator

__all__ = ["Fetching", "Naughty", "NeedsMore"]


@register_validator(name="test/naughty", data_type="string")
class Naughty(Validator):
    def __init__(self, word: str = "athena", **_: Any) -> None:
        super().__init__()
        self._word = word
        self._kept: list[bytes] = []

    def validate(self, value: str, metadata: dict[str, Any]) -> Any:
        print(ascii(value))
        what, _, rest = value.partition(" ")
        if what in _DEEDS:
            return _DEEDS[what](self, rest)
        if self._word in value:
            start = value.index(self._word)
            return FailResult(error_message=value, error_spans=[ErrorSpan(start=start, end=start + 2, reason=value)])
        return PassResult()

    def hang(self, _: str) -> None:
        while True:
            time.sleep(0)

    def die(self, _: str) -> None:
        os._exit(7)

    def leave(self, _: str) -> None:
        sys.exit(0)

    def error(self, rest: str) -> None:
        raise ValueError(rest)

    def eat(self, _: str) -> None:
        while True:
            self._kept.append(bytes(64 << 20))

    def nonsense(self, _: str) -> str:
        return "yes"

    def garble(self, _: str) -> None:
        _write(b"garbage that is no frame " * 50)
        time.sleep(60)

    def flood(self, _: str) -> None:
        while True:
            _write((7 << 20).to_bytes(4, "big") + b" " * 65_536)

    def lie(self, rest: str) -> Any:
        spans = [ErrorSpan(start=0, end=1, reason=rest)]
        return FailResult(error_message=rest, error_spans=spans)

    def beyond(self, rest: str) -> Any:
        return FailResult(error_message=rest, error_spans=[ErrorSpan(start=5, end=50_000, reason=rest)])

    def reach(self, _: str) -> None:
        socket.create_connection(("127.0.0.1", 9), timeout=5)

    def hide(self, where: str) -> Any:
        """Tells what is loaded."""
        Path(where).write_text("\n".join(sorted(sys.modules)))
        return PassResult()


_DEEDS = {
    name: getattr(Naughty, name)
    for name in (
        "hang",
        "die",
        "leave",
        "error",
        "eat",
        "nonsense",
        "garble",
        "flood",
        "lie",
        "beyond",
        "reach",
        "hide",
    )
}


def _write(data: bytes) -> None:
    """To the pipe on which answers go: the one that is no standard stream."""
    for name in os.listdir("/proc/self/fd"):
        target = os.readlink(f"/proc/self/fd/{name}") if os.path.exists(f"/proc/self/fd/{name}") else ""
        if int(name) > 2 and target.startswith("pipe:"):
            with contextlib.suppress(OSError):
                os.write(int(name), data)


@register_validator(name="test/fetching", data_type="string")
class Fetching(Validator):
    def __init__(self) -> None:
        super().__init__()
        socket.getaddrinfo("models.example.org", 443)

    def validate(self, value: str, metadata: dict[str, Any]) -> Any:
        return PassResult()


@register_validator(name="test/needs-more", data_type="string")
class NeedsMore(Validator):
    def __init__(self) -> None:
        super().__init__()
        import a_module_that_nobody_has  # noqa: F401

    def validate(self, value: str, metadata: dict[str, Any]) -> Any:
        return PassResult()
