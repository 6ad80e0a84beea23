"""Reads the text of a YAML file that a person wrote; what cannot be read ends in one sentence, with the line if any."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from infra.errors import BadInput, ConfigError, Problem

_LONGEST_BYTES = 1 << 20


def read_yaml_text(name_or_path: str, shipped: Path, *, kind: str) -> tuple[str, Path]:
    """The text of a file by path (it ends in .yaml or .yml), or of a shipped one by name, and where it was found.

    Raises BadInput (none there, unreadable, too large; `kind` says of what) or ConfigError (not UTF-8: its line).
    """
    path = Path(name_or_path)
    by_name = path.suffix not in {".yaml", ".yml"}
    if by_name:
        path = shipped / f"{name_or_path}.yaml"
    try:
        if not path.is_file():
            raise _missing(name_or_path, path, sorted(file.stem for file in shipped.glob("*.yaml")), kind, by_name)
        with path.open("rb") as file:
            data = file.read(_LONGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, BadInput):
            raise
        why = error.strerror if isinstance(error, OSError) else "not a path"
        raise BadInput(f"cannot read the {kind} file: {why}", where=str(path), cure="make it readable") from None
    if len(data) > _LONGEST_BYTES:
        cure = "rules and pipelines are short: put data into files of their own"
        raise BadInput(f"the {kind} file has more than 1 MiB", where=str(path), cure=cure)
    try:
        return data.decode("utf-8"), path
    except UnicodeDecodeError as error:
        wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
        what = "the file is UTF-16" if wide else f"byte 0x{data[error.start]:02x} is not UTF-8"
        line = data.count(b"\n", 0, error.start) + 1
        problem = Problem(line, "-", what, "save the file as UTF-8, e.g. iconv -f LATIN1 -t UTF-8")
        if wide:
            problem = Problem(1, "-", what, "save the file as UTF-8, e.g. iconv -f UTF-16 -t UTF-8")
        raise ConfigError(str(path), (problem,)) from None


def _missing(given: str, path: Path, shipped: Sequence[str], kind: str, by_name: bool) -> BadInput:
    near = difflib.get_close_matches(given, shipped, n=1) if by_name else []
    hint = f"did you mean {near[0]!r}? " if near else ""
    what = f"no such {kind} file" if not path.is_dir() else f"a folder, not a {kind} file"
    return BadInput(what, where=str(path), cure=f"{hint}give a path to a .yaml, or one of: {', '.join(shipped)}")
