"""`sluice audit erase`, `hold` and `expire`: stable JSON, sentences for people, exit codes, no identifier shown."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from flows.cli import audit_erase, audit_expire, audit_hold
from flows.provenance import trace
from infra.contracts.base import now
from infra.errors import BadInput, Refused
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter

_APP = typer.Typer()
_APP.command("erase")(audit_erase.erase)
_APP.command("expire")(audit_expire.expire)
_APP.add_typer(audit_hold.app, name="hold")
_HOLD = {"id", "subject", "since", "until", "reason", "actor", "placed"}


@pytest.fixture(autouse=True)
def _in_the_home(planted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_HOME", str(planted.home.root))
    monkeypatch.setenv("COLUMNS", "160")


def sluice(*arguments: str, code: int = 0, given: str = "") -> Result:
    result = CliRunner().invoke(_APP, list(arguments), catch_exceptions=False, input=given)
    assert result.exit_code == code, result.output
    return result


def machine(*arguments: str) -> Any:
    return json.loads(sluice(*arguments, "--json").stdout)


def test_erase_gives_the_documented_shape(planted: Any) -> None:
    value = machine("erase", "--subject", planted.gone.identifier, "--yes")
    assert set(value) == {
        *("schema", "subject", "keys", "erased_earlier", "master", "run_under_way", "snapshots"),
        *("adapters", "versions", "unknown", "quarantine", "backups_until"),
    }
    assert (value["schema"], value["subject"], value["keys"]) == ("sluice/audit-erase/1", planted.gone.subject, 1)
    assert [set(one) for one in value["snapshots"]] == [{"pipeline", "snapshot", "train", "test"}] * 2
    assert value["versions"] == [
        {
            "pipeline": "support-triage",
            "version": 11,
            "manifest": planted.versions[0].digest,
            "in_force": True,
            "rejected": False,
        }
    ]
    assert timedelta(days=89) < datetime.fromisoformat(value["backups_until"]) - now() < timedelta(days=90)
    assert value["quarantine"][0].startswith("sluice release rollback support-triage --to 1")
    again = machine("erase", "--subject", planted.gone.subject, "--yes")
    assert (again["erased_earlier"], again["keys"]) == (True, 0)


def test_erase_asks_first_and_tells_a_person_what_it_did(planted: Any) -> None:
    no = sluice("erase", "--subject", planted.gone.identifier, given="n\n", code=1)
    assert "1 keys, 2 rows in 2 data sets, 1 model versions" in no.output and "Nothing was changed" in no.output
    yes = sluice("erase", "--subject", planted.gone.identifier, given="y\n")
    for words in ("erased", "in force", "sluice review reject support-triage 11 --by NAME", "sluice audit verify"):
        assert words in yes.output
    assert planted.gone.identifier not in no.output + yes.output
    again = sluice("erase", "--subject", planted.gone.identifier)
    assert "was erased already" in again.output


def test_a_hold_is_placed_listed_and_released(planted: Any) -> None:
    hold = machine("hold", "add", "--subject", planted.gone.identifier, "--to", "2099-01-01", "--reason", "case 7")
    assert set(hold) == _HOLD and hold["subject"] == planted.gone.subject and hold["until"].startswith("2099-01-01")
    sluice("hold", "add", "--from", "2020-01-01", "--reason", "case 8")
    listed = machine("hold", "list")
    assert listed["schema"] == "sluice/audit-holds/1" and [set(one) for one in listed["holds"]] == [_HOLD] * 2
    assert "everybody" in sluice("hold", "list").output and "case 7" in sluice("hold", "list").output
    with pytest.raises(Refused, match="legal hold covers"):
        sluice("erase", "--subject", planted.gone.identifier, "--yes")
    for one in listed["holds"]:
        assert machine("hold", "release", one["id"])["id"] == one["id"]
    assert "No hold is in force" in sluice("hold", "list").output
    assert machine("erase", "--subject", planted.gone.identifier, "--yes")["keys"] == 1
    with pytest.raises(BadInput, match="no hold"):
        sluice("hold", "release", hold["id"])
    with pytest.raises(BadInput, match="not a time"):
        sluice("hold", "add", "--from", "yesterday", "--reason", "x")


def test_expire_keeps_everything_unless_a_setting_says_so(planted: Any) -> None:
    assert "Everything is kept" in sluice("expire").output
    value = machine("expire")
    assert (value["entries"], value["before"], value["retention_days"]) == (0, None, 0)


def test_expire_says_what_went_and_what_stays(planted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_LEDGER_RETENTION_DAYS", "1")
    monkeypatch.setenv("SLUICE_LEDGER_RETENTION_REASON", "a test")
    hold = machine("hold", "add", "--subject", planted.gone.identifier, "--reason", "case 7")["id"]
    before = len(Ledger.open(planted.home).query(AuditFilter(kinds=("request",), limit=1_000)))
    dry = machine("expire", "--dry-run")
    assert set(dry) == {"schema", "dry_run", "retention_days", "before", "entries", "held", "log_emptied"}
    assert dry["dry_run"] and dry["held"] == [{"hold": hold, "entries": 2}]
    told = sluice("expire").output
    assert f"{dry['entries']} entries expired" in told and f"2 old entries stay: {hold}" in told
    ledger = Ledger.open(planted.home)
    # Nobody ended resp-11: what is under way stays as well.
    assert len(ledger.query(AuditFilter(kinds=("request",), limit=1_000))) == before - dry["entries"] == 3
    assert ledger.verify().ok
    event = ledger.query(AuditFilter(kinds=("entries.expired",)))[-1].event
    assert event.reason == "a test"
    past = now() - timedelta(days=1)
    with pytest.raises(BadInput, match=f"any more, or never had one: requests of before {past:%Y-%m-%d}.*have expired"):
        trace("resp-1", planted.life.archive)
    with pytest.raises(BadInput, match="any more, or never had one"):
        trace("never-seen", planted.life.archive)
