"""Migrations: an older home comes out whole or stays as it was, and what a released migration does never changes."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from filelock import FileLock

import infra.migrations
from infra.errors import CheckFailed, Refused, StoreError
from infra.home import Home
from infra.home_lock import hold
from infra.home_state import HOME_VERSION, home_version
from infra.ledger.vault import Vault
from infra.migrations.migration import Migration
from infra.migrations.registry import MIGRATIONS
from infra.migrations.run import migrate
from infra.server_state import ServerState, start_time, write_state
from infra.stores.callers import Caller, Callers

_MASTER = bytes(range(32))

RELEASED = {
    1: "4b6d635f3c62fd10faa860711ffe387250be716ce3d4dfe0d2af04f07de232e6",
    2: "09fbf723a396a6e3fba6fffd82fc808122f9e5c4ed858473d0fa9d9ee1898bf4",
    3: "f8c956659dfa135ababb06c02e2517643868f58b5a9f374f46bfcb1e75221a49",
    4: "7426e13753da6b11c260757a7f626ae00f646ab6d72a3bad96bb4184ee78c440",
}
"""The SHA-256 of each migration's file. One that differs was edited after it was released: make a new migration."""


@pytest.fixture
def old_home(home: Home) -> Home:
    """A home of layout 0, as the first Sluice made it: one subject with a key, one erased."""
    home.folder(home.keys)
    (home.keys / "master.key").write_bytes(_MASTER)
    home.folder(home.vault.parent)
    with closing(sqlite3.connect(home.vault, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(
            "CREATE TABLE keys (subject TEXT NOT NULL, generation INTEGER NOT NULL, wrapped BLOB, made TEXT NOT NULL, "
            "destroyed TEXT, PRIMARY KEY (subject, generation)) WITHOUT ROWID; PRAGMA user_version=1;"
        )
        wrapping, bound = AESGCM(_derive(b"sluice/vault/wrap/1")), b"sluice/vault/wrap/1\x001\x00sub-a"
        wrapped = bytes(12) + wrapping.encrypt(bytes(12), b"k" * 32, bound)
        connection.execute("INSERT INTO keys VALUES ('sub-a', 1, ?, '2026-01-01', NULL)", (wrapped,))
        connection.execute("INSERT INTO keys VALUES ('sub-b', 1, NULL, '2026-01-01', '2026-01-02')")
    return home


def _derive(use: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=use).derive(_MASTER)


def _sealed() -> bytes:
    """A text of sub-a as the first Sluice sealed it."""
    body = AESGCM(b"k" * 32).encrypt(b"n" * 12, b"text", b"sluice/vault/seal/1\x001\x00sub-a")
    return b"\x01" + (1).to_bytes(4, "big") + b"n" * 12 + body


def _good(home: Home) -> None:
    import hmac

    vault = Vault.open(home)
    assert vault.unseal("sub-a", _sealed()) == b"text"
    expected = hmac.new(_derive(b"sluice/vault/pseudonym/1"), b"ana", hashlib.sha256).hexdigest()[:32]
    assert vault.pseudonym("ana") == f"sub-{expected}"
    with pytest.raises(StoreError, match="destroyed"):
        vault.unseal("sub-b", _sealed())


def test_the_numbers_are_in_order_and_lead_to_todays_layout() -> None:
    assert [migration.number for migration in MIGRATIONS] == list(range(1, HOME_VERSION + 1))


def test_a_released_migration_is_never_edited() -> None:
    folder = Path(infra.migrations.__file__).parent
    files = {int(path.name[1:5]): path for path in folder.glob("m[0-9]*.py")}
    assert {number: hashlib.sha256(path.read_bytes()).hexdigest() for number, path in files.items()} == RELEASED


def test_a_home_of_the_first_sluice_goes_on_as_it_was(old_home: Home) -> None:
    with pytest.raises(StoreError, match="layout 1, this Sluice reads layout 2"):
        Vault.open(old_home)
    migrate(old_home)
    assert home_version(old_home) == HOME_VERSION
    _good(old_home)
    before = old_home.vault.read_bytes()
    migrate(old_home)
    assert old_home.vault.read_bytes() == before


def test_a_crash_at_any_moment_leaves_the_old_home_or_the_new(
    old_home: Home, cut_off: Callable[..., Iterator[int]]
) -> None:
    kept = old_home.root.with_name("kept")
    shutil.copytree(old_home.root, kept)

    def prepare() -> None:
        shutil.rmtree(old_home.root)
        shutil.copytree(kept, old_home.root)

    deaths = 0
    for _ in cut_off(prepare, lambda: migrate(old_home)):
        deaths += 1
        version = home_version(old_home)
        with closing(sqlite3.connect(old_home.vault)) as connection:
            layout = connection.execute("PRAGMA user_version").fetchone()[0]
            assert connection.execute("SELECT count(*) FROM keys").fetchone() == (2,)
        # The vault may be put in place before the version says so: then a record of the rest is there.
        assert (version, layout) in ((0, 1), (HOME_VERSION, 2)) or (
            old_home.root / ".migration" / "commit.json"
        ).exists()
        migrate(old_home)
        _good(old_home)
        assert not (old_home.root / ".migration").exists()
    assert deaths > 8


def test_a_migration_that_fails_on_the_copy_changes_nothing(old_home: Home) -> None:
    (old_home.keys / "master.key").write_bytes(bytes(32))
    before = old_home.vault.read_bytes()
    with pytest.raises(CheckFailed, match="does not open the vault"):
        migrate(old_home)
    (old_home.keys / "master.key").unlink()
    with pytest.raises(StoreError, match="master key that opens it is gone"):
        migrate(old_home)
    assert old_home.vault.read_bytes() == before and home_version(old_home) == 0
    assert not (old_home.root / ".migration").exists()


def test_servers_of_an_older_sluice_are_ended_first(old_home: Home) -> None:
    started = start_time(os.getpid())
    assert started is not None
    state = ServerState(
        name="gateway",
        url="http://127.0.0.1:1",
        pid=os.getpid(),
        started=started,
        health_path="/",
        log="",
        log_offset=0,
    )
    write_state(old_home, state)
    with pytest.raises(Refused, match="its servers run: gateway"):
        migrate(old_home)
    assert home_version(old_home) == 0


def test_a_run_of_an_older_sluice_is_waited_for(old_home: Home) -> None:
    lock = FileLock(old_home.folder(old_home.runs) / "support-triage.lock")
    with lock, pytest.raises(Refused, match="a run of 'support-triage' is going on"):
        migrate(old_home)
    migrate(old_home)
    _good(old_home)


def test_several_migrations_are_put_in_place_as_one(old_home: Home) -> None:
    def second(copy: Path) -> None:
        (copy / "new.txt").write_text((copy / "keys" / "master.key").read_bytes().hex())
        with closing(sqlite3.connect(copy / "ledger" / "vault.sqlite")) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (2,)

    def wrong(copy: Path) -> None:
        raise CheckFailed("no", cure="none")

    more = Migration(HOME_VERSION + 1, "adds a file", ("new.txt",), (), second, lambda _: None)
    broken = Migration(HOME_VERSION + 2, "fails", (), (), lambda _: None, wrong)
    with pytest.raises(CheckFailed):
        migrate(old_home, (*MIGRATIONS, more, broken))
    assert home_version(old_home) == 0 and not (old_home.root / "new.txt").exists()
    migrate(old_home, (*MIGRATIONS, more))
    assert home_version(old_home) == HOME_VERSION + 1 and (old_home.root / "new.txt").read_text() == _MASTER.hex()
    assert (old_home.keys / "master.key").read_bytes() == _MASTER


def test_keys_of_a_home_that_knew_no_stand_ins_still_work_and_restore_nothing(home: Home) -> None:
    key = "slk_" + "k" * 43
    digest = hashlib.sha256(key.encode()).hexdigest()
    with closing(sqlite3.connect(home.folder(home.gateway) / "callers.sqlite", isolation_level=None)) as connection:
        connection.executescript(
            "CREATE TABLE callers (id TEXT PRIMARY KEY, tenant TEXT NOT NULL, lookup TEXT NOT NULL, "
            "hash TEXT NOT NULL UNIQUE, created TEXT NOT NULL, revoked TEXT); PRAGMA user_version=1;"
        )
        row = ("key-1", "acme", digest[:8], digest, "2026-01-01T00:00:00+00:00")
        connection.execute("INSERT INTO callers VALUES (?, ?, ?, ?, ?, NULL)", row)
    with pytest.raises(StoreError, match="layout 1"):
        Callers(home)
    migrate(home)
    callers = Callers(home)
    assert callers.find(key) == Caller("key-1", "acme", restores=False)
    assert callers.find(callers.create("acme", restores=True).key).restores  # type: ignore[union-attr]


def test_it_is_done_when_the_home_is_opened(old_home: Home) -> None:
    from infra.settings import read_settings

    hold(old_home)
    assert read_settings({"SLUICE_HOME": str(old_home.root)}).home == old_home
    _good(old_home)
