"""Erasure: no file of the home yields the subject's text any more, with the present master key in hand either.

What is somebody else's opens as before, everything verifies, and what was made of the subject's rows is named.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import search as leaks
import thief
from planted_forms import Planted as Form
from recorded import assert_whole, events

from flows.erasure import erase, look, pseudonym_of
from flows.provenance import trace
from flows.receipt import write_receipt
from flows.steps.answer_journal import AnswerJournal
from flows.steps.redact_rows import RedactedRow
from flows.steps.results import read_answers
from flows.steps.seal_rows import snapshot_rows
from flows.trained_on import quarantine_commands
from infra.account import account
from infra.contracts.record_events import ErasureRefused, KeyChanged, SubjectErased
from infra.errors import BadInput, Refused, StoreError
from infra.home import Home
from infra.ledger.bundle import check_bundle
from infra.ledger.holds import place_hold, release_hold
from infra.ledger.rewrap import masters
from infra.ledger.vault import Vault
from infra.stores.datasets import Datasets
from infra.stores.feedback import FeedbackStore
from infra.stores.quarantine import Quarantine
from policies.expectations.rows import Place, RawRow, judge

_WHERE = ("request", "feedback", "quarantine", "train rows", "test rows", "answer")
_PIPELINE = "support-triage"


def _master(home: Home) -> bytes:
    return (home.keys / "master.key").read_bytes()


def _stolen(root: Path, master: bytes, subject: str, text: str) -> set[str]:
    """Where the subject's texts were found: what the thief could open with this master key."""
    found = set()
    lying = list(thief.pieces(root))
    keys = thief.keys_in((data for data in lying if len(data) < 1 << 20), master, subject)
    for opened in thief.texts_in(lying, keys):
        read = [opened, *thief.decoded(opened)]
        found |= {where for where in _WHERE if any(f"{text} in the {where}".encode() in one for one in read)}
    return found


@pytest.mark.timeout(300)
def test_no_file_yields_the_text_with_the_present_master_in_hand(planted: Any, tmp_path: Path) -> None:
    home, gone, stays = planted.home, planted.gone, planted.stays
    old_master, before = _master(home), tmp_path / "before"
    for name in ("ledger", "datasets", "quarantine", "gateway", "blobs", "runs"):
        shutil.copytree(home.root / name, before / name)
    # The thief finds everything while it is there: else all that follows would show nothing.
    assert _stolen(home.root, old_master, gone.subject, gone.text) == set(_WHERE)
    done = erase(gone.subject, home)
    assert done.keys == 1 and not done.earlier
    master, log = _master(home), home.vault.with_name("vault.sqlite-wal")
    assert master != old_master and (not log.exists() or log.stat().st_size == 0)
    assert _stolen(home.root, master, gone.subject, gone.text) == set()
    assert _stolen(home.root, master, stays.subject, stays.text) >= {"request", "feedback", "quarantine", "train rows"}
    # An older copy of the vault, laid beside the sealed texts as they still are: the new master opens none of it.
    assert _stolen(before, master, gone.subject, gone.text) == set()
    assert _stolen(before, old_master, gone.subject, gone.text) != set(), "only who kept the old master opens it"
    assert not any(old_master in data for data in thief.pieces(home.root)), "which is nowhere in the home"
    _no_key_lies_in_the_clear(home, planted)
    report = leaks.search(home.root, (Form("gone", gone.text), Form("stays", stays.text), Form("id", gone.identifier)))
    assert {one.label for one in report.findings} <= {"id"} and not report.unread, str(report)


def _no_key_lies_in_the_clear(home: Home, planted: Any) -> None:
    entry = planted.life.ledger.get(f"resp-{planted.gone.identifier}/completed")
    sealed = planted.life.ledger.payload(entry)
    for folder in (home.keys, home.vault.parent):
        for path in folder.rglob("*"):
            if path.is_file():
                # The first block is enough to tell a key: its beginning is known.
                pieces = thief.stretches(path.read_bytes())
                assert not any(thief.opens(key, sealed, planted.gone.subject) for key in pieces), path


def test_what_is_not_the_subjects_opens_as_before(planted: Any) -> None:
    home, gone, stays = planted.home, planted.gone, planted.stays
    erase(gone.subject, home)
    for vault in (planted.life.vault, Vault.open(home)):  # one that was open all the time, and a new one
        texts = {}
        for person in (gone, stays):
            entry = planted.life.ledger.get(f"resp-{person.identifier}/completed")
            (texts[person.identifier],) = vault.unseal_each([(person.subject, planted.life.ledger.payload(entry))])
        assert texts == {gone.identifier: None, stays.identifier: stays.said("request").encode()}
    vault = Vault.open(home)
    feedback = FeedbackStore(home, vault)
    (mine,) = feedback.of_response(f"resp-{stays.identifier}")
    (lost,) = feedback.of_response(f"resp-{gone.identifier}")
    assert feedback.comment(mine) == stays.said("feedback")
    with pytest.raises(StoreError, match="destroyed"):
        feedback.comment(lost)
    with pytest.raises(StoreError, match="destroyed"):
        list(Quarantine(home, vault).read(_PIPELINE, "run-1"))
    journal = AnswerJournal(planted.journal, vault).read(list(planted.rows.values()))
    assert journal is not None
    assert list(journal.answers) == [planted.rows[stays.identifier].digest]
    report = planted.life.report.model_copy(
        update={"subjects": (planted.life.report.subjects[0].model_copy(update={"answers": planted.answers}),)}
    )
    assert [one.text for one in read_answers(report, "candidate", vault, planted.life.blobs)] == [
        None,
        f"{planted.rows[stays.identifier].text} answered",
    ]


def test_data_sets_keep_a_tombstone_and_every_digest(planted: Any) -> None:
    home, life = planted.home, planted.life
    erase(planted.gone.subject, home)
    datasets = Datasets(home, life.blobs, Vault.open(home))
    rows = list(datasets.each(planted.taught, "train"))
    assert [row and row.subject for row in rows] == [None, planted.stays.subject, "sub-nobody"]
    assert len(datasets.manifest(planted.taught, "train").rows) == 3
    with pytest.raises(StoreError, match="destroyed"):
        list(datasets.rows(planted.taught, "train"))
    with pytest.raises(StoreError, match=r"(?s)1 rows of a snapshot were erased.*sluice retrain"):
        datasets.check(planted.taught)  # a retraining makes a new one and does not use it again
    datasets.check(planted.other)
    path = datasets.file(planted.taught, planted.taught.split("train"))
    lines = path.read_bytes().splitlines(keepends=True)
    for changed in ([*lines[1:], lines[0]], lines[1:], [*lines, lines[0]]):
        path.write_bytes(b"".join(changed))
        with pytest.raises(StoreError, match=r"not the one that the manifest names|fewer rows"):
            list(datasets.each(planted.taught, "train"))


def test_the_record_verifies_and_explains_itself(planted: Any, tmp_path: Path) -> None:
    home, life = planted.home, planted.life
    done = erase(planted.gone.subject, home)
    assert_whole(home)
    for response_id in ("resp-11", "resp-1", f"resp-{planted.gone.identifier}"):
        found = trace(response_id, life.archive)
        assert found.ok, found.failures
    found = trace("resp-11", life.archive)
    (rows,) = [one for one in found.rows if one.split == "train"]
    assert (rows.rows, rows.verified, rows.erased) == (3, 2, 1)
    details = [check.detail for step in found.steps for check in step.checks if check.detail]
    assert details == ["1 of 3 were erased: nobody can read them any more"]
    write_receipt(found, life.archive, tmp_path / "receipt")
    check_bundle(tmp_path / "receipt", life.ledger.keys)
    (event,) = events(home, "subject.erased")
    assert isinstance(event, SubjectErased)
    assert (event.actor, event.subject, event.generation, event.keys) == (account(), planted.gone.subject, 1, 1)
    assert event.snapshots == tuple(one.digest for one in done.found.snapshots)
    assert event.versions == (planted.versions[0].digest,) and event.left_out == 0
    assert event.master == done.master == masters(home)[-1].id
    changed = [one for one in events(home, "key.changed") if isinstance(one, KeyChanged) and one.purpose == "master"]
    assert [(one.action, one.key_id) for one in changed] == [
        ("created", masters(home)[1].id),
        ("revoked", masters(home)[0].id),
    ]


def test_a_guess_of_its_text_cannot_be_held_against_the_digests_any_more(planted: Any) -> None:
    """With every key that is left: ids and salts of its rows hung on the key that is gone."""
    life, kept = planted.life, []
    raws = [
        RawRow(Place("train", line), "guessed", "a", label="a", subject=name)
        for line, name in enumerate((planted.gone.identifier, planted.stays.identifier, ""), start=1)
    ]
    clean = judge(raws, [()] * 3, lambda _: "en").clean
    rows = [RedactedRow(one, one.text, one.answer, one.label, (), ()) for one in clean]
    for vault in (life.vault, Vault.open(planted.home)):
        kept.append(list(snapshot_rows(_PIPELINE, "train", rows, vault)))
    assert kept[0] == kept[1]
    erase(planted.gone.subject, planted.home)
    after = list(snapshot_rows(_PIPELINE, "train", rows, Vault.open(planted.home)))
    same = [(one.row_id == old.row_id, one.salt == old.salt) for one, old in zip(after, kept[0], strict=True)]
    assert same == [(False, False), (True, True), (True, True)]
    assert after[0].subject == kept[0][0].subject == planted.gone.subject


def test_exactly_what_was_made_of_its_rows_is_reported(planted: Any) -> None:
    before = look(planted.gone.subject, planted.home)
    after = erase(planted.gone.subject, planted.home)
    for done in (before, after, erase(planted.gone.subject, planted.home)):
        assert {(one.digest, one.train, one.test) for one in done.found.snapshots} == {
            (planted.taught.digest, 1, 0),
            (planted.tested.digest, 0, 1),
        }
        assert [(one.version, one.in_force, one.rejected) for one in done.found.versions] == [(11, True, False)]
        assert done.found.adapters == (planted.versions[0].adapter,) and done.found.unknown == ()
    both = erase(planted.stays.subject, planted.home)
    assert [one.version for one in both.found.versions] == [11, 12]
    assert {one.digest for one in both.found.snapshots} == {planted.taught.digest, planted.other.digest}
    nobodys = look(planted.life.vault.pseudonym("person 1"), planted.home)
    assert [one.version for one in nobodys.found.versions] == [1]


def test_the_commands_take_the_versions_out_of_service(planted: Any) -> None:
    releases = planted.life.releases
    reason = "'trained on rows of a data subject that was erased'"
    one = erase(planted.gone.subject, planted.home)
    assert quarantine_commands(one.found.versions, releases) == (
        f"sluice release rollback support-triage --to 1 --reason {reason}",
        f"sluice review reject support-triage 11 --by NAME --reason {reason}",
    )
    both = erase(planted.stays.subject, planted.home)
    assert quarantine_commands(both.found.versions, releases) == (
        f"sluice review reject support-triage 12 --by NAME --reason {reason}",
        f"sluice release rollback support-triage --to 1 --reason {reason}",
        f"sluice review reject support-triage 11 --by NAME --reason {reason}",
    )
    first = look(planted.life.vault.pseudonym("person 1"), planted.home)
    assert quarantine_commands(first.found.versions, releases) == (
        f"sluice review reject support-triage 1 --by NAME --reason {reason}",
    )


def test_rows_that_are_not_here_are_said_to_be_unknown(planted: Any) -> None:
    next(planted.home.datasets.rglob(f"{planted.other.splits[0].manifest.removeprefix('sha256:')}.rows")).unlink()
    done = erase(planted.gone.subject, planted.home)
    assert done.found.unknown == (planted.other.digest,)
    assert [one.version for one in done.found.versions] == [11]


def test_a_hold_refuses_it_and_the_refusal_is_recorded(planted: Any) -> None:
    home, gone, ledger = planted.home, planted.gone, planted.life.ledger
    one = place_hold(home, ledger, subject=gone.subject, since=None, until=None, reason="case 7")
    two = place_hold(home, ledger, subject="", since=None, until=None, reason="case 8")
    place_hold(home, ledger, subject=planted.stays.subject, since=None, until=None, reason="case 9")
    kept, asked = home.vault.read_bytes(), list[str]()
    with pytest.raises(Refused, match=f"{one.id}, {two.id}.*nothing was erased"):
        erase(gone.subject, home, forgetters=[asked.append])
    assert asked == [] and home.vault.read_bytes() == kept and len(masters(home)) == 1
    (event,) = events(home, "erasure.refused")
    assert isinstance(event, ErasureRefused)
    assert (event.subject, event.holds, event.actor) == (gone.subject, (one.id, two.id), account())
    for hold in (one, two):
        release_hold(ledger, hold.id)
    assert erase(gone.subject, home, forgetters=[asked.append]).keys == 1
    assert asked == [gone.subject]
    assert_whole(home)


def test_a_hold_that_ended_before_anything_was_kept_does_not_cover_it(planted: Any) -> None:
    from datetime import UTC, datetime

    old = datetime(2020, 1, 1, tzinfo=UTC)
    place_hold(planted.home, planted.life.ledger, subject="", since=None, until=old, reason="an old case")
    assert erase(planted.gone.subject, planted.home).keys == 1


def test_a_second_run_says_that_it_was_erased_and_later_texts_can_be_erased_again(planted: Any) -> None:
    home, gone = planted.home, planted.gone
    erase(gone.subject, home)
    again = erase(gone.subject, home)
    assert (again.earlier, again.keys) == (True, 0) and len(masters(home)) == 2
    assert look(gone.subject, home).earlier
    assert len(events(home, "subject.erased")) == 1
    planted.life.vault.seal(gone.subject, b"something new")
    more = erase(gone.subject, home)
    assert (more.earlier, more.keys) == (False, 1) and len(masters(home)) == 3
    assert [(event.generation, event.keys) for event in events(home, "subject.erased")] == [(1, 1), (2, 1)]
    assert erase(gone.subject, home).earlier


def test_a_key_that_was_destroyed_without_its_master_is_finished(planted: Any) -> None:
    planted.life.vault.destroy(planted.gone.subject)
    done = erase(planted.gone.subject, planted.home)
    assert (done.earlier, done.keys) == (False, 1) and len(masters(planted.home)) == 2


def test_who_is_not_here_is_not_erased(planted: Any) -> None:
    with pytest.raises(BadInput, match="nothing of this data subject is here"):
        erase(planted.life.vault.pseudonym("mistyped@example.com"), planted.home)
    assert len(masters(planted.home)) == 1 and events(planted.home, "subject") == []


def test_a_subject_of_whom_nothing_was_sealed_is_recorded(planted: Any) -> None:
    life, subject = planted.life, planted.life.vault.pseudonym("quiet@example.com")
    admitted = life.ledger.get("resp-1/admitted").event
    life.ledger.append(admitted.model_copy(update={"event_id": "q", "response_id": "resp-q", "subject": subject}))
    done = erase(subject, planted.home)
    assert (done.keys, done.earlier) == (0, False) and len(masters(planted.home)) == 1
    assert erase(subject, planted.home).earlier
    life.ledger.append(admitted.model_copy(update={"event_id": "q2", "response_id": "resp-q2", "subject": subject}))
    assert not erase(subject, planted.home).earlier


def test_an_identifier_or_a_pseudonym(planted: Any) -> None:
    vault = planted.life.vault
    assert pseudonym_of(planted.gone.identifier, vault) == planted.gone.subject
    assert pseudonym_of(planted.gone.subject, vault) == planted.gone.subject
    assert pseudonym_of("row-" + "a" * 24, vault) == "row-" + "a" * 24
    for name in ("sub-7", "sub-" + "g" * 32, "row-1", planted.gone.subject + "\n"):
        assert pseudonym_of(name, vault) == vault.pseudonym(name)
