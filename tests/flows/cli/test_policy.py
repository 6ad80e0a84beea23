"""`sluice policy`: every error at once, examples that must hold, one text with scores, and the policy as it results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from flows.cli.policy import app
from infra.errors import BadInput, ConfigError, PartFailed
from policies.policy import parse_guardrails

POLICY = """\
name: desk
stream: holdback
input:
  - {id: size, detector: size, options: {max_characters: 60}, action: block, message: Too long.}
  - {id: mail, detector: pii, options: {entities: [EMAIL_ADDRESS]}, action: redact}
output: []
examples:
  - {name: mail, direction: input, text: I am ana@example.org, verdict: redact, becomes: I am <EMAIL_ADDRESS>}
"""
WRONG = "  - {name: wrong, direction: input, text: hello, verdict: block, rule: size}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "desk.yaml"
    path.write_text(POLICY, encoding="utf-8")
    return path


def sluice(*arguments: str, code: int = 0, given: str = "") -> Result:
    result = CliRunner().invoke(app, list(arguments), input=given, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def machine(*arguments: str, code: int = 0) -> Any:
    return json.loads(sluice(*arguments, "--json", code=code).stdout)


def test_check_tells_a_good_policy_and_every_error_of_a_bad_one(file: Path) -> None:
    good = machine("check", str(file))
    assert (good["ok"], good["name"], good["problems"]) == (True, "desk", [])
    assert good["digest"] == parse_guardrails(POLICY, source="x").digest
    assert "good. 2 input checks" in sluice("check", str(file)).stdout
    file.write_text(POLICY.replace("redact}", "redcat}").replace("60", "0"), encoding="utf-8")
    bad = machine("check", str(file), code=2)
    assert (bad["ok"], bad["digest"], [one["line"] for one in bad["problems"]]) == (False, None, [4, 5])
    assert all(one["what"] and one["cure"] for one in bad["problems"])
    with pytest.raises(ConfigError, match="2 problems"):
        sluice("check", str(file))


def test_the_examples_decide_the_exit_code(file: Path) -> None:
    assert machine("test", str(file))["ok"] is True
    assert "1 of 1 examples as expected" in sluice("test", str(file)).stderr
    file.write_text(POLICY + WRONG, encoding="utf-8")
    found = machine("test", str(file), code=1)
    assert [one["ok"] for one in found["examples"]] == [True, False]
    assert {"part": "verdict", "expected": "block", "got": "allow"} in found["examples"][1]["differences"]
    told = sluice("test", str(file), code=1).stdout
    assert "verdict: block" in told and "verdict: allow" in told and "differs" in told
    file.write_text(POLICY.partition("examples:")[0], encoding="utf-8")
    with pytest.raises(BadInput, match="no examples"):
        sluice("test", str(file))


def test_try_shows_each_check_with_its_finds_and_what_goes_on(file: Path) -> None:
    found = machine("try", "I am ana@example.org", "--policy", str(file))
    assert (found["verdict"], found["text"], found["rule"]) == ("redact", "I am <EMAIL_ADDRESS>", "")
    size, mail = found["checks"]
    assert (size["rule"], size["verdict"], mail["rule"], mail["verdict"]) == ("size", "allow", "mail", "redact")
    assert mail["spans"] == [{"start": 5, "end": 20, "entity": "EMAIL_ADDRESS"}] and mail["score"] > 0.5
    assert mail["milliseconds"] > 0
    shown = sluice("try", "I am ana@example.org", "--policy", str(file))
    assert "what goes on: I am <EMAIL_ADDRESS>" in shown.stdout
    blocked = sluice("try", "-", "--policy", str(file), given="long " * 30)
    assert "block by size" in blocked.stdout and "the caller is told: Too long." in blocked.stdout
    assert machine("try", "x" * 99, "--policy", str(file))["text"] == ""
    assert machine("try", "I am ana@example.org", "--policy", str(file), "--direction", "output")["checks"] == []
    with pytest.raises(BadInput):
        sluice("try", "x", "--policy", str(file), "--language", "fr")
    with pytest.raises(BadInput):
        sluice("try", "x", "--policy", str(file), "--direction", "up")


def test_try_puts_stand_ins_of_a_new_conversation(file: Path) -> None:
    file.write_text(POLICY.replace("redact}", "pseudonymise}").partition("examples:")[0], encoding="utf-8")
    first, second = (machine("try", "I am ana@example.org", "--policy", str(file))["text"] for _ in range(2))
    assert first.startswith("I am ") and first.count("@") == 1 and "ana@" not in first and first != second


def test_what_a_policy_encrypted_is_opened_by_the_home_that_did_it(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "one"))
    file.write_text(POLICY.replace("redact}", "encrypt}").partition("examples:")[0], encoding="utf-8")
    hidden = machine("try", "I am ana@example.org", "--policy", str(file))["text"]
    assert "<EMAIL_ADDRESS:e." in hidden and "ana" not in hidden
    assert sluice("reveal", hidden).stdout == "I am ana@example.org\n"
    assert sluice("reveal", "-", given=f"{hidden}\n{hidden}").stdout.count("ana@example.org") == 2
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "other"))
    with pytest.raises(PartFailed, match="another key"):
        sluice("reveal", hidden)


def test_show_prints_what_results_and_it_can_be_read_again(file: Path) -> None:
    mine = file.with_name("mine.yaml")
    mine.write_text("name: mine\nextends: desk.yaml\nwithout: [mail]\n", encoding="utf-8")
    shown = parse_guardrails(sluice("show", str(mine)).stdout, source="shown")
    assert ([check.id for check in shown.input], shown.name) == (["size"], "mine")
    value = machine("show", str(mine))
    assert value["digest"] == shown.digest and value["policy"]["name"] == "mine"
    assert parse_guardrails(sluice("show", "default").stdout, source="shown").name == "default"
