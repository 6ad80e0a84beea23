"""The walk from an answer to the row digests: complete where all holds, and precise where something does not."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from flows.provenance import trace
from flows.provenance_record import Provenance
from flows.record_check import check_records
from infra.contracts.gate import GateVerdict
from infra.contracts.model_version import ModelVersion
from infra.contracts.row import SnapshotRow
from infra.digest import sha256
from infra.errors import BadInput
from infra.signing import Signer

STEPS = [
    "answer",
    "guardrails",
    "release",
    "approval",
    "model version",
    "gate decision",
    "evaluation report",
    "adapter",
    "dataset snapshot",
]


def names(found: Provenance) -> list[str]:
    return [step.step for step in found.steps]


def test_an_answer_walks_back_to_its_rows(life: Any) -> None:
    found = trace("resp-1", life.archive, rows_shown=2)
    assert (names(found), found.ok, found.failures) == (STEPS, True, ())
    digests = {step.step: step.digest for step in found.steps}
    assert digests == {
        "answer": life.ledger.get("resp-1/completed").leaf,
        "guardrails": life.manifest.guardrails,
        "release": life.release.digest,
        "approval": life.approval.digest,
        "model version": life.manifest.digest,
        "gate decision": life.decision.digest,
        "evaluation report": life.report.digest,
        "adapter": life.adapter.digest,
        "dataset snapshot": life.snapshot.digest,
    }
    assert [(rows.split, rows.rows, rows.verified, len(rows.shown)) for rows in found.rows] == [
        ("train", 9, 9, 2),
        ("test", 3, 3, 2),
    ]
    assert all(step.ledger_index is not None for step in found.steps if step.step != "guardrails")
    assert all(step.checks for step in found.steps)


def test_the_rows_that_are_shown_are_what_the_snapshot_holds(life: Any) -> None:
    found = trace("resp-1", life.archive, rows_shown=100)
    for rows in found.rows:
        kept: list[SnapshotRow] = list(life.archive.datasets.rows(life.snapshot, rows.split))
        assert [(row.row_id, row.digest) for row in kept] == [(row.row_id, row.digest) for row in rows.shown]


def test_the_json_is_the_documented_shape(life: Any) -> None:
    value = json.loads(json.dumps(trace("resp-1", life.archive, rows_shown=1).to_json()))
    assert set(value) == {"schema", "response_id", "ok", "steps", "rows"}
    assert (value["schema"], value["response_id"], value["ok"]) == ("sluice/provenance/1", "resp-1", True)
    for step in value["steps"]:
        assert set(step) == {"step", "digest", "facts", "ledger_index", "checks"}
        assert all(set(check) == {"check", "ok", "detail"} for check in step["checks"])
        assert all(isinstance(fact, str) for fact in step["facts"].values())
    assert [set(rows) for rows in value["rows"]] == [{"split", "manifest", "rows", "verified", "shown"}] * 2
    assert set(value["rows"][0]["shown"][0]) == {"row_id", "digest"}
    assert "secret text" not in json.dumps(value) and "log in" not in json.dumps(value)


def test_a_blocked_answer_names_its_rule(life: Any) -> None:
    found = trace("resp-2", life.archive)
    facts = {fact.name: fact.value for fact in found.steps[0].facts}
    assert facts["outcome"] == "blocked by injection"
    assert found.ok and names(found) == STEPS


def test_a_dry_run_and_a_refusal_have_no_model_behind_them(life: Any) -> None:
    dry, refused = trace("resp-4", life.archive), trace("resp-3", life.archive)
    assert (names(dry), dry.ok) == (["answer", "guardrails"], True)
    assert any("dry run" in fact.value for fact in dry.steps[0].facts)
    assert (names(refused), refused.ok) == (["answer"], True)
    assert {fact.name: fact.value for fact in refused.steps[0].facts}["code"] == "invalid_api_key"


@pytest.mark.parametrize("unknown", ["", "resp-9", "run/gate"])
def test_an_unknown_id_is_bad_input(life: Any, unknown: str) -> None:
    with pytest.raises(BadInput, match="no request"):
        trace(unknown, life.archive)


def _spoil_blob(digest_of: Callable[[Any], str]) -> Callable[[Any], None]:
    return lambda life: life.blobs.path(digest_of(life)).write_bytes(b"spoilt")


def _edit_ledger(statement: str) -> Callable[[Any], None]:
    def edit(life: Any) -> None:
        with sqlite3.connect(life.home.ledger) as connection:
            for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {trigger}")
            connection.execute(statement)

    return edit


def _spoil_rows(life: Any) -> None:
    path = next(life.home.datasets.rglob("*.rows"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[1:], lines[0]]))


def _remove(pattern: str) -> Callable[[Any], None]:
    return lambda life: next(life.home.root.glob(pattern)).unlink()


def _resign_release(life: Any) -> None:
    stranger = Signer.load_or_create(life.home.root / "stranger.key")
    path = next(life.home.releases.glob("*/releases/*.json"))
    path.write_bytes(stranger.sign(life.release).to_json())


_SPOIL: dict[str, tuple[Callable[[Any], None], str]] = {
    "adapter weights": (_spoil_blob(lambda life: life.adapter.files[0].digest), "adapter"),
    "adapter": (_spoil_blob(lambda life: life.manifest.adapter), "adapter"),
    "decision": (_spoil_blob(lambda life: life.manifest.decision), "gate decision"),
    "report": (_spoil_blob(lambda life: life.manifest.report), "evaluation report"),
    "snapshot": (_spoil_blob(lambda life: life.manifest.snapshot), "dataset snapshot"),
    "row manifest": (_spoil_blob(lambda life: life.snapshot.splits[0].manifest), "dataset snapshot"),
    "guardrails": (_spoil_blob(lambda life: life.manifest.guardrails), "guardrails"),
    "rows out of order": (_spoil_rows, "dataset snapshot"),
    "rows gone": (_remove("datasets/*/*.rows"), "dataset snapshot"),
    "manifest gone": (_remove("releases/*/manifests/*.json"), "model version"),
    "approval gone": (_remove("releases/*/approvals/*/*.json"), "release"),
    "release gone": (_remove("releases/*/releases/*.json"), "release"),
    "release by a stranger": (_resign_release, "release"),
    "reviewer no longer trusted": (_remove("keys/reviewers/ana.pub"), "approval"),
    "payload changed": (_edit_ledger("UPDATE payloads SET data = x'00'"), "answer"),
    "leaves changed": (_edit_ledger("UPDATE events SET leaf = zeroblob(32)"), "answer"),
    "gate never recorded": (_edit_ledger("DELETE FROM events WHERE event_id = 'run/gate'"), "gate decision"),
    "release never recorded": (_edit_ledger("DELETE FROM events WHERE kind = 'release.written'"), "release"),
    "review never recorded": (_edit_ledger("DELETE FROM events WHERE kind = 'review.decided'"), "approval"),
}


@pytest.mark.parametrize(("spoil", "step"), _SPOIL.values(), ids=_SPOIL.keys())
def test_what_does_not_hold_is_named_at_its_step(life: Any, spoil: Callable[[Any], None], step: str) -> None:
    spoil(life)
    found = trace("resp-1", life.archive)
    broken = {one.step for one in found.steps if not one.ok}
    assert not found.ok
    assert step in broken
    assert any(failure.startswith(f"{step}: ") for failure in found.failures)
    assert "secret text" not in json.dumps(found.to_json())


_OTHER = sha256(b"another")


def _behind(life: Any, **changes: object) -> ModelVersion:
    """Another version of which one thing does not fit; everything is stored, signed and recorded as it should be."""
    made = life.manifest.model_copy(update={"version": 2, **changes})
    assert isinstance(made, ModelVersion)
    return made


_MISFITS: dict[str, tuple[Callable[[Any], ModelVersion], str]] = {
    "a report of another adapter": (
        lambda life: _behind(life, report=life.keep(life.report.model_copy(update={"adapter": _OTHER}))),
        "evaluation report: evaluates the manifest's adapter",
    ),
    "a report on another snapshot": (
        lambda life: _behind(life, report=life.keep(life.report.model_copy(update={"snapshot": _OTHER}))),
        "evaluation report: on the manifest's snapshot",
    ),
    "a report under other guardrails": (
        lambda life: _behind(life, report=life.keep(life.report.model_copy(update={"guardrails": _OTHER}))),
        "evaluation report: under the manifest's guardrails",
    ),
    "a decision over another report": (
        lambda life: _behind(life, decision=life.keep(life.decision.model_copy(update={"report": _OTHER}))),
        "gate decision: decides over the manifest's report",
    ),
    "a NO_GO": (
        lambda life: _behind(life, decision=life.keep(life.decision.model_copy(update={"verdict": GateVerdict.NO_GO}))),
        "gate decision: the verdict is GO",
    ),
    "an adapter of another snapshot": (
        lambda life: _behind(life, adapter=life.keep(life.adapter.model_copy(update={"snapshot": _OTHER}))),
        "adapter: trained on the manifest's snapshot",
    ),
    "an adapter for another base model": (
        lambda life: _behind(life, adapter=life.keep(life.adapter.model_copy(update={"base_model": _OTHER}))),
        "adapter: for the manifest's base model",
    ),
    "a snapshot of another pipeline": (
        lambda life: _behind(life, snapshot=life.keep(life.snapshot.model_copy(update={"pipeline": "banking77"}))),
        "dataset snapshot: of the same pipeline",
    ),
}


@pytest.mark.parametrize(("misfit", "failure"), _MISFITS.values(), ids=_MISFITS.keys())
def test_parts_that_do_not_belong_together_are_named(
    life: Any, misfit: Callable[[Any], ModelVersion], failure: str
) -> None:
    life.serve(misfit(life), "resp-x")
    found = trace("resp-x", life.archive)
    assert any(one.startswith(failure) for one in found.failures)
    assert not any(one.startswith(("answer", "release", "approval", "model version")) for one in found.failures)


@pytest.mark.parametrize(
    ("record", "failure"),
    [
        ({"manifest": "first"}, "release: names the manifest that the answer names"),
        ({"version": 7}, "model version: is the version that the answer names"),
        ({"guardrails": sha256(b"others")}, "guardrails: is the policy that the version was evaluated under"),
        ({"manifest": None}, "model version: is there"),
        ({"release": None}, "release: is there"),
        ({"pipeline": "banking77"}, "release: of the same pipeline"),
    ],
)
def test_a_record_that_names_something_else_is_named(life: Any, record: dict[str, Any], failure: str) -> None:
    if record.get("manifest") == "first":
        record = {"manifest": life.manifest.digest}
    life.serve(_behind(life), "resp-x", **record)
    assert any(one.startswith(failure) for one in trace("resp-x", life.archive).failures)


def test_ledger_and_release_files_agree(life: Any) -> None:
    assert check_records(life.ledger, life.releases) == ()


def test_a_deleted_release_or_decision_is_seen_from_the_ledger(life: Any) -> None:
    _remove("releases/*/releases/*.json")(life)
    _remove("releases/*/approvals/*/*.json")(life)
    found = check_records(life.ledger, life.releases)
    released, decided = (
        life.ledger.get(f"release/{life.release.digest}"),
        life.ledger.get(f"review/{life.approval.digest}"),
    )
    assert {problem.index for problem in found} == {released.index, decided.index}


def test_a_release_that_was_never_recorded_is_seen(life: Any) -> None:
    with life.releases.allocate("support-triage") as slot:
        life.releases.put_release(
            life.release.model_copy(update={"sequence": slot.sequence, "previous": slot.previous, "kind": "rollback"})
        )
    found = check_records(life.ledger, life.releases)
    assert [(problem.index, "never recorded" in problem.what) for problem in found] == [(None, True)]
