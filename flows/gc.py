"""Frees what nothing needs, oldest first, within a disk budget; what is young or in use stays.

Never touched: what a release, a registered version, a waiting review or the ledger needs (infra/stores/needed.py), the
databases, the keys, the base models in use. While a retraining goes on, nothing that it could use again is looked at.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from infra.digest import Digest, short
from infra.errors import StoreError
from infra.home import Home
from infra.home_lock import no_run
from infra.server_state import ServerName, read_state
from infra.settings import RetentionSettings
from infra.stores.blobs import Blobs
from infra.stores.needed import Needed, find_needed

_DAY_S = 86_400.0
_HOUR_S = 3_600.0


@dataclass(frozen=True)
class Unneeded:
    """One file or folder that nothing needs."""

    kind: str
    path: Path
    size_bytes: int
    changed_s: float
    """When it was last changed, in seconds since 1970."""
    expired: bool = False
    """True when its retention has run out: it goes whatever the budget is."""


@dataclass(frozen=True)
class Cleaned:
    """What a clean-up did, or would do."""

    freed: tuple[Unneeded, ...]
    before_bytes: int
    after_bytes: int
    run_under_way: bool
    """True: a retraining or a backup went on, so that only quarantine, old logs and leftovers were looked at."""


def clean(home: Home, retention: RetentionSettings, *, budget_bytes: int | None = None, dry: bool = False) -> Cleaned:
    """Removes what nothing needs: all of it, or with a budget only as much, oldest first, as brings the home below it.

    Raises StoreError when it cannot be known what is needed; nothing is removed then.
    """
    with no_run(home) as free:
        before = _size(home.root)
        found = sorted(_unneeded(home, retention, all_of_it=free), key=lambda one: (not one.expired, one.changed_s))
        freed: list[Unneeded] = []
        left = before
        for one in found:
            if budget_bytes is not None and left <= budget_bytes and not one.expired:
                continue
            if dry or _remove(one.path):
                freed.append(one)
                left -= one.size_bytes
        return Cleaned(tuple(freed), before, left, not free)


def expire(home: Home, retention: RetentionSettings, *, dry: bool = False) -> Cleaned:
    """Removes only what has outlived its retention: quarantine, kept answers, snapshot rows that no version needs."""
    return clean(home, retention, budget_bytes=1 << 62, dry=dry)


def _unneeded(home: Home, retention: RetentionSettings, *, all_of_it: bool) -> Iterator[Unneeded]:
    """Everything that may go. Young ones are left out here, whatever they are."""
    youngest_s = time.time() - retention.retention_grace_hours * _HOUR_S
    sources = [_quarantine(home, retention), _logs(home), _leftovers(home)]
    if all_of_it:
        blobs = Blobs(home.blobs)
        needed = find_needed(home, blobs)
        sources += [_snapshots(home, needed, retention), _answers(home, retention)]
        sources += [_blobs(blobs, needed), _runs(home), _trainings(home, needed, retention)]
    for source in sources:
        for one in source:
            if one.changed_s < youngest_s:
                yield one


def _quarantine(home: Home, retention: RetentionSettings) -> Iterator[Unneeded]:
    oldest_s = time.time() - retention.retention_quarantine_days * _DAY_S
    for path in home.quarantine.glob("*/[!.]*.rows"):
        one = _one("quarantine", path)
        if one.changed_s < oldest_s:
            yield _one("quarantine", path, expired=True)


def _snapshots(home: Home, needed: Needed, retention: RetentionSettings) -> Iterator[Unneeded]:
    oldest_s = time.time() - retention.retention_snapshot_days * _DAY_S
    for path in home.datasets.glob("*/[!.]*.rows"):
        if Digest(f"sha256:{path.stem}") not in needed.splits:
            one = _one("snapshot rows", path)
            if one.changed_s < oldest_s:
                yield _one("snapshot rows", path, expired=True)


def _blobs(blobs: Blobs, needed: Needed) -> Iterator[Unneeded]:
    for path in blobs.root.glob("[0-9a-f][0-9a-f]/*"):
        if not path.name.startswith(".") and Digest(f"sha256:{path.parent.name}{path.name}") not in needed.blobs:
            yield _one("blob", path)


def _runs(home: Home) -> Iterator[Unneeded]:
    for path in home.runs.glob("run-*"):
        if path.is_dir():
            yield _one("run folder", path)


def _trainings(home: Home, needed: Needed, retention: RetentionSettings) -> Iterator[Unneeded]:
    """Folders of trainings that ended, and of those that nobody went on with for as long as snapshots are kept."""
    oldest_s = time.time() - retention.retention_snapshot_days * _DAY_S
    ended = tuple(f"-{short(recipe)}" for recipe in needed.recipes)
    for folder in home.runs.glob("training/*/"):
        one = _one("training", folder)
        if folder.name.endswith(ended) or one.changed_s < oldest_s:
            yield one


def _answers(home: Home, retention: RetentionSettings) -> Iterator[Unneeded]:
    """Answers kept so that an evaluation need not ask again; they hold what people wrote, so that they expire."""
    oldest_s = time.time() - retention.retention_snapshot_days * _DAY_S
    for path in home.runs.glob("answers/*.jsonl"):
        if _one("answers", path).changed_s < oldest_s:
            yield _one("answers", path, expired=True)


def _logs(home: Home) -> Iterator[Unneeded]:
    names: tuple[ServerName, ...] = get_args(ServerName)
    in_use = {state.log for name in names if (state := read_state(home, name)) is not None}
    for path in home.logs.glob("*"):
        if path.is_file() and str(path) not in in_use:
            yield _one("log", path)


def _leftovers(home: Home) -> Iterator[Unneeded]:
    """What a killed writer left: nobody takes up a temporary file of another process."""
    for pattern in ("blobs/tmp*", "blobs/*/.*.tmp", "datasets/*/.*.tmp", "quarantine/*/.*.tmp", "releases/**/.*.draft"):
        for path in home.root.glob(pattern):
            yield _one("leftover", path)
    for path in home.models.glob(".*"):
        if path.is_dir():
            yield _one("engine export", path)


def _one(kind: str, path: Path, *, expired: bool = False) -> Unneeded:
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    changed_s = 0.0
    for file in files:
        with suppress(FileNotFoundError):
            changed_s = max(changed_s, file.lstat().st_mtime)
    return Unneeded(kind, path, _size(path), changed_s, expired)


def _size(path: Path) -> int:
    """Bytes on disk, counted by what is allocated; a file that goes meanwhile counts as gone."""
    total = 0
    for file in [path, *path.rglob("*")] if path.is_dir() else [path]:
        with suppress(FileNotFoundError):
            status = file.lstat()
            total += status.st_blocks * 512
    return total


def _remove(path: Path) -> bool:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(f"cannot remove: {error.strerror}", where=str(path), cure="make it writable") from None
    return True
