"""Recorded traffic through two policies: what is newly blocked, redacted, flagged, let through; no text unasked."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from flows.cli.policy import app
from infra.contracts.request_events import RequestAdmitted, RequestCompleted
from infra.digest import sha256
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.vault import Vault

OLD = """\
name: old
stream: holdback
input: [{id: mail, detector: pii, options: {entities: [EMAIL_ADDRESS]}, action: redact}]
output: [{id: mail, detector: pii, options: {entities: [EMAIL_ADDRESS, IBAN_CODE]}, action: block}]
"""
NEW = """\
name: new
extends: old.yaml
input:
  - {id: mail, detector: pii, options: {entities: [EMAIL_ADDRESS]}, action: mask}
  - {id: size, detector: size, options: {max_characters: 60}, action: block}
  - {id: card, detector: pii, options: {entities: [CREDIT_CARD]}, action: flag}
output:
  - {id: mail, detector: pii, options: {entities: [EMAIL_ADDRESS, {entity: IBAN_CODE, action: redact}]}, action: flag}
"""
TRAFFIC = {
    "same": ("Where is my order?", "On its way."),
    "longer": ("Where is my order? " * 5, "On its way."),
    "card": ("My card is 4539 1488 0343 6467", "Thank you."),
    "mail": ("I am ana@example.org", "Thank you."),
    "answer": ("Who?", "Write to ana@example.org"),
    "account": ("Which?", "Pay to ES7700730288341496751869"),
}
EXPECTED = {
    ("longer", "input", "blocked"),
    ("card", "input", "flagged"),
    ("mail", "input", "another text"),
    ("answer", "output", "flagged"),
    ("account", "output", "redacted"),
}


def record(home: Home, response_id: str, day: int, text: bytes | None, subject: str = "ana") -> None:
    """One request as the gateway records it."""
    ledger, vault = Ledger.open(home), Vault.open(home)
    at, who = datetime(2026, 11, day, 12, tzinfo=UTC), vault.pseudonym(subject)
    sealed = vault.seal(who, text) if text is not None else None
    same = {"at": at, "pipeline": "desk", "response_id": response_id}
    ledger.append(
        RequestAdmitted(
            event_id=f"{response_id}/admitted",
            tenant="t",
            key_id="k",
            subject=who,
            engine="scripted",
            scripted=True,
            version=0,
            release=None,
            manifest=None,
            guardrails=sha256(b"policy"),
            streamed=False,
            **same,
        )
    )
    ledger.append(
        RequestCompleted(
            event_id=f"{response_id}/completed",
            tenant="t",
            key_id="k",
            subject=who,
            version=0,
            manifest=None,
            guardrails=sha256(b"policy"),
            outcome="answered",
            refusal_rule="",
            checks=(),
            prompt_tokens=1,
            completion_tokens=1,
            seconds=0.1,
            sealed=sha256(sealed) if sealed is not None else None,
            **same,
        ),
        payload=sealed,
    )


def kept(prompt: str, answer: str) -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": prompt}], "answer": answer}).encode()


@pytest.fixture
def place(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two policies, and a home with a week of traffic."""
    monkeypatch.setenv("SLUICE_HOME", str(home.root))
    monkeypatch.setenv("COLUMNS", "200")
    for name, texts in TRAFFIC.items():
        record(home, name, 10, kept(*texts))
    record(home, "blocked-at-the-door", 11, None)
    record(home, "erased", 12, kept("I am ana@example.org", "Hello."), subject="ben")
    Vault.open(home).destroy(Vault.open(home).pseudonym("ben"))
    record(home, "too-early", 1, kept(*TRAFFIC["longer"]))
    (tmp_path / "old.yaml").write_text(OLD, encoding="utf-8")
    (tmp_path / "new.yaml").write_text(NEW, encoding="utf-8")
    return tmp_path


def diff(place: Path, *options: str, days: tuple[str, str] = ("2026-11-02", "2026-11-12")) -> Result:
    command = ["diff", str(place / "old.yaml"), str(place / "new.yaml"), "--from", days[0], "--to", days[1], *options]
    return CliRunner().invoke(app, command, catch_exceptions=False)


def test_every_change_is_listed_by_its_response_and_counted(place: Path) -> None:
    found: dict[str, Any] = json.loads(diff(place, "--json").stdout)
    assert (found["requests"], found["without_text"], found["unreadable"]) == (8, 1, 1)
    changes = {(one["response_id"], one["direction"], one["kind"]) for one in found["changes"]}
    assert changes == EXPECTED
    assert found["counts"]["input"] == {
        "blocked": 1, "redacted": 0, "flagged": 1, "let through": 0, "another text": 1
    }  # fmt: skip
    blocked = next(one for one in found["changes"] if one["kind"] == "blocked")
    assert blocked["old"] == {"verdict": "allow", "rules": []}
    assert blocked["new"] == {"verdict": "block", "rules": ["size"]}
    assert json.loads(diff(place, "--json", "--pipeline", "other").stdout)["requests"] == 0


def test_a_text_is_printed_only_when_it_is_asked_for(place: Path) -> None:
    for options in ((), ("--json",)):
        hidden = diff(place, *options)
        assert "ana@" not in hidden.output and "ES77" not in hidden.output and "longer" in hidden.stdout
        assert "ana@example.org" in diff(place, *options, "--show-text").stdout
    assert "next: sluice audit show" in diff(place).stderr


def test_days_are_days_and_in_order(place: Path) -> None:
    assert json.loads(diff(place, "--json", days=("2026-11-01", "2026-11-01")).stdout)["requests"] == 1
    for days, word in ((("2026-11-02", "2026-11-01"), "before the first"), (("soon", "2026-11-01"), "no day")):
        with pytest.raises(ValueError, match=word):
            diff(place, days=days)
