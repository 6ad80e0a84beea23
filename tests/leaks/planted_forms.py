"""The forms in which a planted value may stand in bytes: encodings, escapes, digits, and squeezed to its letters."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any
from urllib.parse import quote, quote_plus

import re2

_NOT_ALNUM = bytes(byte for byte in range(128) if not chr(byte).isalnum())
_LOWER = bytes(byte + 32 if 65 <= byte <= 90 else byte for byte in range(256))
_SHORTEST_SQUEEZED, _SHORTEST_DIGITS = 8, 11
"""A shorter run of letters, or of what could be a part of a digest, would be found by chance."""
_OF_A_DIGEST = re.compile(rb"[0-9a-f]*")


@dataclass(frozen=True)
class Planted:
    """One value that must stand nowhere. Reports name it by its label and never show it."""

    label: str
    text: str = field(repr=False)

    @cached_property
    def forms(self) -> dict[str, tuple[bytes, ...]]:
        """Bytes to look for, by the name of the encoding."""
        plain = self.text.encode()
        escaped = json.dumps(self.text)[1:-1]
        named = {
            "plain": (plain,),
            "UTF-16": (self.text.encode("utf-16-le"), self.text.encode("utf-16-be")),
            "JSON escapes": (escaped.encode(), json.dumps(escaped)[1:-1].encode()),
            "escaped bytes": (repr(plain)[2:-1].encode(), self.text.encode("unicode_escape")),
            "percent": tuple(
                form.encode()
                for whole in (quote(self.text, safe=""), quote(self.text), quote_plus(self.text))
                for form in (whole, _lower_escapes(whole))
            ),
            "HTML": (html.escape(self.text).encode(), self.text.encode("ascii", "xmlcharrefreplace")),
            "hex": (plain.hex().encode(), plain.hex().upper().encode()),
            "base64": tuple(
                form
                for offset in range(3)
                for form in (_base64(plain, offset), _base64(plain, offset).translate(bytes.maketrans(b"+/", b"-_")))
            ),
        }
        return {name: tuple(dict.fromkeys(forms)) for name, forms in named.items()}

    @cached_property
    def squeezed(self) -> bytes:
        """Its letters and digits alone, in lower case: found whatever blanks, dashes and line ends stand between."""
        found = squeeze(self.text.encode())
        shortest = _SHORTEST_DIGITS if _OF_A_DIGEST.fullmatch(found) else _SHORTEST_SQUEEZED
        return found if len(found) >= shortest else b""


def squeeze(data: bytes) -> bytes:
    """Text as bytes, in lower case, without anything that is not a letter or a digit."""
    return data.translate(_LOWER, _NOT_ALNUM)


class Needles:
    """Many values to look for at once: one pass of an automaton says whether there is anything, and only then what."""

    def __init__(self, planted: tuple[Planted, ...]) -> None:
        self._planted = planted
        self._plain = _any_of(form for value in planted for forms in value.forms.values() for form in forms)
        self._squeezed = _any_of(value.squeezed for value in planted if value.squeezed)

    def found_in(self, data: bytes) -> list[tuple[Planted, str]]:
        """Which values stand in the data, each with the first encoding that it was found in."""
        squeezed = squeeze(data)
        found = []
        if self._plain.search(data):
            for value in self._planted:
                names = (name for name, forms in value.forms.items() if any(form in data for form in forms))
                found += [(value, name) for name in islice(names, 1)]
        if self._squeezed.search(squeezed):
            known = {value.label for value, _ in found}
            found += [
                (value, "squeezed")
                for value in self._planted
                if value.squeezed and value.label not in known and value.squeezed in squeezed
            ]
        return found


def _any_of(needles: Iterable[bytes]) -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = 1 << 30
    return re2.compile(b"|".join(re.escape(needle) for needle in needles) or b"[^\\x00-\\xff]", options)


def _base64(data: bytes, offset: int) -> bytes:
    """What base64 of any text around the data has in it for sure, when the data begin `offset` bytes into a group."""
    encoded = base64.b64encode(b"\0" * offset + data)
    sure = encoded[-(-offset * 8 // 6) :] if offset else encoded
    left_over = (offset + len(data)) % 3
    return sure[: len(sure) - 4 + left_over] if left_over else sure


def _lower_escapes(text: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda escape: escape.group().lower(), text)
