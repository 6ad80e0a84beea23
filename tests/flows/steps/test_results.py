"""Results and answers as they are kept: read back whole, and gone with their data subject."""

from __future__ import annotations

import pytest

from flows.steps.results import Answered, AnswerText, put_answers, put_items, read_answers, read_items
from infra.contracts.evaluation import EngineRecord, EvaluationReport, ItemResult, Outcomes, SubjectScores
from infra.contracts.row import SnapshotRow
from infra.digest import Digest, sha256
from infra.home import Home
from infra.ledger.vault import Vault
from infra.stores.blobs import Blobs

TEXTS = ("refund", "", "envío urgente 🚚", "refund")


@pytest.fixture
def blobs(home: Home) -> Blobs:
    return Blobs(home.folder(home.blobs))


@pytest.fixture
def vault(home: Home) -> Vault:
    return Vault.open(home)


def row(i: int) -> SnapshotRow:
    return SnapshotRow(
        row_id=f"r{i}",
        split="test",
        subject=f"sub-{i}",
        language="es",
        text="hola",
        answer="x",
        label="",
        salt="0" * 32,
    )


def answered(i: int, text: str) -> Answered:
    return Answered(f"r{i}", text, "whole", 0.1, 1)


def result(i: int) -> ItemResult:
    return ItemResult(
        row_id=f"r{i}",
        outcome="wrong",
        label="",
        predicted="",
        exact_match=0.0,
        json_valid=None,
        rouge_l=0.1 + 0.2,
        chrf=33.3,
        seconds=0.25,
        output_tokens=3,
        mean_logprob=-0.1,
        answer=sha256(b""),
    )


def report(items: Digest, answers: Digest | None) -> EvaluationReport:
    scores = SubjectScores(
        subject="candidate",
        model=sha256(b"m"),
        metrics=(),
        outcomes=Outcomes(correct=0, wrong=4, truncated=0, error=0),
        items=items,
        answers=answers,
    )
    return EvaluationReport(
        pipeline="p",
        snapshot=sha256(b"s"),
        adapter=sha256(b"a"),
        base_model=sha256(b"b"),
        guardrails=sha256(b"g"),
        engine=EngineRecord(name="scripted", precision="none", version="1"),
        subjects=(scores,),
        differences=(),
    )


def test_results_and_answers_are_read_back_in_their_order(blobs: Blobs, vault: Vault) -> None:
    rows = [row(i) for i in range(len(TEXTS))]
    answers = put_answers(rows, [answered(i, text) for i, text in enumerate(TEXTS)], vault, blobs)
    results = tuple(result(i) for i in range(len(TEXTS)))
    made = report(put_items(results, blobs), answers)
    assert read_items(made, "candidate", blobs) == results
    assert read_answers(made, "candidate", vault, blobs) == tuple(
        AnswerText(f"r{i}", text) for i, text in enumerate(TEXTS)
    )


def test_no_answer_stands_in_the_clear(blobs: Blobs, vault: Vault) -> None:
    digest = put_answers([row(0)], [answered(0, "a very telling answer")], vault, blobs)
    assert b"telling" not in blobs.get(digest)


def test_an_erased_subjects_answer_is_gone_and_the_others_stay(blobs: Blobs, vault: Vault) -> None:
    rows = [row(i) for i in range(len(TEXTS))]
    answers = put_answers(rows, [answered(i, text) for i, text in enumerate(TEXTS)], vault, blobs)
    vault.destroy("sub-2")
    texts = [answer.text for answer in read_answers(report(sha256(b"i"), answers), "candidate", vault, blobs)]
    assert texts == ["refund", "", None, "refund"]


def test_a_subject_that_was_not_evaluated_has_neither(blobs: Blobs, vault: Vault) -> None:
    made = report(sha256(b"i"), None)
    assert read_items(made, "champion", blobs) == ()
    assert read_answers(made, "champion", vault, blobs) == read_answers(made, "candidate", vault, blobs) == ()
