"""Canonical JSON (RFC 8785) and the SHA-256 digests that name every contract and blob. Standard library only."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NewType

Digest = NewType("Digest", str)
"""`sha256:` and 64 lower-case hexadecimal digits."""

_PREFIX = "sha256:"
_MAX_SAFE_INTEGER = 2**53 - 1
_READ_BYTES = 1 << 20
_CONSTANTS = {None: "null", True: "true", False: "false"}
_string = json.encoder.encode_basestring
"""A string without the escapes that JSON does not ask for."""


def sha256(data: bytes) -> Digest:
    """Names bytes by their SHA-256."""
    return Digest(_PREFIX + hashlib.sha256(data).hexdigest())


def sha256_file(path: Path) -> Digest:
    """Names a file's content, read in pieces of 1 MiB."""
    state = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_READ_BYTES):
            state.update(piece)
    return Digest(_PREFIX + state.hexdigest())


def parse_digest(text: str) -> Digest:
    """Checks the form of a digest. Raises ValueError when it is not `sha256:` and 64 hexadecimal digits."""
    digits = text.removeprefix(_PREFIX)
    if not text.startswith(_PREFIX) or len(digits) != 64 or set(digits) - set("0123456789abcdef"):
        raise ValueError("a digest is 'sha256:' and 64 lower-case hexadecimal digits")
    return Digest(text)


def short(digest: str) -> str:
    """The first 12 digits, for people."""
    return digest.removeprefix(_PREFIX)[:12]


def digest_of(value: object) -> Digest:
    """Names a JSON value by the SHA-256 of its canonical form."""
    return sha256(canonical_json(value))


def canonical_json(value: object) -> bytes:
    """Writes a JSON value in the one form of RFC 8785: sorted keys (by UTF-16 units), no blanks, ES6 numbers.

    Raises ValueError for NaN, infinity, integers beyond 2**53 - 1, lone surrogates and anything that is not JSON.
    """
    return _write(value).encode("utf-8")


def _write(value: object) -> str:
    # What is most frequent comes first: the ledger writes everything through here.
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, dict):
        return _object(value)
    if value is None or isinstance(value, bool):
        return _CONSTANTS[value]
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, int):
        if abs(value) > _MAX_SAFE_INTEGER:
            raise ValueError("canonical JSON holds no integer beyond 2**53 - 1; write it as a string")
        return str(int(value))
    if isinstance(value, Mapping):
        return _object(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return "[" + ",".join([_write(item) for item in value]) + "]"
    raise ValueError(f"{type(value).__name__} is not a JSON type")


def _object(value: Mapping[object, object]) -> str:
    keys = [key for key in value if isinstance(key, str)]
    if len(keys) != len(value):
        raise ValueError("the keys of a JSON object are strings")
    # Nearly all keys are ASCII, where code points and UTF-16 units sort alike.
    ordered = sorted(keys) if "".join(keys).isascii() else sorted(keys, key=lambda key: key.encode("utf-16-be"))
    return "{" + ",".join([f"{_string(key)}:{_write(value[key])}" for key in ordered]) + "}"


def _number(value: float) -> str:
    """ECMAScript's Number.prototype.toString, which RFC 8785 section 3.2.2.3 prescribes."""
    if not math.isfinite(value):
        raise ValueError("canonical JSON holds no NaN or infinity; write it as a string")
    if value == 0:
        return "0"
    if 1e-4 <= abs(value) < 1e15:  # Python's shortest digits, and no exponent in either notation
        return float.__repr__(value).removesuffix(".0")
    mantissa, _, exponent_text = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent_text or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    sign = "-" if value < 0 else ""
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    power = f"e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return sign + digits[0] + ("." + digits[1:] if count > 1 else "") + power
