"""Rotations: what an old key vouched for still counts, it vouches for nothing new, and a crash leaves a home whole."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flows.key_rotation import record_rotations, rotate_installation, rotate_master_key, rotate_reviewer
from flows.record_check import check_records
from infra.contracts.record_events import KeyChanged
from infra.errors import BadInput, CheckFailed, Refused, StoreError
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter
from infra.ledger.vault import Vault
from infra.signing import Signer
from infra.stores.releases import Releases
from infra.stores.reviewers import Reviewers
from infra.stores.trust import installation_key, installation_signer

_PIPELINE = "support-triage"


def _changes(home: Home) -> list[tuple[str, str, str, str]]:
    entries = Ledger.open(home).query(AuditFilter(kinds=("key.changed",), limit=100))
    events = [entry.event for entry in entries if isinstance(entry.event, KeyChanged)]
    return [(event.purpose, event.owner, event.action, event.key_id) for event in events]


def _whole(home: Home) -> None:
    """Everything that was signed or recorded verifies, and the record goes on."""
    ledger = Ledger.open(home)
    assert ledger.verify().problems == () and check_records(ledger, Releases(home)) == ()
    current = Releases(home).current(_PIPELINE)
    assert current is not None and current.approval.reviewer == "ana"
    ledger.close()


def _thief(home: Home, key: str) -> Signer:
    """Whoever copied a private key before it was replaced."""
    copy = home.root.with_name("stolen.key")
    shutil.copyfile(home.keys / key, copy)
    return Signer(copy)


def test_the_installation_key_is_replaced_and_the_old_one_signs_nothing_new(life: Any) -> None:
    home, thief = life.home, _thief(life.home, "installation.key")
    life.ledger.close()
    old = installation_key(home).key_id
    done = rotate_installation(home)
    assert (done.old, done.new, done.left_out) == (old, installation_key(home).key_id, 0)
    assert installation_signer(home).verify_key.key_id == done.new != old
    assert _changes(home)[-2:] == [
        ("installation", "installation", "created", done.new),
        ("installation", "installation", "revoked", old),
    ]
    _whole(home)
    forged = life.manifest.model_copy(update={"version": 9})
    path = home.releases / _PIPELINE / "manifests" / f"{forged.digest.removeprefix('sha256:')}.json"
    path.write_bytes(thief.sign(forged).to_json())
    with pytest.raises(Refused, match=f"key {old}, which was retired on"):
        Releases(home).manifest(forged.digest)
    again = rotate_installation(home)
    assert again.old == done.new and again.left_out == 0
    _whole(home)
    with pytest.raises(Refused, match="retired"):
        Releases(home).manifest(forged.digest)


def test_what_the_record_does_not_know_is_not_vouched_for(life: Any) -> None:
    forged = life.manifest.model_copy(update={"version": 9})
    path = life.home.releases / _PIPELINE / "manifests" / f"{forged.digest.removeprefix('sha256:')}.json"
    path.write_bytes(_thief(life.home, "installation.key").sign(forged).to_json())
    life.ledger.close()
    assert life.releases.manifest(forged.digest) == forged
    assert rotate_installation(life.home).left_out == 1
    with pytest.raises(Refused, match="retired"):
        life.releases.manifest(forged.digest)
    _whole(life.home)


def test_a_lost_private_key_is_replaced_by_a_rotation(life: Any) -> None:
    life.ledger.close()
    (life.home.keys / "installation.key").unlink()
    with pytest.raises(StoreError, match="sluice keys rotate installation"):
        Ledger.open(life.home)
    rotate_installation(life.home)
    _whole(life.home)
    (life.home.keys / "reviewers" / "ana.key").unlink()
    with pytest.raises(StoreError, match="sluice keys rotate reviewer ana"):
        Reviewers(life.home).add("ana")
    rotate_reviewer("ana", life.home)
    _whole(life.home)


def test_a_lost_key_pair_is_never_made_anew_in_silence(life: Any) -> None:
    for name in ("installation.key", "installation.pub"):
        (life.home.keys / name).unlink()
    with pytest.raises(StoreError, match="key pair is gone"):
        Ledger.open(life.home)
    assert not (life.home.keys / "installation.key").exists()


def test_a_reviewers_new_key_signs_and_the_old_decisions_count(life: Any) -> None:
    home, thief = life.home, _thief(life.home, "reviewers/ana.key")
    life.ledger.close()
    done = rotate_reviewer("ana", home)
    assert _changes(home)[-2:] == [("reviewer", "ana", "created", done.new), ("reviewer", "ana", "revoked", done.old)]
    _whole(home)
    assert Reviewers(home).names() == ("ana",)
    other = life.approval.model_copy(update={"reason": "another one"})
    with pytest.raises(Refused, match="not the trusted key"):
        life.releases.put_approval(other, thief)
    folder = home.releases / _PIPELINE / "approvals" / life.manifest.digest.removeprefix("sha256:")
    (folder / f"{other.digest.removeprefix('sha256:')}.json").write_bytes(thief.sign(other).to_json())
    assert life.releases.approvals(life.manifest.digest) == (life.approval,)
    fresh = life.approval.model_copy(update={"reason": "with the new key"})
    life.releases.put_approval(fresh, Reviewers(home).signer("ana"))
    assert set(life.releases.approvals(life.manifest.digest)) == {life.approval, fresh}
    with pytest.raises(BadInput, match="no reviewer 'luis'"):
        rotate_reviewer("luis", home)


def test_every_sealed_text_opens_after_the_master_key_is_replaced(life: Any) -> None:
    home, old = life.home, (life.home.keys / "master.key").read_bytes()
    life.ledger.close()
    before = Vault.open(home)
    name, digest = before.pseudonym("ana@example.com"), before.keyed_digest("row", b"x")
    sealed = before.seal("sub-a", b"text")
    before.seal("sub-gone", b"text")
    before.destroy("sub-gone")
    done = rotate_master_key(home)
    after = Vault.open(home)
    assert (after.pseudonym("ana@example.com"), after.keyed_digest("row", b"x")) == (name, digest)
    assert after.unseal("sub-a", sealed) == b"text"
    assert _changes(home)[-2:] == [("master", "home", "created", done.new), ("master", "home", "revoked", done.old)]
    assert (home.keys / "master.key").stat().st_mode & 0o777 == 0o600
    assert not any(old in path.read_bytes() for path in home.root.rglob("*") if path.is_file())
    (home.keys / "master.key").write_bytes(old)
    with pytest.raises(StoreError, match="does not open this vault"):
        Vault.open(home)


def test_a_crash_at_any_moment_leaves_a_home_that_opens(life: Any, cut_off: Callable[..., Iterator[int]]) -> None:
    home, kept = life.home, life.home.root.with_name("kept")
    vault = Vault.open(home)
    sealed = vault.seal("sub-a", b"text")
    life.ledger.close()
    shutil.copytree(home.root, kept)

    def prepare() -> None:
        shutil.rmtree(home.root)
        shutil.copytree(kept, home.root)

    def all_three() -> None:
        rotate_master_key(home)
        rotate_reviewer("ana", home)
        rotate_installation(home)

    seen = set()
    for _ in cut_off(prepare, all_three):
        assert Vault.open(home).unseal("sub-a", sealed) == b"text"
        _whole(home)
        record_rotations(home)
        changes = _changes(home)
        seen.add(len(changes))
        assert sorted(action for *_, action, _ in changes) == ["created"] * (len(changes) // 2) + ["revoked"] * (
            len(changes) // 2
        )
        _whole(home)
    assert seen == {0, 2, 4, 6}


def test_a_rotation_that_was_cut_off_is_finished_and_not_repeated(life: Any) -> None:
    from infra.ledger.rewrap import rotate_master

    life.ledger.close()
    rotate_master(life.home)  # and then the command was killed
    key = (life.home.keys / "master.key").read_bytes()
    assert rotate_master_key(life.home).finished
    assert (life.home.keys / "master.key").read_bytes() == key
    assert not rotate_master_key(life.home).finished


def test_a_record_that_was_changed_is_not_vouched_for(life: Any) -> None:
    life.ledger.close()
    (life.home.releases / _PIPELINE / "releases" / "00000001.json").unlink()
    before = installation_key(life.home).key_id
    with pytest.raises(CheckFailed, match="release 1 of support-triage is missing"):
        rotate_installation(life.home)
    assert installation_key(life.home).key_id == before


def test_the_command_wants_the_home_alone_and_says_what_it_did(life: Any) -> None:
    life.ledger.close()
    program = "import sys\nfrom flows.cli.main import main\nsys.argv = ['sluice', *sys.argv[1:]]\nmain()"

    def sluice(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-c", program, *words],
            capture_output=True,
            text=True,
            env={"SLUICE_HOME": str(life.home.root), "PATH": "/usr/bin:/bin"},
            check=False,
        )

    done = sluice("keys", "rotate", "installation", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["new"] == installation_key(life.home).key_id
    assert sluice("audit", "verify").returncode == 0
    for words in (("keys", "rotate", "reviewer"), ("keys", "rotate", "it"), ("keys", "rotate", "master", "ana")):
        assert sluice(*words).returncode == 2
    from infra.home_lock import hold

    hold(life.home)
    busy = sluice("keys", "rotate", "master")
    assert busy.returncode == 1 and "another process works in this home" in busy.stderr
    assert "Traceback" not in busy.stderr
