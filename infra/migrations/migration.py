"""Migration: one numbered step from a home's layout to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Migration:
    """A step that works on copies and never sees the real files.

    `apply` may change the copies and make new files beside them; deleting a file is not what a migration is for.
    """

    number: int
    """1, 2, 3 ...: the layout that it leads to."""
    what: str
    """What it does, for a person, after the word 'migration'."""
    touches: tuple[str, ...]
    """The files that it changes, relative to the home; those that are there are copied first."""
    reads: tuple[str, ...]
    """The files that it only reads; copied too, and never put back."""
    apply: Callable[[Path], None]
    """Changes the copies under a folder. Raises StoreError when they are not what they should be."""
    check: Callable[[Path], None]
    """Looks whether the changed copies are right. Raises CheckFailed."""
