"""The last lines of a file, without reading all of it."""

from __future__ import annotations

from pathlib import Path

_BLOCK_BYTES = 65_536


def last_lines(path: Path, lines: int) -> list[str]:
    """The last lines of a text file, [] where there is none; bytes that are no UTF-8 are shown as replacements."""
    try:
        with path.open("rb") as file:
            left = file.seek(0, 2)
            data = b""
            while left and data.count(b"\n") <= lines:
                step = min(_BLOCK_BYTES, left)
                left -= step
                file.seek(left)
                data = file.read(step) + data
    except OSError:
        return []
    return data.decode("utf-8", "replace").splitlines()[-lines:]
