"""Where an archive may lie: a folder, an S3-compatible store, any address of fsspec; each says what is wrong."""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from infra.contracts.base import now
from infra.errors import StoreError
from infra.home import Home
from infra.ledger.archive.closing import archive
from infra.ledger.archive.place import DamagedFile, FolderPlace, MissingFile, RemotePlace, open_place
from infra.ledger.archive.segment import SegmentFile, segment_name
from infra.ledger.expiry import ExpiryRule
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter
from infra.ledger.retention import expire
from infra.settings import read_settings

_LATER = timedelta(days=1)


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[str, str]:
    """The address of a prefix of a new bucket, and of its store."""
    import boto3

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "sluice")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    name = f"archive-{threading.get_native_id()}-{tmp_path.name[-8:].strip('_').lower().replace('_', '-')}"
    boto3.client("s3", endpoint_url=s3_server, region_name="us-east-1").create_bucket(Bucket=name)
    return f"s3://{name}/acme/ledger", s3_server


@pytest.fixture(params=["folder", "file", "memory", "s3"])
def elsewhere(request: pytest.FixtureRequest, home: Home, tmp_path: Path) -> Home:
    """A home whose archive lies elsewhere."""
    if request.param == "s3":
        address, endpoint = request.getfixturevalue("s3")
        return replace(home, ledger_archive=address, ledger_archive_endpoint=endpoint)
    folder = tmp_path / "archive"
    addresses = {"folder": str(folder), "file": folder.as_uri(), "memory": f"memory://{tmp_path.name}"}
    return replace(home, ledger_archive=addresses[request.param])


def test_a_ledger_is_archived_asked_expired_and_verified_there(elsewhere: Home, fill: Callable[..., int]) -> None:
    ledger = Ledger.open(elsewhere)
    fill(ledger, 300)
    before = ledger.query(AuditFilter(limit=2_000))
    done = archive(elsewhere, ledger, now() + _LATER)
    assert done.entries and not elsewhere.archive.exists()
    assert ledger.query(AuditFilter(limit=2_000))[: len(before)] == before
    assert ledger.verify().ok
    limit = before[200].event.at
    assert expire(elsewhere, ledger, ExpiryRule(200, "", limit)).entries > 100
    found = Ledger.open(elsewhere).verify()
    assert found.ok and found.archived == done.entries, found.problems


def test_files_are_read_written_and_missed(elsewhere: Home) -> None:
    place = open_place(elsewhere)
    with pytest.raises(MissingFile, match="a file of the archive is missing"):
        place.read("segments/x")
    with pytest.raises(MissingFile):
        place.open("segments/x").read()
    place.write("segments/x", b"one")
    place.write("segments/x", b"another")
    assert place.read("segments/x") == b"another"
    with place.open("segments/x") as stream:
        stream.seek(2)
        assert stream.read() == b"other"


def test_a_folder_is_private_to_its_owner(home: Home) -> None:
    place = open_place(home)
    assert isinstance(place, FolderPlace) and place.address == str(home.archive)
    place.write("tile/0/000", b"x")
    for path in (home.archive, home.archive / "tile", home.archive / "tile" / "0"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE((home.archive / "tile" / "0" / "000").stat().st_mode) == 0o600


def test_a_store_that_is_down_says_so_without_its_keys(home: Home, s3: tuple[str, str]) -> None:
    down = replace(home, ledger_archive=s3[0], ledger_archive_endpoint="http://127.0.0.1:9")
    with pytest.raises(StoreError, match="the archive does not answer") as caught:
        open_place(down).read("checkpoint")
    assert not isinstance(caught.value, MissingFile) and "not-a-secret" not in str(caught.value)


def test_an_address_that_nobody_knows_is_refused(home: Home) -> None:
    with pytest.raises(StoreError, match="does not answer: ValueError"):
        open_place(replace(home, ledger_archive="nowhere://bucket/prefix"))


def test_the_settings_name_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = read_settings({"SLUICE_HOME": str(tmp_path / "home"), "SLUICE_LEDGER_ARCHIVE": "below/here"})
    assert settings.home.ledger_archive == str(tmp_path / "below" / "here")
    assert settings.ledger.ledger_archive_days == 30.0
    remote = read_settings(
        {
            "SLUICE_HOME": str(tmp_path / "home"),
            "SLUICE_LEDGER_ARCHIVE": "s3://bucket/prefix",
            "SLUICE_LEDGER_ARCHIVE_ENDPOINT": "http://127.0.0.1:9000",
        }
    )
    assert remote.home.ledger_archive == "s3://bucket/prefix"
    assert remote.home.ledger_archive_endpoint == "http://127.0.0.1:9000"


class _Breaks:
    """A file system whose files are there and fail while they are read, each in its own way."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def open(self, *_: object) -> _Breaks:
        return self

    def seek(self, *_: object) -> int:
        return 1_000

    def tell(self) -> int:
        return 1_000

    def read(self, *_: object) -> bytes:
        raise self._error

    def close(self) -> None:
        pass


@pytest.mark.parametrize("error", [ConnectionResetError(104, "reset"), TimeoutError(), RuntimeError("key=SECRET")])
def test_what_fails_while_it_is_read_is_the_places_fault_and_not_damage(error: Exception) -> None:
    place = RemotePlace("s3://bucket/x", _Breaks(error), "bucket/x", whole=True)
    with pytest.raises(StoreError, match="the archive does not answer") as caught:
        SegmentFile(place, segment_name(0), 0, 256)
    assert not isinstance(caught.value, DamagedFile | MissingFile) and "SECRET" not in str(caught.value)


@pytest.mark.parametrize("address", ["ftp://user:hunter2@127.0.0.1:1/x", "s3://KEY:hunter2@bucket/x"])
def test_no_password_of_an_address_is_shown(home: Home, address: str) -> None:
    with pytest.raises(StoreError) as caught:
        open_place(replace(home, ledger_archive=address)).read("x")
    assert "hunter2" not in str(caught.value)
