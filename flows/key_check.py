"""What is wrong with the home's keys and with what has outlived its time: for `sluice doctor`; it changes nothing."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass

from flows.gc import expire
from flows.key_rotation import rotations
from infra.errors import SluiceError
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.vault import Vault
from infra.settings import RetentionSettings
from infra.signing import Signer
from infra.stores.reviewers import Reviewers
from infra.stores.trust import installation_key


@dataclass(frozen=True)
class KeyFinding:
    """One thing that was looked at, in the words of `sluice doctor`."""

    what: str
    ok: bool
    found: str
    cure: str = ""


def check_keys(home: Home, retention: RetentionSettings) -> tuple[KeyFinding, ...]:
    """Every signing key, the master key, the record of rotations, and files past their retention."""
    if not (home.keys / "installation.pub").exists() and not home.vault.exists():
        return (KeyFinding("keys", True, "none yet: made on first use"),)
    looks = (_installation(home), _reviewers(home), _master(home), _recorded(home), _expired(home, retention))
    findings: list[KeyFinding] = []
    for look in looks:
        try:
            findings += look
        except SluiceError as error:
            findings.append(KeyFinding("keys", False, error.what, error.cure))
    return tuple(findings)


def _installation(home: Home) -> Iterator[KeyFinding]:
    trusted, path = installation_key(home), home.keys / "installation.key"
    lost = "restore it from a backup, or: sluice keys rotate installation"
    if not path.exists():
        yield KeyFinding("installation key", False, "the private half is gone", lost)
        return
    fits = Signer(path).verify_key == trusted.current
    found = (
        f"key {trusted.key_id}, {len(trusted.retired)} before it" if fits else "its two halves do not belong together"
    )
    yield KeyFinding("installation key", fits, found, lost)
    yield from _modes(home)


def _modes(home: Home) -> Iterator[KeyFinding]:
    wide = [path.name for path in home.keys.rglob("*.key") if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if wide:
        yield KeyFinding("private keys", False, f"readable by others: {', '.join(wide)}", f"chmod 600 in {home.keys}")


def _reviewers(home: Home) -> Iterator[KeyFinding]:
    reviewers = Reviewers(home)
    for name in reviewers.names():
        here = (home.keys / "reviewers" / f"{name}.key").exists()
        found = "here" if here else "not here: this reviewer cannot sign on this machine"
        yield KeyFinding(f"key of reviewer {name}", True, found)


def _master(home: Home) -> Iterator[KeyFinding]:
    if home.vault.exists():
        Vault.open(home)
        yield KeyFinding("master key", True, "opens the vault")


def _recorded(home: Home) -> Iterator[KeyFinding]:
    ledger = Ledger.open(home)
    try:
        for one in rotations(home):
            if ledger.get(f"{one.purpose}/{one.old}/revoked") is None:
                name = f" {one.owner}" if one.purpose == "reviewer" else ""
                cure = f"sluice keys rotate {one.purpose}{name} (it finishes this one)"
                yield KeyFinding("key rotation", False, f"{one.purpose} {one.new} is in force, not recorded", cure)
    finally:
        ledger.close()


def _expired(home: Home, retention: RetentionSettings) -> Iterator[KeyFinding]:
    late = expire(home, retention, dry=True).freed
    if late:
        yield KeyFinding("retention", False, f"{len(late)} files are past their retention", "sluice gc")
