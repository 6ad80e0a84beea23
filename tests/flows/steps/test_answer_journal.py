"""The answer journal: what was answered stays, cut off anywhere; what changed, failed or was erased is asked again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.steps.answer_journal import AnswerJournal
from flows.steps.results import Answered
from infra.contracts.evaluation import EngineRecord
from infra.contracts.row import SnapshotRow
from infra.home import Home
from infra.ledger.vault import Vault

ENGINE = EngineRecord(name="scripted", precision="none", version="1")


def row(number: int, text: str = "hello") -> SnapshotRow:
    return SnapshotRow(
        row_id=f"r{number}",
        split="test",
        subject=f"sub-{number}",
        language="en",
        text=text,
        answer="a",
        label="",
        salt=f"{number:032x}",
    )


def answered(number: int, ended: str = "whole") -> Answered:
    return Answered(f"r{number}", f"answer {number} ñ\n", ended, 0.1 + number / 3, number, -1 / 3)  # type: ignore[arg-type]


@pytest.fixture
def vault(home: Home) -> Vault:
    return Vault.open(home)


def written(path: Path, vault: Vault, count: int) -> AnswerJournal:
    journal = AnswerJournal(path, vault)
    journal.begin(ENGINE, scores=True)
    for number in range(count):
        journal.add(row(number), answered(number))
    journal.close()
    return journal


def test_answers_come_back_as_they_were_and_no_text_of_them_is_in_the_file(tmp_path: Path, vault: Vault) -> None:
    journal = written(tmp_path / "j.jsonl", vault, 3)
    known = journal.read([row(0), row(1, "changed"), row(2), row(3)])
    assert known is not None and known.engine == ENGINE and known.scores
    assert known.answers == {row(0).digest: answered(0), row(2).digest: answered(2)}
    assert b"answer" not in (tmp_path / "j.jsonl").read_bytes()
    assert (tmp_path / "j.jsonl").stat().st_mode & 0o777 == 0o600


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(st.integers(0, 2000))
def test_a_file_cut_off_anywhere_keeps_the_whole_lines_and_goes_on(tmp_path: Path, vault: Vault, cut: int) -> None:
    path = tmp_path / "j.jsonl"
    path.unlink(missing_ok=True)
    journal = written(path, vault, 4)
    data = path.read_bytes()[:cut]
    path.write_bytes(data)
    whole = max(0, data.count(b"\n") - 2)  # the first line names the engine, the second is empty
    known = journal.read([row(number) for number in range(4)])
    before = len(known.answers) if known else 0
    assert before >= whole - 1
    journal.begin(ENGINE, scores=True)
    journal.add(row(9), answered(9))
    journal.close()
    after = journal.read([row(number) for number in range(10)])
    assert after is not None and after.answers[row(9).digest] == answered(9)
    assert len(after.answers) == before + 1


def test_an_item_in_error_is_asked_again_and_another_engine_begins_anew(tmp_path: Path, vault: Vault) -> None:
    journal = written(tmp_path / "j.jsonl", vault, 1)
    journal.begin(ENGINE, scores=True)
    journal.add(row(1), answered(1, "error"))
    journal.close()
    known = journal.read([row(0), row(1)])
    assert known is not None and list(known.answers) == [row(0).digest]
    journal.begin(ENGINE.model_copy(update={"version": "2"}), scores=False)
    journal.close()
    known = journal.read([row(0)])
    assert known is not None and known.answers == {} and known.engine.version == "2"


def test_what_was_erased_or_is_no_journal_is_not_known(tmp_path: Path, vault: Vault) -> None:
    journal = written(tmp_path / "j.jsonl", vault, 2)
    vault.destroy("sub-0")
    known = journal.read([row(0), row(1)])
    assert known is not None and list(known.answers) == [row(1).digest]
    (tmp_path / "j.jsonl").write_bytes(b"\xff\x00 nonsense\n[]\n")
    assert journal.read([row(1)]) is None
    journal.forget()
    assert journal.read([row(1)]) is None
