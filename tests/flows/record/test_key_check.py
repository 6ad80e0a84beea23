"""What `sluice doctor` is told of the keys: nothing wrong with a whole home, and each loss by name with its cure."""

from __future__ import annotations

import os
from typing import Any

from flows.key_check import check_keys
from flows.key_rotation import rotate_installation
from infra.home import Home
from infra.ledger.rewrap import rotate_master
from infra.settings import RetentionSettings

_KEEP = RetentionSettings()


def _wrong(home: Home) -> list[tuple[str, str]]:
    return [(one.found, one.cure) for one in check_keys(home, _KEEP) if not one.ok]


def test_a_whole_home_has_nothing_wrong(life: Any, tmp_path: Any) -> None:
    life.ledger.close()
    assert _wrong(life.home) == []
    rotate_installation(life.home)
    assert _wrong(life.home) == []
    assert any("1 before it" in one.found for one in check_keys(life.home, _KEEP))
    assert [one.found for one in check_keys(Home.open(tmp_path / "new"), _KEEP)] == ["none yet: made on first use"]


def test_each_loss_is_named_with_its_cure(life: Any) -> None:
    home = life.home
    life.ledger.close()
    private = home.keys / "installation.key"
    key = private.read_bytes()
    private.write_bytes((home.keys / "reviewers" / "ana.key").read_bytes())
    assert _wrong(home)[0][0] == "its two halves do not belong together"
    private.unlink()
    found, cure = _wrong(home)[0]
    assert found == "the private half is gone" and "sluice keys rotate installation" in cure
    private.write_bytes(key)
    os.chmod(private, 0o644)
    assert _wrong(home)[0][0] == "readable by others: installation.key"
    os.chmod(private, 0o600)
    rotate_master(home)  # and the command was killed before it was recorded
    ((found, cure),) = _wrong(home)
    assert "not recorded" in found and cure.startswith("sluice keys rotate master")
    (home.keys / "master.key").unlink()
    assert any("restore keys/master.key" in cure for _, cure in _wrong(home))


def test_files_past_their_retention_are_told(life: Any) -> None:
    life.ledger.close()
    path = life.home.folder(life.home.quarantine / "support-triage") / "run-1.rows"
    path.write_bytes(b"x")
    os.utime(path, (0, 0))
    assert _wrong(life.home) == [("1 files are past their retention", "sluice gc")]
    assert path.exists()
