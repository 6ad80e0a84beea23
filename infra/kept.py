"""What an expensive reading said of the last texts, by digest: a conversation sends its history with each request.

Kept apart for each owner, so that nobody learns by the clock what others have asked. No text is kept: the digest is
keyed with a secret of the process.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

_SECRET = secrets.token_bytes(32)
_MOST = 1_024
_LONGEST = 4_096
"""Code points of a text whose result is kept: so the memory is bounded too."""
Result = TypeVar("Result")


class Kept(Generic[Result]):
    """The results of one reading. Safe for any number of threads."""

    def __init__(self, most: int = _MOST, longest: int = _LONGEST) -> None:
        self._most, self._longest = most, longest
        self._results: OrderedDict[bytes, Result] = OrderedDict()
        self._lock = Lock()

    def of(self, owner: str | None, text: str, read: Callable[[str], Result]) -> Result:
        """What `read` says of the text, or said when the same owner had the same text.

        Without an owner, and for long texts, it is read anew.
        """
        if owner is None or len(text) > self._longest:
            return read(text)
        key = _digest(owner, text)
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
                return self._results[key]
        result = read(text)
        with self._lock:
            self._results[key] = result
            if len(self._results) > self._most:
                self._results.popitem(last=False)
        return result


def _digest(owner: str, text: str) -> bytes:
    told = owner.encode()
    framed = len(told).to_bytes(8, "big") + told + text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(framed, key=_SECRET, digest_size=16).digest()
