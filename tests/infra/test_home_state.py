"""A home's version: written when it is made, an older one migrated, a newer one refused in one sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from infra.errors import Refused, StoreError
from infra.home import Home
from infra.home_lock import alone, hold, no_run
from infra.home_state import HOME_VERSION, HomeState, home_version, open_home, write_state
from infra.settings import read_settings

_HOLDER = """
import sys, time
from pathlib import Path
from infra.home import Home
from infra.home_lock import hold
for lock in sys.argv[2:]:
    hold(Home.open(Path(sys.argv[1])), lock, wait_s=0.2)
print("held", flush=True)
time.sleep(60)
"""


def _other_process(home: Home, *locks: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(home.root), *locks], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_a_new_home_says_its_version(tmp_path: Path) -> None:
    home = read_settings({"SLUICE_HOME": str(tmp_path / "home")}).home
    assert home_version(home) == HOME_VERSION
    assert (home.root / "state.json").stat().st_mode & 0o777 == 0o600
    again = (home.root / "state.json").stat().st_mtime_ns
    open_home(home.root)
    assert (home.root / "state.json").stat().st_mtime_ns == again


def test_a_newer_home_is_refused_in_one_sentence_and_left_alone(home: Home) -> None:
    write_state(home, HOME_VERSION + 1)
    before = (home.root / "state.json").read_bytes()
    with pytest.raises(Refused, match=f"layout {HOME_VERSION + 1}, and this Sluice reads layouts up to {HOME_VERSION}"):
        read_settings({"SLUICE_HOME": str(home.root)})
    assert (home.root / "state.json").read_bytes() == before
    assert read_settings({"SLUICE_HOME": str(home.root)}, any_version=True).home == home


def test_a_damaged_version_is_no_version(home: Home) -> None:
    (home.root / "state.json").write_bytes(b'{"schema": "sluice/home-state/1", "vers')
    with pytest.raises(StoreError, match="cannot be read"):
        open_home(home.root)


def test_an_interrupted_restore_is_no_home(home: Home) -> None:
    (home.root / ".restoring").mkdir()
    with pytest.raises(Refused, match="restore into this home was interrupted"):
        open_home(home.root)


def test_a_home_without_a_version_is_migrated(home: Home) -> None:
    home.folder(home.blobs)
    open_home(home.root)
    state = HomeState.from_json((home.root / "state.json").read_bytes())
    assert state.version == HOME_VERSION and state.sluice
    assert not (home.root / ".migration").exists()


def test_who_changes_the_whole_home_is_alone(home: Home) -> None:
    other = _other_process(home, "home")
    try:
        with pytest.raises(Refused, match="another process works in this home"), alone(home):
            pass
    finally:
        other.kill()
        other.communicate()
    with alone(home):
        waits = subprocess.run(
            [sys.executable, "-c", _HOLDER, str(home.root), "home"],
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert "changes the whole home" in waits.stderr


def test_a_run_is_seen_until_its_process_ends(home: Home) -> None:
    other = _other_process(home, "run")
    with no_run(home) as free:
        assert not free
    other.kill()
    other.communicate()
    with no_run(home) as free:
        assert free


def test_a_process_may_go_to_another_home(home: Home, tmp_path: Path) -> None:
    hold(home)
    hold(Home.open(tmp_path / "other"))
    with alone(home):  # asks for the first one again
        pass
