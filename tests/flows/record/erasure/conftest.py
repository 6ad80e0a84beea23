"""Two people's texts in every store of a home: one is erased, the other one's must open as before."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flows.steps.answer_journal import AnswerJournal
from flows.steps.results import Answered, put_answers
from infra.contracts.adapter import Adapter
from infra.contracts.dataset import DatasetSnapshot
from infra.contracts.evaluation import EngineRecord
from infra.contracts.model_version import ModelVersion
from infra.contracts.request_events import RequestAdmitted, RequestCompleted
from infra.contracts.row import SnapshotRow
from infra.digest import Digest, sha256
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.vault import Vault
from infra.stores.datasets import Datasets
from infra.stores.feedback import FeedbackStore
from infra.stores.quarantine import Quarantine, SetAside

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[3] / "leaks")]

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PIPELINE = "support-triage"


@dataclass(frozen=True)
class Person:
    """A data subject and what only it ever said."""

    identifier: str
    subject: str
    text: str

    def said(self, where: str) -> str:
        """Its text as it was planted in one store."""
        return f"{self.text} in the {where}"


@dataclass(frozen=True)
class Planted:
    """A home with three versions: 11, in force, was trained on rows of `gone`, 12 and the life's own 1 were not."""

    life: Any
    gone: Person
    stays: Person
    taught: DatasetSnapshot
    """What version 11 was trained on: with rows of both."""
    other: DatasetSnapshot
    """What version 12 was trained on: none of `gone`."""
    tested: DatasetSnapshot
    """Nobody's: a row of `gone` to test on."""
    versions: tuple[ModelVersion, ModelVersion]
    answers: Digest
    journal: Path
    rows: dict[str, SnapshotRow]

    @property
    def home(self) -> Home:
        return self.life.home  # type: ignore[no-any-return]


@pytest.fixture
def planted(life: Any) -> Planted:
    """Requests, feedback, quarantine, data sets, an answer journal and evaluated answers of both people."""
    home, vault, ledger, blobs = life.home, life.vault, life.ledger, life.blobs
    gone, stays = (
        Person(name, vault.pseudonym(name), text)
        for name, text in (("zoe@example.com", "a vermilion ocelot"), ("yan@example.com", "a cerulean heron"))
    )
    rows = {person.identifier: _row(person, "train") for person in (gone, stays)}
    nobody = _row(Person("no", "sub-nobody", "nothing at all"), "train")
    test = _row(Person("no", "sub-nobody", "nothing at all"), "test")
    taught = _snapshot(life, [*rows.values(), nobody, test])
    other = _snapshot(life, [rows[stays.identifier], nobody, test])
    tested = _snapshot(life, [nobody, _row(gone, "test")])
    first, second = _version(life, taught, 11), _version(life, other, 12)
    life.serve(first, "resp-11")
    life.releases.put_manifest(second)
    for person in (gone, stays):
        _request(ledger, vault, person)
        FeedbackStore(home, vault).give(
            response_id=f"resp-{person.identifier}",
            pipeline=PIPELINE,
            tenant="acme",
            subject=person.subject,
            rating="down",
            comment=person.said("feedback"),
        )
    aside = [
        (person.subject, SetAside("train", 1, ("text is missing",), person.said("quarantine").encode()))
        for person in (gone, stays)
    ]
    Quarantine(home, vault).write(PIPELINE, "run-1", aside)
    answered = [Answered(row.row_id, f"{row.text} answered", "whole", 0.1, 3) for row in rows.values()]
    answers = put_answers(list(rows.values()), answered, vault, blobs)
    journal = home.folder(home.runs / "answers") / "key.jsonl"
    writing = AnswerJournal(journal, vault)
    writing.begin(EngineRecord(name="scripted", precision="none", version="1"), scores=False)
    for row, one in zip(rows.values(), answered, strict=True):
        writing.add(row, one)
    writing.close()
    return Planted(life, gone, stays, taught, other, tested, (first, second), answers, journal, rows)


def _row(person: Person, split: str) -> SnapshotRow:
    return SnapshotRow(
        row_id=f"row-{person.identifier}-{split}",
        split="train" if split == "train" else "test",
        subject=person.subject,
        language="en",
        text=person.said(f"{split} rows"),
        answer=person.said("answer"),
        label="refund",
        salt=sha256(person.text.encode()).removeprefix("sha256:")[:32],
    )


def _snapshot(life: Any, rows: list[SnapshotRow]) -> DatasetSnapshot:
    with Datasets(life.home, life.blobs, life.vault).writer(PIPELINE) as writer:
        for row in rows:
            writer.add(row)
        splits = writer.publish()
    snapshot = life.snapshot.model_copy(update={"splits": splits})
    _hand_on(life, "dataset", snapshot)
    return snapshot  # type: ignore[no-any-return]


def _version(life: Any, snapshot: DatasetSnapshot, version: int) -> ModelVersion:
    """A version with its own adapter, trained on the snapshot."""
    adapter: Adapter = life.adapter.model_copy(update={"snapshot": snapshot.digest})
    _hand_on(life, "finetune", adapter)
    report = life.report.model_copy(update={"snapshot": snapshot.digest, "adapter": adapter.digest})
    decision = life.decision.model_copy(update={"report": report.digest})
    for contract in (report, decision):
        life.keep(contract)
    parents = {
        "snapshot": snapshot.digest,
        "adapter": adapter.digest,
        "report": report.digest,
        "decision": decision.digest,
    }
    return life.manifest.model_copy(update={"version": version, **parents})  # type: ignore[no-any-return]


def _hand_on(life: Any, stage: str, contract: Any) -> None:
    life.blobs.put(contract.to_json())
    event = life.ledger.get("run/dataset").event
    name = f"run/{stage}/{contract.digest}"
    if life.ledger.get(name) is None:
        life.ledger.append(event.model_copy(update={"event_id": name, "stage": stage, "produced": contract.digest}))


def _request(ledger: Ledger, vault: Vault, person: Person) -> None:
    response_id = f"resp-{person.identifier}"
    first = ledger.get("resp-1/admitted")
    last = ledger.get("resp-1/completed")
    assert first is not None and isinstance(first.event, RequestAdmitted)
    assert last is not None and isinstance(last.event, RequestCompleted)
    sealed = vault.seal(person.subject, person.said("request").encode())
    ours = {"response_id": response_id, "subject": person.subject}
    ledger.append(first.event.model_copy(update={"event_id": f"{response_id}/admitted", **ours}))
    ledger.append(
        last.event.model_copy(update={"event_id": f"{response_id}/completed", "sealed": sha256(sealed), **ours}),
        payload=sealed,
    )
