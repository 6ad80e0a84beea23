"""Backup and restore: a running home comes back whole and verifies; nothing that is wrong with an archive gets in."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tarfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.record_check import check_records
from infra.backup import back_up
from infra.contracts.base import now
from infra.contracts.record_events import ServiceChanged
from infra.errors import BadInput, Refused, SluiceError, StoreError
from infra.home import Home
from infra.home_state import HOME_VERSION, open_home, write_state
from infra.ledger.log import Ledger
from infra.ledger.vault import Vault
from infra.restore import restore
from infra.stores.blobs import Blobs
from infra.stores.releases import Releases


def _quiet(_: float, __: str) -> None:
    pass


@pytest.fixture
def full(life: Any) -> Any:
    """The life, with servers' databases, caches and logs beside it."""
    write_state(life.home)
    for place in (life.home.mlflow / "mlflow.db", life.home.prefect / "prefect.db"):
        life.home.folder(place.parent)
        with closing(sqlite3.connect(place)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE t (x)")
            connection.execute("INSERT INTO t VALUES (1)")
            connection.commit()
    for name in (
        "mlflow/artifacts/1/card.md",
        "runs/run-1/step-1/model",
        "logs/mlflow.log",
        "stages/a",
        "prefect/ui/x",
    ):
        path = life.home.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return life


def _verify(home: Home) -> Ledger:
    ledger = Ledger.open(home)
    assert ledger.verify().problems == () and check_records(ledger, Releases(home)) == ()
    return ledger


def test_a_home_comes_back_whole(full: Any, tmp_path: Path) -> None:
    sealed = full.vault.seal("sub-a", b"text")
    file = tmp_path / "backup.tar"
    seen: list[float] = []
    made = back_up(full.home, file, lambda size, _: seen.append(size))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and made.size_bytes == file.stat().st_size
    assert len(seen) == made.files and list(tmp_path.glob(".backup*")) == []
    done = restore(file, tmp_path / "again", _quiet)
    home = open_home(tmp_path / "again")
    names = {one.name for one in done.manifest.files}
    assert not any(name.startswith(("runs", "logs", "processes", "prefect/ui")) for name in names)
    assert {"mlflow/mlflow.db", "mlflow/artifacts/1/card.md", "prefect/prefect.db", "stages/a", "state.json"} <= names
    with closing(sqlite3.connect(home.mlflow / "mlflow.db")) as connection:
        assert connection.execute("SELECT x FROM t").fetchall() == [(1,)]
    _verify(home)
    assert Vault.open(home).unseal("sub-a", sealed) == b"text"
    assert Releases(home).current("support-triage") == Releases(full.home).current("support-triage")
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in (home.keys / "master.key", home.ledger))
    assert not (home.root / ".restoring").exists()


def test_what_is_written_meanwhile_is_in_it_whole_or_not_at_all(full: Any, tmp_path: Path) -> None:
    stop, wrote = threading.Event(), []

    def write() -> None:
        ledger = Ledger.open(full.home)
        while not stop.is_set():
            number = len(wrote)
            digest = full.blobs.put(b"blob %d" % number)
            event = ServiceChanged(event_id=f"s-{number}", at=now(), pipeline="", service=digest, action="started")
            ledger.append(event)
            wrote.append(digest)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while len(wrote) < 20:
            time.sleep(0.01)
        back_up(full.home, tmp_path / "b.tar", _quiet)
    finally:
        stop.set()
        writer.join()
    home = restore(tmp_path / "b.tar", tmp_path / "again", _quiet).home
    ledger, blobs = _verify(home), Blobs(home.blobs)
    entries = [ledger.get(f"s-{number}") for number in range(len(wrote))]
    named = [entry.event.service for entry in entries if entry is not None and isinstance(entry.event, ServiceChanged)]
    assert len(named) >= 20 and all(blobs.check(digest) for digest in named)


def test_keys_can_be_kept_apart(full: Any, tmp_path: Path) -> None:
    made = back_up(full.home, tmp_path / "b.tar", _quiet, without_keys=True)
    assert made.keys_left_out == ("keys/installation.key", "keys/master.key", "keys/reviewers/ana.key")
    secret = (full.home.keys / "master.key").read_bytes()
    assert secret not in (tmp_path / "b.tar").read_bytes()
    home = restore(tmp_path / "b.tar", tmp_path / "again", _quiet).home
    with pytest.raises(StoreError, match="gone"):
        Vault.open(home)
    for name in made.keys_left_out:
        shutil.copy(full.home.root / name, home.root / name)
    Vault.open(home)
    _verify(home)


def test_it_goes_into_an_empty_home_only(full: Any, tmp_path: Path) -> None:
    back_up(full.home, tmp_path / "b.tar", _quiet)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    with pytest.raises(Refused, match="not empty"):
        restore(tmp_path / "b.tar", tmp_path / "mine", _quiet)
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == [".home.lock", "file"]
    open_home(tmp_path / "asked before")
    _verify(restore(tmp_path / "b.tar", tmp_path / "asked before", _quiet).home)
    for place in (tmp_path / "b.tar", full.home.root / "inside.tar"):
        with pytest.raises(BadInput, match="nothing was written"):
            back_up(full.home, place, _quiet)


def test_a_newer_backup_is_refused(full: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.backup.HOME_VERSION", HOME_VERSION + 1)
    back_up(full.home, tmp_path / "b.tar", _quiet)
    with pytest.raises(Refused, match=f"layout {HOME_VERSION + 1}"):
        restore(tmp_path / "b.tar", tmp_path / "again", _quiet)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small backup, as bytes."""
    folder = tmp_path_factory.mktemp("small")
    home = open_home(folder / "home")
    Blobs(home.folder(home.blobs)).put(b"one blob")
    back_up(home, folder / "b.tar", _quiet)
    return (folder / "b.tar").read_bytes()


_FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _tree(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file() and p.name != ".home.lock"}


def _try(data: bytes, tmp_path: Path) -> Path | None:
    """Restores bytes into a new home; None when that was refused, and then nothing may lie anywhere."""
    place = tmp_path / f"t{time.monotonic_ns()}"
    (place / "in").mkdir(parents=True)
    (place / "b.tar").write_bytes(data)
    try:
        restore(place / "b.tar", place / "in" / "home", _quiet)
    except SluiceError:
        assert _tree(place) == {"b.tar": data}
        return None
    assert {path.name for path in place.iterdir()} == {"b.tar", "in"}
    assert {path.name for path in (place / "in").iterdir()} == {"home"}
    return place / "in" / "home"


@_FUZZ
@given(data=st.data())
def test_a_changed_archive_is_refused_or_changes_nothing(archive: bytes, tmp_path: Path, data: st.DataObject) -> None:
    whole = _try(archive, tmp_path)
    assert whole is not None
    changed = bytearray(archive)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del changed[data.draw(st.integers(0, len(changed))) :]
    found = _try(bytes(changed), tmp_path)
    assert found is None or _tree(found) == _tree(whole)


@_FUZZ
@given(noise=st.binary(max_size=3_000))
def test_noise_is_no_backup(noise: bytes, tmp_path: Path) -> None:
    assert _try(noise, tmp_path) is None


@pytest.mark.parametrize(
    ("name", "kind", "link"),
    [
        ("../out", tarfile.REGTYPE, ""),
        ("/tmp/sluice-out", tarfile.REGTYPE, ""),
        ("a/../../out", tarfile.REGTYPE, ""),
        ("./a", tarfile.REGTYPE, ""),
        ("a//b", tarfile.REGTYPE, ""),
        ("..", tarfile.REGTYPE, ""),
        ("a\nb", tarfile.REGTYPE, ""),
        ("a\\b", tarfile.REGTYPE, ""),
        ("keys", tarfile.SYMTYPE, "/etc"),
        ("keys", tarfile.LNKTYPE, "state.json"),
        ("keys", tarfile.CHRTYPE, ""),
        ("keys", tarfile.FIFOTYPE, ""),
        ("keys", tarfile.DIRTYPE, ""),
        ("keys", tarfile.GNUTYPE_SPARSE, ""),
        ("keys", tarfile.XHDTYPE, ""),
        ("keys", tarfile.XGLTYPE, ""),
        ("state.json", tarfile.REGTYPE, ""),
        ("state.json/b", tarfile.REGTYPE, ""),
    ],
)
def test_what_leads_out_or_is_no_plain_file_is_refused(
    archive: bytes, tmp_path: Path, name: str, kind: bytes, link: str
) -> None:
    made = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(archive)) as old,
        tarfile.open(fileobj=made, mode="w", format=tarfile.GNU_FORMAT) as new,
    ):
        for member in old:
            if member.name == "manifest.json":
                extra = tarfile.TarInfo(name)
                extra.type, extra.linkname = kind, link
                new.addfile(extra, io.BytesIO())
            new.addfile(member, old.extractfile(member))
    assert _try(made.getvalue(), tmp_path) is None
    assert not Path("/tmp/sluice-out").exists()


def test_a_kill_leaves_no_half_file_under_the_name(full: Any, tmp_path: Path) -> None:
    full.blobs.put(os.urandom(30_000_000))
    program = (
        "import sys; from pathlib import Path\nfrom infra.backup import back_up\n"
        "from infra.home_state import open_home\n"
        "def tell(size, name):\n    print(name, flush=True)\n"
        "back_up(open_home(Path(sys.argv[1])), Path(sys.argv[2]), tell)"
    )
    for killed_after in (1, 4, 12):
        command = [sys.executable, "-c", program, str(full.home.root), str(tmp_path / "b.tar")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in range(killed_after):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not (tmp_path / "b.tar").exists()
    back_up(full.home, tmp_path / "b.tar", _quiet)
    _verify(restore(tmp_path / "b.tar", tmp_path / "again", _quiet).home)
    assert [path.name for path in tmp_path.glob(".b.tar*")] == []


def test_the_commands(full: Any, tmp_path: Path) -> None:
    full.ledger.close()
    program = "import sys\nfrom flows.cli.main import main\nsys.argv = ['sluice', *sys.argv[1:]]\nmain()"

    def sluice(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {"SLUICE_HOME": str(home), "PATH": "/usr/bin:/bin"}
        command = [sys.executable, "-P", "-c", program, *words]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    file, again = tmp_path / "b.tar", tmp_path / "again"
    made = sluice(full.home.root, "backup", str(file), "--without-keys", "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["keys_left_out"][0] == "keys/installation.key"
    whole = sluice(full.home.root, "backup", str(tmp_path / "whole.tar"))
    assert "private keys are inside" in whole.stderr
    done = sluice(again, "restore", str(file), "--json")
    assert json.loads(done.stdout)["keys_missing"] == json.loads(made.stdout)["keys_left_out"]
    assert "Put these private keys back first (mode 0600): keys/installation.key" in done.stderr
    other = sluice(tmp_path / "unused", "restore", str(tmp_path / "whole.tar"), "--home", str(tmp_path / "third"))
    assert other.returncode == 0 and not (tmp_path / "unused").exists()
    assert sluice(tmp_path / "third", "audit", "verify").returncode == 0
    assert sluice(again, "restore", str(file)).returncode == 1
