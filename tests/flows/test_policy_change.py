"""Changes of policy: signed by a reviewer who may, proven before they count, recorded, and taken back one by one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.desk import ReviewDesk
from flows.policy_change import policy_in_force, put_policy, take_back
from flows.record_check import check_records
from flows.release import complete_records
from flows.review import add_reviewer, approve_and_release
from infra.contracts.lifecycle_events import PolicyPut, PolicyRefused
from infra.contracts.model_version import ModelVersion
from infra.contracts.policy_release import PolicyRelease
from infra.digest import Digest, sha256
from infra.errors import BadInput, CheckFailed, ConfigError, Refused
from infra.ledger.query import AuditFilter

MakeVersion = Callable[..., ModelVersion]
POLICY = """
name: {name}
stream: holdback
input:
  - {{id: size, detector: size, options: {{max_characters: 20}}, action: block, message: Too long.}}
output: []
examples:
  - {{name: long, direction: input, language: en, text: "{text}", verdict: block, rule: size}}
"""


def policy(name: str, text: str = "longer than twenty characters") -> str:
    return POLICY.format(name=name, text=text)


@pytest.fixture
def released(desk: ReviewDesk, make_version: MakeVersion) -> ModelVersion:
    """A version in force."""
    add_reviewer("ana", desk)
    manifest = make_version(desk, 1)
    approve_and_release(manifest, "ana", "looks right", desk)
    return manifest


def put(desk: ReviewDesk, text: str, by: str = "ana", reason: str = "an incident") -> PolicyRelease:
    return put_policy("tickets", text, source="p.yaml", by=by, reason=reason, desk=desk)


def in_force(desk: ReviewDesk) -> Digest:
    current = desk.releases.current("tickets")
    assert current is not None
    return policy_in_force(current, desk).guardrails


def recorded(desk: ReviewDesk) -> list[tuple[int, str]]:
    entries = desk.ledger.query(AuditFilter(kinds=("policy.put",)))
    return [(entry.event.sequence, entry.event.change_kind) for entry in entries if isinstance(entry.event, PolicyPut)]


def test_changes_lie_on_top_of_each_other_and_come_off_one_by_one(desk: ReviewDesk, released: ModelVersion) -> None:
    first, second = policy("first"), policy("second")
    made = put(desk, first)
    assert (made.sequence, made.kind, made.over, made.reviewer) == (1, "put", 1, "ana")
    assert desk.blobs.get(made.guardrails).decode() == first and in_force(desk) == sha256(first.encode())
    assert put(desk, first) == made, "the same again changes nothing"
    assert put(desk, second).previous == made.digest and in_force(desk) == sha256(second.encode())
    for expected in (sha256(first.encode()), released.guardrails):
        assert take_back("tickets", by="ana", reason="over", desk=desk).guardrails == expected == in_force(desk)
    with pytest.raises(BadInput, match="guarded by the policy of its version 1 already"):
        take_back("tickets", by="ana", reason="over", desk=desk)
    assert recorded(desk) == [(1, "put"), (2, "put"), (3, "back"), (4, "back")]
    assert check_records(desk.ledger, desk.releases) == () and desk.ledger.verify().ok


def test_the_next_release_brings_its_own_policy(
    desk: ReviewDesk, released: ModelVersion, make_version: MakeVersion
) -> None:
    put(desk, policy("first"))
    approve_and_release(make_version(desk, 2), "ana", "better", desk)
    assert in_force(desk) == released.guardrails
    with pytest.raises(BadInput, match="version 2 already"):
        take_back("tickets", by="ana", reason="over", desk=desk)
    assert put(desk, policy("first")).over == 2


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("name: [", ConfigError),
        ("name: x\nstream: holdback\ninput: []\n", ConfigError),
        (policy("lying", text="short"), CheckFailed),
    ],
    ids=["not YAML", "a key is missing", "fails its own example"],
)
def test_a_policy_that_does_not_work_is_never_signed(
    desk: ReviewDesk, released: ModelVersion, text: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind) as caught:
        put(desk, text)
    assert "short" not in str(caught.value).replace("Too short", "")
    assert in_force(desk) == released.guardrails and recorded(desk) == []
    assert desk.releases.policies.next_sequence("tickets") == 1


def test_a_policy_that_hashes_uses_the_keys_of_the_desks_home_and_no_other(
    desk: ReviewDesk, released: ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "elsewhere"))
    text = policy("first").replace(
        "output: []", "output:\n  - {id: mail, detector: pii, options: {entities: [EMAIL_ADDRESS]}, action: hash}"
    )
    assert put(desk, text).guardrails == in_force(desk) == sha256(text.encode())
    assert not (tmp_path / "elsewhere").exists()


def test_only_a_reviewer_whom_the_access_policy_lets_decide_may_change_it(
    desk: ReviewDesk, make_version: MakeVersion, tmp_path: Path
) -> None:
    (tmp_path / "access.yaml").write_text("name: strict\nreviewers: [ana]\n")
    for name in ("ana", "eva"):
        add_reviewer(name, desk)
    approve_and_release(make_version(desk, 1), "ana", "looks right", desk)
    with pytest.raises(Refused, match="'eva' may not decide"):
        put(desk, policy("first"), by="eva")
    [refusal] = [entry.event for entry in desk.ledger.query(AuditFilter(kinds=("policy.refused",)))]
    assert isinstance(refusal, PolicyRefused) and "'eva' may not decide" in refusal.reason
    with pytest.raises(BadInput, match="no reviewer 'bob'"):
        put(desk, policy("first"), by="bob")
    with pytest.raises(BadInput, match="needs a reason"):
        put(desk, policy("first"), reason=" ")
    assert recorded(desk) == []


def test_without_a_release_there_is_nothing_to_guard(desk: ReviewDesk) -> None:
    add_reviewer("ana", desk)
    with pytest.raises(BadInput, match="no release in force to guard"):
        put(desk, policy("first"))


def test_the_ledger_and_the_files_are_held_against_each_other(desk: ReviewDesk, released: ModelVersion) -> None:
    made = put(desk, policy("first"))
    path = next(desk.settings.home.releases.glob("tickets/policies/*.json"))
    signed = path.read_bytes()
    path.unlink()
    [problem] = check_records(desk.ledger, desk.releases)
    assert problem.what == "the file of change 1 of the policy of tickets is missing or does not verify"
    path.write_bytes(signed)
    second = made.model_copy(update={"sequence": 2})
    from infra.stores.reviewers import Reviewers

    desk.releases.policies.put(second, Reviewers(desk.settings.home).signer("ana"))
    [problem] = check_records(desk.ledger, desk.releases)
    assert "never recorded" in problem.what
    complete_records("tickets", desk)
    assert check_records(desk.ledger, desk.releases) == ()


def test_the_command_says_what_it_did_and_how_it_is_taken_back(
    desk: ReviewDesk, released: ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.cli.policy import app

    monkeypatch.setenv("SLUICE_HOME", str(desk.settings.home.root))
    file = tmp_path / "p.yaml"
    file.write_text(policy("first"))
    runner = CliRunner()
    done = runner.invoke(app, ["put", "tickets", str(file), "--by", "ana", "--reason", "an incident", "--json"])
    assert done.exit_code == 0 and "put tickets --back --by ana" in done.stderr
    shape = json.loads(done.stdout)
    assert (shape["schema"], shape["change"]["sequence"]) == ("sluice/policy-put/1", 1)
    [change] = desk.releases.policies.history("tickets")
    assert (shape["digest"], shape["change"]["guardrails"]) == (change.digest, in_force(desk))
    assert runner.invoke(app, ["put", "tickets", "--back", "--by", "ana", "--reason", "over"]).exit_code == 0
    assert isinstance(runner.invoke(app, ["put", "tickets", "--by", "ana"]).exception, BadInput)
    assert isinstance(runner.invoke(app, ["put", "tickets", str(file)]).exception, BadInput)
