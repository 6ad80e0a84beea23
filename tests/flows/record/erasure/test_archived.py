"""What lies in the archive is erased, held, explained and backed up like what lies in the ledger's own tables."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import thief
from recorded import assert_whole, events
from typer.testing import CliRunner, Result

from flows.cli.main import app
from flows.erasure import erase
from infra.backup import back_up
from infra.contracts.base import now
from infra.contracts.record_events import ServiceChanged, SubjectErased
from infra.contracts.request_events import RequestAdmitted
from infra.errors import BadInput, Refused
from infra.home import Home
from infra.home_state import open_home
from infra.ledger.archive.closing import archive
from infra.ledger.holds import place_hold
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter
from infra.ledger.record import interrupted
from infra.restore import restore

_FILLED = 300


@pytest.fixture
def put_away(planted: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Everything of `planted` lies in the archive: nothing is under way, and enough came later."""
    monkeypatch.setenv("SLUICE_HOME", str(planted.home.root))
    monkeypatch.setenv("COLUMNS", "120")
    ledger = planted.life.ledger
    admitted = [entry.event for entry in ledger.query(AuditFilter(kinds=("request.admitted",), limit=100))]
    for event in admitted:
        assert isinstance(event, RequestAdmitted)
        if len(ledger.of_response(event.response_id)) == 1:
            ledger.append(interrupted(event))
    later = (
        ServiceChanged(event_id=f"later-{number}", at=now(), pipeline="", service="gateway", action="started")
        for number in range(_FILLED)
    )
    ledger.append_many([(event, None) for event in later])
    done = archive(planted.home, ledger, now() + timedelta(days=1))
    assert done.entries >= 256 and ledger.get(f"resp-{planted.gone.identifier}/completed") is None
    return planted


def sluice(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def _opened(root: Path, master: bytes, subject: str, text: str) -> bool:
    lying = list(thief.pieces(root))
    keys = thief.keys_in((data for data in lying if len(data) < 1 << 20), master, subject)
    return any(text.encode() in opened for opened in thief.texts_in(lying, keys))


@pytest.mark.timeout(300)
def test_no_file_of_the_archive_yields_the_text_with_the_present_master_in_hand(put_away: Any, tmp_path: Path) -> None:
    home, gone, stays = put_away.home, put_away.gone, put_away.stays
    small = tmp_path / "archive-and-keys"
    for name in ("archive", "ledger"):
        shutil.copytree(home.root / name, small / name)
    master = (home.keys / "master.key").read_bytes()
    assert _opened(small, master, gone.subject, gone.said("request"))
    assert erase(gone.subject, home).keys == 1
    shutil.rmtree(small)
    for name in ("archive", "ledger"):
        shutil.copytree(home.root / name, small / name)
    master = (home.keys / "master.key").read_bytes()
    assert not _opened(small, master, gone.subject, gone.said("request"))
    assert _opened(small, master, stays.subject, stays.said("request"))
    assert_whole(home)
    (event,) = events(home, "subject.erased")
    assert isinstance(event, SubjectErased)
    assert put_away.taught.digest in event.snapshots and put_away.versions[0].digest in event.versions
    assert put_away.other.digest not in event.snapshots and put_away.versions[1].digest not in event.versions


def test_a_hold_over_archived_entries_blocks_erasure(put_away: Any) -> None:
    place_hold(put_away.home, put_away.life.ledger, subject=put_away.gone.subject, since=None, until=None, reason="x")
    with pytest.raises(Refused):
        erase(put_away.gone.subject, put_away.home)
    assert_whole(put_away.home)


def test_every_command_answers_as_if_nothing_had_been_moved(put_away: Any, tmp_path: Path) -> None:
    response = f"resp-{put_away.gone.identifier}"
    assert "verified" in sluice("audit", "verify").output
    shown = json.loads(sluice("audit", "show", response, "--content", "--json").stdout)
    assert [entry["intact"] for entry in shown["entries"]] == [True, True]
    assert shown["entries"][1]["content"] == put_away.gone.said("request")
    one = json.loads(sluice("audit", "show", f"{response}/completed", "--json").stdout)
    assert one["entries"][0]["event"]["response_id"] == response
    assert sluice("explain", "resp-1").exit_code == 0
    sluice("explain", "resp-1", "--out", str(tmp_path / "receipt"))
    assert "verified" in sluice("explain", "--verify", str(tmp_path / "receipt")).output
    sluice("audit", "prove", response, "--out", str(tmp_path / "proof"))
    sluice("audit", "export", "--tenant", "acme", "--out", str(tmp_path / "bundle"))
    counted = sluice("audit", "sql", "SELECT count(*) AS n FROM events WHERE kind = 'request.completed'").output
    assert str(len(put_away.life.ledger.indices(AuditFilter(kinds=("request.completed",))))) in counted


def test_a_backup_brings_the_archive_back(put_away: Any, tmp_path: Path) -> None:
    open_home(put_away.home.root)
    back_up(put_away.home, tmp_path / "home.tar", lambda *_: None)
    restore(tmp_path / "home.tar", tmp_path / "restored", lambda *_: None)
    assert_whole(Home(tmp_path / "restored"))
    ledger = Ledger.open(Home(tmp_path / "restored"))
    assert len(ledger.of_response("resp-1")) == 2 and ledger.verify().archived >= 256


def test_the_command_says_what_it_did(put_away: Any) -> None:
    told = sluice("audit", "archive")
    assert "Nothing to close" in told.output
    ledger = Ledger.open(put_away.home)
    later = ServiceChanged(event_id="x", at=now(), pipeline="", service="gateway", action="started")
    ledger.append_many([(later.model_copy(update={"event_id": f"x-{number}"}), None) for number in range(600)])
    assert "Nothing to close" in sluice("audit", "archive", "--before", "30d").output
    tomorrow = (now() + timedelta(days=1)).isoformat()
    dry = json.loads(sluice("audit", "archive", "--before", tomorrow, "--dry-run", "--json").stdout)
    assert set(dry) == {"schema", "dry_run", "before", "segments", "entries", "size_bytes", "cleared", "place"}
    assert dry["dry_run"] and dry["entries"] >= 512 and dry["size_bytes"] == 0
    assert f"{dry['entries']} entries" in sluice("audit", "archive", "--before", tomorrow, "--dry-run").output
    done = sluice("audit", "archive", "--before", tomorrow)
    assert f"{dry['entries']} entries in 1 segment," in done.output and "sluice audit verify" in done.stderr
    assert "of them lie in the archive" in sluice("audit", "verify").output
    assert "segment.archived" in sluice("audit", "query", "--kind", "segment").output


def test_a_wrong_time_is_one_sentence(put_away: Any) -> None:
    with pytest.raises(BadInput, match="not a time") as caught:
        sluice("audit", "archive", "--before", "yesterday")
    assert "--before" in str(caught.value)
