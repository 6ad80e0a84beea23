"""What we last let MLflow's alias `champion` follow: how a hand's move is told from our own, half done one.

    releases/PIPELINE/mirrored.json    {"champion": [1, 2]}: the versions that we set, or were about to set

Written before an alias moves and again afterwards, so that after a crash between the two both versions count as ours.
Unsigned, since it decides nothing: whoever changes it gets an alias put back, never a release.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from infra.home import Home, write_atomic
from infra.stores.signed_files import checked_name


@dataclass(frozen=True)
class Mirrored:
    """The memory of one home's aliases. Change it under `locked` only."""

    home: Home

    @contextmanager
    def locked(self, pipeline: str) -> Iterator[None]:
        """Holds the pipeline's alias lock: one process at a time compares and moves. Never inside the release lock."""
        with FileLock(self._folder(pipeline) / ".aliases.lock"):
            yield

    def champions(self, pipeline: str) -> frozenset[int] | None:
        """The versions on which `champion` is where we put it; None where nothing is known."""
        try:
            known = json.loads(self._path(pipeline).read_bytes())["champion"]
            return frozenset(int(version) for version in known)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def remember(self, pipeline: str, champions: frozenset[int]) -> None:
        """Replaces what is known. Raises StoreError."""
        if self.champions(pipeline) != champions:
            write_atomic(self._path(pipeline), json.dumps({"champion": sorted(champions)}).encode())

    def _path(self, pipeline: str) -> Path:
        return self._folder(pipeline) / "mirrored.json"

    def _folder(self, pipeline: str) -> Path:
        return self.home.folder(self.home.releases / checked_name(pipeline))
