"""What a text holds in another writing: escapes letter by letter, and codes of a stretch (base64, base32, hex). Pure.

One call undoes one layer; views.py calls again for codes within codes. A decoded code is never longer than the code.
"""

from __future__ import annotations

import base64
import binascii
import html
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from policies.guardrails.patterns import compiled
from policies.guardrails.rewritten import Piece

_HTML = r"&(?:#[0-9]{1,7};?|#[xX][0-9A-Fa-f]{1,6};?|[A-Za-z][A-Za-z0-9]{1,31};)"
_PERCENT = r"%u[0-9A-Fa-f]{4}|(?:%[0-9A-Fa-f]{2})+"
_BACKSLASH = (
    r"\\+(?:u[0-9A-Fa-f]{4}|u\{[0-9A-Fa-f]{1,6}\}|x[0-9A-Fa-f]{2}|x\{[0-9A-Fa-f]{1,6}\}|U[0-9A-Fa-f]{8}|[0-7]{3}"
    r"|[nrt/\"'])"
)
_NOTATION = r"[Uu]\+[0-9A-Fa-f]{4,6}[ ,;]?"
_ESCAPES = f"{_HTML}|{_PERCENT}|{_BACKSLASH}|{_NOTATION}"
_LETTERS = {"n": "\n", "r": "\n", "t": "\t", "/": "/", '"': '"', "'": "'"}

_HEX = r"(?:0[xX])?(?:[0-9A-Fa-f]{2}[ :,]?(?:0[xX])?){7,}[0-9A-Fa-f]{2}"
_BASE32 = r"[A-Z2-7]{12,}={0,6}"
_BASE64 = r"[A-Za-z0-9+/_-]*[a-z0-9+/_-][A-Z][A-Za-z0-9+/_-]*(?:\r?\n[A-Za-z0-9+/_-]{8,})*={0,2}"
_CODES = (_HEX, _BASE32, _BASE64)
_SHORTEST = 12
"""Code points of a code: nine bytes, as long as the shortest identifier."""
_CODE_LETTER = "[A-Za-z0-9+/_-]"


def _capital_within(length: int) -> str:
    """Code letters with a capital among them that is not the first, `length` of them at least after the second."""
    if length == 0:
        return f"[A-Z]{_CODE_LETTER}*"
    return f"(?:[A-Z]{_CODE_LETTER}{{{length}}}|{_CODE_LETTER}{_capital_within(length - 1)})"


SIGNS = (
    rf"{_ESCAPES}|[0-9A-Fa-f]{{16}}|(?:[0-9A-Fa-f]{{2}}[ :,]){{7}}|[A-Z2-7]{{11}}[2-7=]|[2-7][A-Z2-7]{{11}}"
    r"|[A-Z2-7]{6}[2-7][A-Z2-7]{5}"
    rf"|{_CODE_LETTER}{_capital_within(_SHORTEST - 2)}"
)
"""Without a match of this there is nothing to decode."""
_SHARE = 0.9
"""Of the decoded letters, so many are to be seen on paper: else it is no text."""


def decoded(text: str) -> list[Piece]:
    """All escapes and readable codes of a text, from left to right."""
    escapes = list(_escapes(text))
    pieces: list[Piece] = []
    codes = iter([*_codes(text), Piece(len(text) + 1, len(text) + 1, "")])
    code = next(codes)
    for escape in escapes:
        while code.end < escape.start:
            pieces.append(code)
            code = next(codes)
        # A code with an escape in it, or beside it (`%3D` at its end), has its turn in the next layer.
        while code.start <= escape.end:
            code = next(codes)
        pieces.append(escape)
    pieces += [code, *codes]
    return pieces[:-1]


def _escapes(text: str) -> Iterator[Piece]:
    if not any(sign in text for sign in ("%", "&", "\\", "+")):
        return
    for match in compiled(_ESCAPES).finditer(text):
        found, start = match.group(), match.start()
        if found[0] == "%" and found[1] != "u":
            yield from _percent(found, start)
            continue
        letter = _letter(found)
        if letter != found:
            yield Piece(start, match.end(), letter)


def _percent(found: str, start: int) -> Iterator[Piece]:
    """Letter by letter, so that only what belongs to a find is replaced."""
    raw = unquote_to_bytes(found)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
        yield from (Piece(start + 3 * at, start + 3 * at + 3, letter) for at, letter in enumerate(text))
        return
    for letter in text:
        end = start + 3 * len(letter.encode())
        yield Piece(start, end, letter)
        start = end


def _letter(found: str) -> str:
    if found[0] == "&":
        letter = html.unescape(found)
    elif found[0] in "Uu":
        letter = _from_hex(found[2:].rstrip(" ,;"))
    elif found[0] == "%":
        letter = _from_hex(found[2:])
    else:
        code = found.lstrip("\\")
        if code in _LETTERS:
            return _LETTERS[code]
        letter = chr(int(code, 8)) if code.isdigit() else _from_hex(code[1:].strip("{}"))
    return letter or found


def _from_hex(digits: str) -> str:
    code = int(digits, 16)
    return chr(code) if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else ""


def _codes(text: str) -> Iterator[Piece]:
    """Readable codes without overlaps. What can be read in two ways is read in the first one."""
    found: list[Piece] = []
    for pattern, read in zip(_CODES, (_read_hex, _read_base32, _read_base64), strict=True):
        for match in compiled(pattern).finditer(text):
            code = match.group()
            if len(code) >= _SHORTEST:
                found += (Piece(match.start() + start, match.start() + end, inner) for start, end, inner in read(code))
    position = 0
    for piece in sorted(found, key=lambda piece: (piece.start, -piece.end)):
        if piece.start >= position:
            yield piece
            position = piece.end


_Read = Iterator[tuple[int, int, str]]


def _read_hex(code: str) -> _Read:
    digits = "".join(letter for letter in code.replace("0x", "").replace("0X", "") if letter not in " :,")
    if len(digits) % 2 == 0:
        text = _readable(bytes.fromhex(digits))
        if text:
            yield 0, len(code), text


def _read_base32(code: str) -> _Read:
    bare = code.rstrip("=")
    try:
        text = _readable(base64.b32decode(bare + "=" * (-len(bare) % 8)))
    except binascii.Error:
        return
    if text:
        yield 0, len(code), text


def _read_base64(code: str) -> _Read:
    """The whole of it, from whichever letter it can be read; else the parts between signs that are also punctuation."""
    text = _whole_base64(code)
    if text:
        yield 0, len(code), text
        return
    for match in compiled(r"[A-Za-z0-9]{12,}={0,2}").finditer(code):
        part = match.group()
        text = _whole_base64(part) if len(part) < len(code) else ""
        if text:
            yield match.start(), match.end(), text


def _whole_base64(code: str) -> str:
    if code.islower() or code.isdigit():
        return ""
    bare = "".join(code.split()).rstrip("=").replace("-", "+").replace("_", "/")
    for first in range(4):  # a word before it, or the edge of what a stream sees, may stand in the way
        part = bare[first:]
        part = part[:-1] if len(part) % 4 == 1 else part
        text = _readable(base64.b64decode(part + "=" * (-len(part) % 4)))
        if text:
            return text
    return ""


def _readable(raw: bytes) -> str:
    """The bytes as text, or '' where they are none. A letter cut at an end is forgiven."""
    if len(raw) < 6:
        return ""
    text = raw.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    if broken > 2:
        return ""
    seen = sum(letter.isprintable() or letter in "\n\r\t" for letter in text) - broken
    return text if seen >= _SHARE * len(text) else ""
