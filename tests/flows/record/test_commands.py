"""`sluice audit` and `sluice explain`: stable JSON, tables for people, exit codes, nothing secret on the screen."""

from __future__ import annotations

import csv
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from flows.cli.explain import explain
from flows.cli.main import app
from infra.errors import BadInput, CheckFailed, StoreError

_ENTRY = {"index", "leaf", "event"}


@pytest.fixture(autouse=True)
def _in_the_home(life: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_HOME", str(life.home.root))
    monkeypatch.setenv("COLUMNS", "160")


def sluice(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def machine(*arguments: str, code: int = 0) -> Any:
    return json.loads(sluice(*arguments, "--json", code=code).stdout)


def tamper(life: Any, statement: str) -> None:
    with sqlite3.connect(life.home.ledger) as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute(statement)


def test_query_gives_the_documented_shape() -> None:
    value = machine("audit", "query")
    assert (set(value), value["schema"]) == ({"schema", "entries"}, "sluice/audit-query/2")
    assert all(set(entry) == _ENTRY for entry in value["entries"])
    assert [entry["index"] for entry in value["entries"]] == list(range(14))
    assert value["entries"][0]["event"]["kind"] == "stage.finished"


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--kind", "release"], ["release/"]),
        (["--kind", "request.refused"], ["resp-3/refused"]),
        (["--response", "resp-2"], ["resp-2/admitted", "resp-2/completed"]),
        (["--outcome", "blocked", "--tenant", "acme"], ["resp-2/completed"]),
        (["--detector", "injection", "--action", "block"], ["resp-2/completed"]),
        (["--action", "redact"], []),
        (
            ["--subject", "ana@example.com", "--version", "1"],
            ["resp-1/admitted", "resp-1/completed", "resp-2/admitted", "resp-2/completed"],
        ),
        (["--kind", "review", "--kind", "request.refused"], ["review/", "resp-3/refused"]),
        (["--kind", "stage", "--limit", "2"], ["run/gate", "run/register"]),
        (["--before", "2"], ["run/dataset", "run/finetune"]),
        (["--until", "2026-01-01"], []),
        (["--since", "2026-01-01", "--tenant", "acme", "--version", "0"], ["resp-4/admitted", "resp-4/completed"]),
        (["--pipeline", "banking77"], []),
    ],
)
def test_query_filters(options: list[str], ids: list[str]) -> None:
    found = [entry["event"]["event_id"] for entry in machine("audit", "query", *options)["entries"]]
    assert len(found) == len(ids)
    assert all(one.startswith(wanted) for one, wanted in zip(found, ids, strict=True))


def test_query_for_a_person_ends_with_the_next_command() -> None:
    result = sluice("audit", "query", "--limit", "4")
    assert "request.refused" in result.stdout and "invalid_api_key" in result.stdout
    assert result.stderr.strip().splitlines()[-1].startswith("next: sluice audit show resp-")
    assert "--before 10" in result.stderr


@pytest.mark.parametrize("record_id", ["resp-1", "resp-1/completed", "8"])
def test_show_takes_a_response_an_event_or_an_index(record_id: str) -> None:
    value = machine("audit", "show", record_id)
    assert (set(value), value["schema"]) == ({"schema", "id", "entries"}, "sluice/audit-show/2")
    assert all(set(entry) == _ENTRY | {"intact", "content"} for entry in value["entries"])
    assert "resp-1/completed" in [entry["event"]["event_id"] for entry in value["entries"]]
    assert all(entry["intact"] is True and entry["content"] is None for entry in value["entries"])


def test_show_reads_content_only_when_asked(life: Any) -> None:
    assert "cannot log in" not in sluice("audit", "show", "resp-1").output
    assert "cannot log in" in sluice("audit", "show", "resp-1", "--content").stdout
    assert [entry["content"] for entry in machine("audit", "show", "resp-1", "--content")["entries"]] == [
        None,
        "[EMAIL] cannot log in",
    ]
    life.vault.destroy(life.vault.pseudonym("ana@example.com"))
    with pytest.raises(StoreError, match="destroyed"):
        sluice("audit", "show", "resp-1", "--content")


def test_show_says_that_an_entry_was_changed(life: Any) -> None:
    tamper(life, "UPDATE payloads SET data = x'00' WHERE idx = 8")
    value = machine("audit", "show", "resp-1", code=1)
    assert [entry["intact"] for entry in value["entries"]] == [True, False]
    assert "was changed" in sluice("audit", "show", "8", code=1).stdout


@pytest.mark.parametrize("unknown", ["resp-9", "99999", "x/y"])
def test_show_of_an_unknown_id_is_bad_input(unknown: str) -> None:
    with pytest.raises(BadInput, match="no entry"):
        sluice("audit", "show", unknown)


def test_verify_of_a_sound_ledger(life: Any) -> None:
    value = machine("audit", "verify")
    assert value == {
        "schema": "sluice/audit-verify/2",
        "ok": True,
        "events": 14,
        "archived": 0,
        "origin": life.ledger.origin,
        "root": value["root"],
        "key_id": value["key_id"],
        "problem_count": 0,
        "problems": [],
    }
    assert "verified" in sluice("audit", "verify").stdout
    assert "verified" in sluice("audit", "verify", "--indexes").stdout


def test_verify_looks_at_the_database_s_own_indexes_where_it_is_asked_to(life: Any) -> None:
    with sqlite3.connect(life.home.ledger) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute(
            "UPDATE sqlite_master SET rootpage = (SELECT sum(rootpage) FROM sqlite_master WHERE name IN (?1, ?2)) "
            "- rootpage WHERE name IN (?1, ?2)",
            ("events_tenant", "events_subject"),
        )
    assert machine("audit", "verify")["ok"]
    value = machine("audit", "verify", "--indexes", code=1)
    assert any("missing from index events_tenant" in problem["what"] for problem in value["problems"])
    assert value["problem_count"] == len(value["problems"])


def test_an_index_that_cannot_be_read_hides_nothing_else(life: Any) -> None:
    tamper(life, "UPDATE payloads SET data = x'00' WHERE idx = 8")
    with sqlite3.connect(life.home.ledger) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'events_trace_id'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with life.home.ledger.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * 64)
    value = machine("audit", "verify", "--indexes", code=1)
    assert [one["index"] for one in value["problems"]][:1] == [8]
    assert any("the indexes cannot be read: the file is damaged" in one["what"] for one in value["problems"])


def audit_all() -> Any:
    from infra.ledger.query import AuditFilter

    return AuditFilter()


def test_verify_exits_1_and_names_the_index(life: Any) -> None:
    tamper(life, """UPDATE events SET entry = CAST(replace(entry, '"acme"', '"evil"') AS BLOB) WHERE idx = 7""")
    value = machine("audit", "verify", code=1)
    assert (value["ok"], value["problem_count"]) == (False, 2)
    assert [problem["index"] for problem in value["problems"]] == [7, None]
    result = sluice("audit", "verify", code=1)
    assert "first at index 7" in result.stdout
    assert "evidence" in result.stderr


def test_verify_sees_a_deleted_release_file(life: Any) -> None:
    next(life.home.releases.glob("*/releases/*.json")).unlink()
    value = machine("audit", "verify", code=1)
    assert [problem["index"] for problem in value["problems"]] == [6]


def test_verify_of_unreadable_entries_is_a_finding_and_no_crash(life: Any) -> None:
    tamper(life, "UPDATE events SET entry = CAST('{}' AS BLOB) WHERE kind = 'release.written'")
    value = machine("audit", "verify", code=1)
    assert 6 in [problem["index"] for problem in value["problems"]]


def test_explain_draws_the_whole_walk(life: Any) -> None:
    result = sluice("explain", "resp-1", "--rows", "2")
    for step in ("answer", "guardrails", "release", "approval", "gate decision", "adapter", "dataset snapshot"):
        assert step in result.stdout
    assert "9 of 9 hash to the digest" in result.stdout and "and 7 more" in result.stdout
    assert life.release.digest.removeprefix("sha256:")[:12] in result.stdout
    assert "checks passed" in result.stdout
    assert result.stderr.splitlines()[-1] == "next: sluice audit show resp-1"


def _verify(folder: Path, key: str) -> subprocess.CompletedProcess[str]:
    """As an auditor does: by the verifier in the folder, with a pinned key."""
    return subprocess.run(
        [sys.executable, folder / "verify.py", folder, "--key", key], capture_output=True, text=True, check=False
    )


def test_a_receipt_verifies_elsewhere_and_names_every_step(life: Any, tmp_path: Path) -> None:
    folder = tmp_path / "receipt"
    result = sluice("explain", "resp-1", "--out", str(folder))
    assert "receipt verified" in result.stdout.replace("\n", " ")
    assert result.stderr.splitlines()[-1].startswith(f"next: sluice explain {folder} --verify")
    (key,) = machine("audit", "key")["keys"]
    checked = _verify(folder, key)
    assert checked.returncode == 0 and "11 steps lead back from resp-1" in checked.stdout
    assert "11 steps" in sluice("explain", str(folder), "--verify", "--key", key).stdout
    assert "11 steps" in sluice("explain", str(folder), "--verify").stdout
    walk = json.loads((folder / "walk.json").read_bytes())
    assert [step["step"] for step in walk["steps"]][-2:] == ["train rows", "test rows"]
    for name in (life.manifest.report, life.release.digest):
        document = folder / "documents" / name.removeprefix("sha256:")
        kept = document.read_bytes()
        document.write_bytes(kept[:-1] + b" }")
        with pytest.raises(CheckFailed, match="is not the file that the manifest names"):
            sluice("explain", str(folder), "--verify", "--key", key)
        document.write_bytes(kept)
    with pytest.raises(BadInput, match="public key"):
        sluice("explain", str(folder), "--verify", "--key", "nonsense+key")


def test_a_walk_that_does_not_hold_has_no_receipt(life: Any, tmp_path: Path) -> None:
    life.blobs.path(life.manifest.report).unlink()
    sluice("explain", "resp-1", "--out", str(tmp_path / "receipt"), "--verify", code=1)
    assert not (tmp_path / "receipt").exists()


def test_explain_checks_its_receipt_without_keeping_it(life: Any) -> None:
    receipt = machine("explain", "resp-1", "--verify")["receipt"]
    assert receipt["folder"] is None and "11 steps lead back from resp-1" in receipt["verified"]
    assert life.ledger.origin in receipt["checkpoint"]


def test_prove_gives_a_proof_that_leads_to_the_signed_root(life: Any) -> None:
    value = machine("audit", "prove", "resp-2")
    assert (value["schema"], value["origin"]) == ("sluice/audit-prove/1", life.ledger.origin)
    assert [json.loads(one["entry"])["event_id"] for one in value["proofs"]] == ["resp-2/admitted", "resp-2/completed"]
    assert all(one["proof"].startswith(f"c2sp.org/tlog-proof@v1\nindex {one['index']}\n") for one in value["proofs"])
    assert "tlog-proof@v1" in sluice("audit", "prove", "8").stdout
    with pytest.raises(BadInput, match="no entry"):
        sluice("audit", "prove", "resp-9")


def test_an_export_verifies_elsewhere_and_is_recorded(life: Any, tmp_path: Path) -> None:
    made = machine("audit", "export", "--from", "2026-01-01", "--tenant", "acme", "--out", str(tmp_path / "one"))
    assert made["entries"] == 6
    checked = _verify(tmp_path / "one", made["keys"][0])
    assert checked.returncode == 0, checked.stderr
    (recorded,) = machine("audit", "query", "--kind", "export")["entries"]
    assert (recorded["event"]["entries"], recorded["event"]["tree_size"]) == (6, made["tree_size"])
    result = sluice("audit", "prove", "resp-1", "--out", str(tmp_path / "two"))
    assert "2 entries" in result.stdout and "next: python " in result.stderr
    assert _verify(tmp_path / "two", made["keys"][0]).returncode == 0
    with pytest.raises(BadInput, match="exists"):
        sluice("audit", "export", "--out", str(tmp_path / "two"))
    assert life.ledger.verify().ok


@pytest.mark.parametrize("article", ["12", "19", "26"])
def test_a_report_says_what_is_recorded_and_what_is_missing(article: str) -> None:
    value = machine("audit", "report", "--article", article)
    assert (value["schema"], value["article"]) == ("sluice/audit-report/1", article)
    headings = [section["heading"] for section in value["sections"]]
    wanted = {"12": "What is recorded by itself", "19": "How long it is kept", "26": "Human oversight"}
    assert wanted[article] in headings and "By whom it can be read" in headings
    rows = {tuple(row) for section in value["sections"] for row in section["rows"]}
    if article == "12":
        assert any(row[:2] == ("request.completed", "3") for row in rows)
    if article == "26":
        assert ("ana", "approved", "a person", "1") in rows and ("blocked", "1") in rows
    assert headings[0] in sluice("audit", "report", "--article", article).stdout


def test_entries_as_files_for_other_programs(tmp_path: Path) -> None:
    import pyarrow.parquet

    rows = list(csv.DictReader(sluice("audit", "query", "--response", "resp-1", "--format", "csv").stdout.splitlines()))
    assert [(row["kind"], row["tenant"]) for row in rows] == [
        ("request.admitted", "acme"),
        ("request.completed", "acme"),
    ]
    assert json.loads(rows[1]["entry"])["event_id"] == "resp-1/completed"
    out = tmp_path / "entries.parquet"
    sluice("audit", "query", "--format", "parquet", "--out", str(out))
    table = pyarrow.parquet.read_table(out)
    assert table.column("index").to_pylist() == list(range(14)) and table.column("version").to_pylist()[0] is None
    for wrong in (["--out", str(out)], []):
        with pytest.raises(BadInput):
            sluice("audit", "query", "--format", "parquet", *wrong)
    assert (
        machine("audit", "query")["entries"]
        == json.loads(sluice("audit", "query", "--format", "json").stdout)["entries"]
    )


def test_sql_asks_the_columns(life: Any) -> None:
    counted = sluice(
        "audit",
        "sql",
        "SELECT outcome, count(*) AS n FROM events WHERE outcome IS NOT NULL GROUP BY 1",
        "--format",
        "json",
    )
    assert {row["outcome"]: row["n"] for row in map(json.loads, counted.stdout.splitlines())} == {
        "answered": 2,
        "blocked": 1,
    }
    assert sluice("audit", "sql", "SELECT kind FROM events LIMIT 1", "--format", "csv").stdout.split() == [
        "kind",
        "stage.finished",
    ]
    assert "injection" in sluice("audit", "sql", "SELECT DISTINCT rule FROM checks").stdout
    with pytest.raises(BadInput, match="one SELECT"):
        sluice("audit", "sql", "DROP TABLE events")


def test_tail_shows_the_newest_and_goes_on(life: Any) -> None:
    shown = sluice("audit", "tail", "-n", "2", "--no-follow").stdout.splitlines()
    assert [line.split()[0] for line in shown] == ["12", "13"] and "request.refused" in shown[-1]
    program = [sys.executable, "-c", "from flows.cli.main import main; main()", "audit", "tail", "-n", "1", "--json"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
        assert running.stdout is not None
        assert json.loads(running.stdout.readline())["index"] == 13
        sluice("audit", "show", "resp-1", "--content")
        assert json.loads(running.stdout.readline())["event"]["kind"] == "content.read"
        running.kill()


def test_reading_what_is_sealed_is_recorded(life: Any) -> None:
    sluice("audit", "show", "resp-1")
    assert machine("audit", "query", "--kind", "content")["entries"] == []
    sluice("audit", "show", "resp-1", "--content")
    (read,) = machine("audit", "query", "--kind", "content")["entries"]
    (index,) = read["event"]["entries"]
    assert life.ledger.get("resp-1/completed").index == index and read["event"]["actor"]


def test_explain_as_json_and_its_exit_code(life: Any) -> None:
    assert machine("explain", "resp-1")["ok"] is True
    life.blobs.path(life.manifest.report).unlink()
    value = machine("explain", "resp-1", code=1)
    assert value["ok"] is False
    result = sluice("explain", "resp-1", code=1)
    assert "does not hold: evaluation report" in result.stdout.replace("\n", " ")
    assert result.stderr.splitlines()[-1] == "next: sluice audit verify"


def test_explain_can_be_called_with_its_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    """`sluice demo` calls it as a function."""
    explain("resp-1")
    assert "checks passed" in capsys.readouterr().out
