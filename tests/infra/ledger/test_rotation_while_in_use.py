"""The master key changes while gateways seal and unseal: nothing fails, nothing is wrapped by a master that is gone.

The gateways are processes of their own, and so is what erases; it is killed at random moments.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from infra.errors import Refused, StoreError
from infra.home import Home
from infra.ledger.master_key import NONCE_BYTES, master_key_path, subject_bound, wrapping
from infra.ledger.present_master import PresentMaster
from infra.ledger.rewrap import leave_nothing_behind, masters, rotate_master, settle_master, unrotated
from infra.ledger.rotation_lock import no_rotation, rotating
from infra.ledger.vault import Vault

_GATEWAY = """
import json, sys, time
from pathlib import Path
from infra.home import Home
from infra.ledger.vault import Vault
home, own, until = Home(Path(sys.argv[1])), sys.argv[2], time.time() + float(sys.argv[3])
vault, kept, done = Vault.open(home), {}, 0
while time.time() < until:
    name = f"sub-{own}-{done}"
    kept[name] = vault.seal(name, name.encode())  # a key of its own: one more INSERT
    some = list(kept)[-20:]
    assert vault.unseal_many((one, kept[one]) for one in some) == [one.encode() for one in some]
    assert vault.unseal(*json.loads(sys.argv[4])[:1], bytes.fromhex(json.loads(sys.argv[4])[1])) == b"shared"
    done += 1
print(json.dumps({name: sealed.hex() for name, sealed in kept.items()}))
"""
_ERASER = """
import sys, time
from pathlib import Path
from infra.home import Home
from infra.ledger.present_master import PresentMaster
from infra.ledger.rewrap import leave_nothing_behind, rotate_master
print("begun", flush=True)
home, until, number = Home(Path(sys.argv[1])), time.time() + float(sys.argv[2]), 0
while time.time() < until:
    rotate_master(home, forget=f"sub-erased-{number}")
    leave_nothing_behind(home)
    number += 1
print(number)
"""


def _start(program: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-c", program, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )


def _every_key_opens(home: Home) -> int:
    """Every wrapped key opens with the master that the home has. Gives how many there are."""
    opener = wrapping(master_key_path(home).read_bytes())
    with closing(sqlite3.connect(home.vault)) as connection:
        rows = connection.execute("SELECT subject, generation, wrapped FROM keys WHERE wrapped IS NOT NULL").fetchall()
    for subject, generation, wrapped in rows:
        opener.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], subject_bound(subject, generation))
    return len(rows)


def test_gateways_go_on_while_erasures_change_the_master(home: Home) -> None:
    vault = Vault.open(home)
    shared = json.dumps(["sub-shared", vault.seal("sub-shared", b"shared").hex()])
    vault.seal_many((f"sub-erased-{number}", b"x") for number in range(500))
    gateways = [_start(_GATEWAY, str(home.root), str(number), "4", shared) for number in range(2)]
    eraser = _start(_ERASER, str(home.root), "4.5")
    told, error = eraser.communicate()
    assert eraser.returncode == 0, error
    rotations, kept = int(told.split()[-1]), {}
    for gateway in gateways:
        printed, error = gateway.communicate()
        assert gateway.returncode == 0, error
        kept |= json.loads(printed)
    assert rotations > 2 and len(masters(home)) == rotations + 1
    assert len(kept) > 20
    assert vault.unseal_many((name, bytes.fromhex(text)) for name, text in kept.items()) == [
        name.encode() for name in kept
    ]
    assert _every_key_opens(home) == len(kept) + 500 - min(rotations, 500) + 1
    assert vault.keys_of("sub-erased-0").live == ()


@pytest.mark.timeout(300)
def test_an_eraser_that_is_killed_at_any_moment_leaves_a_vault_that_works(home: Home) -> None:
    chance = random.Random(7)
    vault = Vault.open(home)
    shared = json.dumps(["sub-shared", vault.seal("sub-shared", b"shared").hex()])
    vault.seal_many((f"sub-{number}", b"x") for number in range(2_000))
    gateway = _start(_GATEWAY, str(home.root), "g", "11", shared)
    until = time.monotonic() + 9
    kills = 0
    while time.monotonic() < until:
        eraser = _start(_ERASER, str(home.root), "60")
        assert eraser.stdout is not None and eraser.stdout.readline() == "begun\n"
        time.sleep(chance.random() * 0.3)
        os.kill(eraser.pid, signal.SIGKILL)
        eraser.communicate()
        kills += 1
        assert vault.unseal("sub-shared", bytes.fromhex(json.loads(shared)[1])) == b"shared"
        vault.seal(f"sub-after-{kills}", b"new")
    printed, error = gateway.communicate()
    assert gateway.returncode == 0, error
    assert kills > 3 and len(masters(home)) > 3
    settle_master(home)
    assert _every_key_opens(home) > 2_000
    kept = json.loads(printed)
    assert vault.unseal_many((name, bytes.fromhex(text)) for name, text in kept.items()) == [
        name.encode() for name in kept
    ]


def test_a_crash_at_any_change_of_the_disk_leaves_the_subject_whole_or_gone(
    home: Home, cut_off: Callable[..., Iterator[int]]
) -> None:
    vault, kept = Vault.open(home), home.root.with_name("kept")
    gone, stays = vault.seal("sub-gone", b"gone"), vault.seal("sub-stays", b"stays")
    shutil.copytree(home.root, kept)

    def prepare() -> None:
        shutil.rmtree(home.root)
        shutil.copytree(kept, home.root)

    def erase() -> None:
        rotate_master(home, forget="sub-gone")
        leave_nothing_behind(home)

    seen = set()
    for _ in cut_off(prepare, erase):
        after = Vault.open(home)
        assert after.unseal("sub-stays", stays) == b"stays"
        after.seal("sub-new", b"new")
        _every_key_opens(home)
        try:
            seen.add(after.unseal("sub-gone", gone))
        except StoreError as error:
            assert "destroyed" in str(error)
            seen.add(b"")
        assert len(masters(home)) == 1 + (after.keys_of("sub-gone").live == ())
    assert seen == {b"", b"gone"}


def test_threads_of_one_vault_share_what_it_knows(home: Home) -> None:
    vault = Vault.open(home)
    sealed = {f"sub-{number}": vault.seal(f"sub-{number}", b"%d" % number) for number in range(20)}
    over = threading.Event()

    def work(thread: int) -> int:
        done = 0
        while not over.is_set():
            for number, (subject, text) in enumerate(sealed.items()):
                assert vault.unseal(subject, text) == b"%d" % number
            vault.seal(f"sub-{thread}-{done}", b"x")
            done += 1
        return done

    with ThreadPoolExecutor(4) as pool:
        working = [pool.submit(work, thread) for thread in range(4)]
        try:
            for _ in range(12):
                rotate_master(home)
        finally:
            over.set()
        assert all(one.result() > 0 for one in working)
    _every_key_opens(home)


def test_nobody_takes_the_new_master_of_a_rotation_that_goes_on_away(home: Home) -> None:
    """A command that begins meanwhile finds a new key that the vault does not name yet: it is not its to remove."""
    Vault.open(home)
    with rotating(home):
        following = home.keys / ".master.next.key"
        following.write_bytes(bytes(32))
        with ThreadPoolExecutor(1) as pool:
            pool.submit(settle_master, home).result()
            pool.submit(Vault.open, home).result()
        assert following.exists()
    settle_master(home)
    assert not following.exists()


def test_one_rotation_at_a_time_and_none_during_a_backup(home: Home, tmp_path: Path) -> None:
    Vault.open(home)
    with ThreadPoolExecutor(1) as pool:

        def other() -> None:
            with rotating(home, wait_s=0.1):
                pass

        with rotating(home), rotating(home), pytest.raises(Refused, match="another command"):
            pool.submit(other).result()
        with unrotated(home), no_rotation(home), pytest.raises(Refused, match="another command"):
            pool.submit(other).result()
        pool.submit(other).result()


def test_a_copy_that_a_backup_makes_opens_although_erasures_go_on(home: Home, tmp_path: Path) -> None:
    vault = Vault.open(home)
    sealed = vault.seal("sub-a", b"text")
    eraser = _start(_ERASER, str(home.root), "3")
    try:
        for number in range(4):
            copy = tmp_path / f"copy-{number}"
            with unrotated(home):
                for name in ("ledger", "keys"):
                    shutil.copytree(home.root / name, copy / name)
                    time.sleep(0.1)
            assert Vault.open(Home.open(copy)).unseal("sub-a", sealed) == b"text"
    finally:
        _, error = eraser.communicate()
    assert eraser.returncode == 0, error


def test_a_clock_that_was_set_back_keeps_the_masters_in_their_order(home: Home) -> None:
    Vault.open(home)
    with closing(sqlite3.connect(home.vault)) as connection:
        connection.execute("UPDATE masters SET made = '2099-01-01T00:00:00+00:00'")
        connection.commit()
    ids = [masters(home)[-1].id, rotate_master(home).id, rotate_master(home).id]
    assert [one.id for one in masters(home)] == ids


def test_the_vault_is_left_without_free_pages(home: Home) -> None:
    vault = Vault.open(home)
    vault.seal_many((f"sub-{number}", b"x") for number in range(3_000))
    with closing(sqlite3.connect(home.vault)) as connection:
        connection.execute("DELETE FROM keys WHERE generation = 1 AND subject > 'sub-1'")
        connection.commit()
        assert connection.execute("PRAGMA freelist_count").fetchone()[0] > 5
    assert leave_nothing_behind(home)
    with closing(sqlite3.connect(home.vault)) as connection:
        assert connection.execute("PRAGMA freelist_count").fetchone() == (0,)
    wal = home.vault.with_name("vault.sqlite-wal")
    assert not wal.exists() or wal.stat().st_size == 0
    vault.seal("sub-more", b"x")


def test_a_rotation_between_looking_and_writing_is_seen_by_who_writes(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, real = Vault.open(home), Vault._make

    def late(self: Vault, subjects: list[str]) -> object:
        rotate_master(home)
        return real(self, subjects)

    monkeypatch.setattr(Vault, "_make", late)
    sealed = vault.seal("sub-a", b"text")
    assert _every_key_opens(home) == 1 and vault.unseal("sub-a", sealed) == b"text"


@pytest.mark.parametrize("times", [1, 2, 5])
def test_rotations_between_reading_a_key_and_opening_it_are_followed(
    home: Home, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    sealed = Vault.open(home).seal("sub-a", b"text")
    vault, real, left = Vault.open(home), PresentMaster._of, [times]
    vault._masters._known = None  # as one that was opened long ago and never used since

    def late(self: PresentMaster, named: str) -> object:
        if left[0]:
            left[0] -= 1
            rotate_master(home)
        return real(self, named)

    monkeypatch.setattr(PresentMaster, "_of", late)
    assert vault.unseal("sub-a", sealed) == b"text"
    assert left == [0] and len(masters(home)) == times + 1


def test_a_master_that_is_not_the_vaults_is_told_and_not_looked_for_for_ever(home: Home) -> None:
    vault = Vault.open(home)
    sealed = vault.seal("sub-a", b"text")
    vault._masters._known = None
    path = master_key_path(home)
    for wrong, what in ((bytes(32), "does not open this vault"), (b"short", "5 bytes")):
        path.write_bytes(wrong)
        with pytest.raises(StoreError, match=what):
            vault.unseal("sub-a", sealed)
        with pytest.raises(StoreError, match=what):
            vault.seal("sub-b", b"x")
        with pytest.raises(StoreError, match=what):
            rotate_master(home)
