"""The error tree. Every error says what was wrong, where, and the command or key that cures it.

    SluiceError                  exit 3   a part failed
    ├── BadInput                 exit 2   what the user gave cannot be used (also a ValueError)
    │   └── ConfigError          exit 2   one YAML file, all its problems at once
    ├── CheckFailed              exit 1   a gate, a sanity check or a verification said no
    ├── Refused                  exit 1   not allowed: no approval, a bad signature, no key (also a PermissionError)
    ├── MissingPart              exit 3   an optional part is not installed (also an ImportError)
    ├── PartFailed               exit 3   a server, an engine or a subprocess failed (also a RuntimeError)
    └── StoreError               exit 3   something could not be read from or written to disk (also an OSError)

Texts never hold a user's content, a prompt, a secret or a row: name the file, the key, the line or the row number
instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class SluiceError(Exception):
    """An expected failure: shown as one sentence, never as a stack trace."""

    exit_code: ClassVar[int] = 3

    def __init__(self, what: str, *, where: str = "", cure: str = "") -> None:
        super().__init__(what, where, cure)
        self.what = what
        self.where = where
        self.cure = cure

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        cure = f"\n  cure: {self.cure}" if self.cure else ""
        return f"{place}{self.what}{cure}"

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.where, self.cure))


def _rebuild(kind: type[SluiceError], what: str, where: str, cure: str) -> SluiceError:
    return kind(what, where=where, cure=cure)


class BadInput(SluiceError, ValueError):
    """What the user gave cannot be used; nothing was run."""

    exit_code = 2


class CheckFailed(SluiceError):
    """A gate, a sanity check or a verification said no."""

    exit_code = 1


class Refused(SluiceError, PermissionError):
    """Not allowed: no approval, a signature that does not verify, no key or role."""

    exit_code = 1


class MissingPart(SluiceError, ImportError):
    """An optional part is not installed; the cure is the install command."""


class PartFailed(SluiceError, RuntimeError):
    """A server, an engine or a subprocess failed."""


class StoreError(SluiceError, OSError):
    """Something could not be read from or written to disk."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong in one file."""

    line: int
    key: str
    what: str
    cure: str


class ConfigError(BadInput):
    """One YAML file and everything that is wrong in it, headed by the file's name."""

    def __init__(self, source: str, problems: tuple[Problem, ...]) -> None:
        # Line 0: the value came from the command line or the environment.
        rows = [f"  {f'line {p.line}, ' if p.line else ''}key {p.key}: {p.what}\n    cure: {p.cure}" for p in problems]
        noun = "problem" if len(problems) == 1 else "problems"
        super().__init__(f"{len(problems)} {noun}\n" + "\n".join(rows), where=source)
        self.source = source
        self.problems = problems

    def __reduce__(self) -> tuple[object, ...]:
        return (ConfigError, (self.source, self.problems))
