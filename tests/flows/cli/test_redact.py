"""`sluice redact`: copies with their summary, in JSON and as a table; refusals before anything is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from flows.cli.redact import redact
from infra.errors import BadInput

POLICY = """
name: mail
stream: holdback
input:
  - {id: mail, detector: pii, options: {entities: [EMAIL_ADDRESS, ES_NIF]}, action: redact}
output: []
"""


@pytest.fixture
def app() -> typer.Typer:
    """The command alone."""
    made = typer.Typer()
    made.command()(redact)
    return made


@pytest.fixture
def policy(tmp_path: Path) -> str:
    """A policy that needs no model."""
    (tmp_path / "mail.yaml").write_text(POLICY)
    return str(tmp_path / "mail.yaml")


def test_files_are_redacted_and_summed_up(app: typer.Typer, policy: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text\n1,mail ana@example.com\n2,a,b\n")
    (tmp_path / "b.jsonl").write_text('{"text": "DNI 47996692Q, ana@example.com"}\n')
    files = [str(tmp_path / name) for name in ("a.csv", "b.jsonl")]
    arguments = [*files, "--out", str(tmp_path / "out"), "--policy", policy]
    result = CliRunner().invoke(app, [*arguments, "--json"])
    shape = json.loads(result.stdout)
    assert result.exit_code == 2 and shape["processes"] == 1
    first, second = shape["files"]
    assert (first["rows"], first["rejected"], first["finds"]) == (1, 1, {"EMAIL_ADDRESS": 1})
    assert (second["rows"], second["finds"], second["columns"]) == (1, {"EMAIL_ADDRESS": 1, "ES_NIF": 1}, ["text"])
    assert (tmp_path / "out" / "a.csv").read_text() == "id,text\n1,mail <EMAIL_ADDRESS>\n"
    told = [json.loads(line) for line in (tmp_path / "out" / "a.csv.rejected.jsonl").read_text().splitlines()]
    assert told == [{"row": 3, "reason": "3 fields, the header has 2"}]
    assert "every column that holds text" in result.stderr and "a.csv.rejected.jsonl" in result.stderr
    assert isinstance(CliRunner().invoke(app, arguments).exception, BadInput), "nothing is overwritten"
    again = CliRunner().invoke(app, [*arguments, "--force", "--column", "text"])
    assert again.exit_code == 2 and "EMAIL_ADDRESS" in again.stdout and "rows/s" in again.stdout


def test_bad_arguments_are_one_sentence(app: typer.Typer, policy: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\nx\n")
    out = ["--out", str(tmp_path / "out"), "--policy", policy]
    for arguments in (["none.csv"], [str(tmp_path / "a.csv"), "--language", "fr"], ["a.txt"]):
        assert isinstance(CliRunner().invoke(app, [*arguments, *out]).exception, BadInput)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_more_processes_give_the_same_copy(app: typer.Typer, policy: str, tmp_path: Path) -> None:
    lines = [json.dumps({"text": f"row {number} of ana{number}@example.com"}) for number in range(600)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    for count in ("1", "2"):
        arguments = [str(tmp_path / "a.jsonl"), "--out", str(tmp_path / count), "--policy", policy]
        done = CliRunner().invoke(app, [*arguments, "--processes", count, "--json"])
        assert done.exit_code == 0 and json.loads(done.stdout)["processes"] == int(count)
    assert (tmp_path / "1" / "a.jsonl").read_bytes() == (tmp_path / "2" / "a.jsonl").read_bytes()
