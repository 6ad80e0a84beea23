"""Which version a home's layout has: written when the home is made, brought up to date when an older one is opened.

    state.json     {"schema": "sluice/home-state/1", "version": 1, "sluice": "0.1.0"}

The files of SQLite say their own layout too (`PRAGMA user_version`), which only checks that a file belongs to the
home's version: what changes it is always a migration of the home. A home without `state.json` is version 0.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import ClassVar

from infra.contracts.base import Contract
from infra.errors import BadInput, Refused, StoreError
from infra.home import Home, write_atomic
from infra.home_lock import LOCK_FILES, alone, hold

HOME_VERSION = 4
"""The layout that this Sluice reads and writes: the number of the last migration."""

STATE_FILE = "state.json"
RESTORING = ".restoring"
"""The folder of a restore under way."""
_UNTOUCHED = frozenset({*LOCK_FILES.values(), STATE_FILE})
_LOCK_WAIT_S = 30.0


class HomeState(Contract):
    """What `state.json` says."""

    schema_id: ClassVar[str] = "sluice/home-state/1"

    version: int
    sluice: str
    """The version of Sluice that wrote it, for people."""


def open_home(root: Path, *, any_version: bool = False) -> Home:
    """Opens a home for a command or a server: made where it is missing, migrated where it is older.

    `any_version` leaves an older or newer home as it is: enough to end its servers. Raises Refused for a newer home, an
    unfinished restore, or an older home that another process uses; StoreError.
    """
    home = Home.open(root)
    hold(home)
    if any_version:
        return home
    found = home_version(home)
    if found == HOME_VERSION:
        return home
    if found > HOME_VERSION:
        raise Refused(
            f"the home has layout {found}, and this Sluice reads layouts up to {HOME_VERSION}",
            where=str(home.root),
            cure="install the newer version of Sluice that wrote it, or set SLUICE_HOME to another folder",
        )
    if (home.root / RESTORING).exists():
        raise Refused(
            "a restore into this home was interrupted",
            where=str(home.root),
            cure="empty the folder, then run `sluice restore` again",
        )
    if is_untouched(home.root):
        write_state(home)
        return home
    from infra.migrations.run import migrate

    with alone(home, wait_s=_LOCK_WAIT_S):
        migrate(home)
    return home


def home_version(home: Home) -> int:
    """The version of a home's layout; 0 where no file says it. Raises StoreError when the file is damaged."""
    path = home.root / STATE_FILE
    try:
        return HomeState.from_json(path.read_bytes()).version
    except FileNotFoundError:
        return 0
    except (OSError, BadInput):
        raise StoreError(
            "the file that says the home's layout cannot be read",
            where=str(path),
            cure="restore it from a backup, or ask for help before anything is changed by hand",
        ) from None


def write_state(home: Home, number: int = HOME_VERSION) -> None:
    """Writes the version, whole or not at all. Raises StoreError."""
    write_atomic(home.root / STATE_FILE, HomeState(version=number, sluice=sluice_version()).to_json() + b"\n")


def is_untouched(root: Path) -> bool:
    """Whether nothing lies in a home but what opening it leaves there."""
    return all(path.name in _UNTOUCHED for path in root.iterdir())


def sluice_version() -> str:
    """The installed version of Sluice."""
    try:
        return version("sluicegate")
    except PackageNotFoundError:  # run from a checkout that nobody installed
        return "unknown"
