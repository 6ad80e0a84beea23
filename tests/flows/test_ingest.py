"""The dataset stage, whole: from a source to a snapshot that holds what it says."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from flows.ingest import IngestFindings, ingest
from flows.pipeline import Pipeline, read_pipeline
from flows.progress import Silent
from flows.steps.tickets.generate import COLUMNS, make_tickets
from flows.workshop import Workshop
from infra.contracts.base import Contract
from infra.contracts.dataset import DatasetSnapshot
from infra.errors import BadInput, CheckFailed
from infra.home import Home
from infra.ledger.query import AuditFilter
from infra.settings import read_settings
from infra.stores.quarantine import Quarantine

MAIL = re.compile(r"[\w.]+@[\w.]+")
OpenShop = Callable[..., Workshop]
LONG = "my parcel with the desk lamp was due last monday and it never came so please tell me where my order is now"


class NoRules(Contract):
    """A policy without rules."""

    schema_id: ClassVar[str] = "test/policy/1"


@dataclass(frozen=True)
class Hit:
    start: int
    end: int
    entity: str = "EMAIL_ADDRESS"


@dataclass(frozen=True)
class Hidden:
    text: str
    spans: tuple[Hit, ...]


class MailOnly:
    """Redacts e-mail addresses: enough where the test is not about detectors, and there in no time."""

    policy = NoRules()

    def redact_rows(self, texts: Sequence[str], languages: Sequence[str]) -> list[Hidden]:
        hits = [tuple(Hit(*hit.span()) for hit in MAIL.finditer(text)) for text in texts]
        return [Hidden(MAIL.sub("<EMAIL_ADDRESS>", text), found) for text, found in zip(texts, hits, strict=True)]


@pytest.fixture
def open_shop(home: Home) -> OpenShop:
    def make(run_id: str = "run-1") -> Workshop:
        settings = read_settings({"SLUICE_HOME": str(home.root)})
        return Workshop.open(settings, run_id=run_id, progress=Silent(), mlflow_url="")

    return make


def run(pipeline: Pipeline, shop: Workshop) -> IngestFindings:
    return ingest(pipeline, shop, redactor=MailOnly())


def small(tmp_path: Path, *, whole: str = "", **data: str) -> Pipeline:
    """A pipeline over files, with a suite of its own."""
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        "name: small\nmostly: 0.5\nrows:\n"
        "  - {id: not-blank, column: text, expect: matches, pattern: '\\S'}\n"
        "  - {id: known, column: label, expect: in_set, values: [a, b]}\n"
        f"whole: [{whole}]\n"
    )
    file = tmp_path / "small.yaml"
    file.write_text(
        "name: small\ndescription: small\n"
        f"data: {json.dumps({'kind': 'files', 'expectations': str(suite), 'language': 'en', **data})}\n"
        "prompt: {system: x, answer_format: text, max_new_tokens: 4}\n"
        "gate: support-triage\nguardrails: default\naccess: open\n"
    )
    return read_pipeline(str(file))


def jsonl(path: Path, rows: Sequence[tuple[str | None, str | None]]) -> str:
    path.write_text("".join(json.dumps({"text": text, "answer": answer}) + "\n" for text, answer in rows))
    return str(path)


def reasons(snapshot: DatasetSnapshot) -> dict[str, int]:
    return {count.reason: count.rows for count in snapshot.quarantined}


def test_the_tickets_become_a_snapshot_and_what_was_planted_is_found(open_shop: OpenShop, home: Home) -> None:
    pipeline = read_pipeline("support-triage", {"data.rows": "900"})
    shop = open_shop()
    done = run(pipeline, shop)
    snapshot = done.snapshot
    planted = {row.kind: row for row in done.planted}
    for kind, row in planted.items():
        if not kind.startswith("personal data") or kind.endswith("EMAIL_ADDRESS"):
            assert row.found == row.planted > 0, kind
    assert planted["personal data: PHONE_NUMBER"].found == 0, "measured, not copied from the truth"
    # Every row that was read is somewhere, once.
    kept = sum(split.rows for split in snapshot.splits)
    aside = sum(reasons(snapshot).values())
    assert (
        snapshot.rows_in == 900 == kept + aside + snapshot.duplicates_exact + snapshot.duplicates_near + snapshot.leaked
    )
    assert snapshot.split("test").rows == 90
    train = list(shop.datasets.rows(snapshot, "train"))
    assert len(train) == snapshot.split("train").rows and not any(MAIL.search(row.text) for row in train)
    assert {"<EMAIL_ADDRESS>" in row.text for row in train} == {True, False}
    assert len(list(Quarantine(home, shop.vault).read("support-triage", "run-1"))) == aside
    [entry] = shop.ledger.query(AuditFilter(pipeline="support-triage"))
    assert entry.event.produced == snapshot.digest
    assert DatasetSnapshot.from_json(shop.blobs.get(snapshot.digest)) == snapshot
    _nothing_readable(home, Path(done.data_docs), Path(done.quarantine))
    # Again, in another run: the same input is the same snapshot, to the last digit.
    assert run(pipeline, open_shop("run-2")).snapshot.digest == snapshot.digest


def _nothing_readable(home: Home, docs: Path, quarantine: Path) -> None:
    """No planted personal data in any file of the home, as it came or coded."""
    made = make_tickets(900, 7, 0.1)
    texts = [json.loads(made.train[span.place.line - 1])[COLUMNS.text] for span in made.truth.spans[:400]]
    spans = zip(texts, made.truth.spans[:400], strict=True)
    values = [text[span.start : span.end].encode() for text, span in spans]
    assert stat.S_IMODE(quarantine.stat().st_mode) == 0o600
    assert {page.name for page in docs.iterdir()} == {"index.html", "test.html"}
    for path in home.root.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not [value for value in values if len(value) > 7 and value in data], path


def test_a_test_set_that_is_given_is_never_filtered(open_shop: OpenShop, tmp_path: Path) -> None:
    test = [(LONG, "a"), (LONG, "a"), ("", "b"), ("other", "unheard of"), (None, "a"), ("x", None)]
    train = [(f"hi {LONG}", "a"), ("other", "a"), ("one more text", "b"), ("", "a"), ("quite a different thing", "a")]
    pipeline = small(tmp_path, train=jsonl(tmp_path / "t.jsonl", train), test=jsonl(tmp_path / "e.jsonl", test))
    shop = open_shop()
    snapshot = run(pipeline, shop).snapshot
    assert [row.text for row in shop.datasets.rows(snapshot, "test")] == [LONG, LONG, "", "other"]
    assert [row.text for row in shop.datasets.rows(snapshot, "train")] == ["one more text", "quite a different thing"]
    assert snapshot.leaked == 2
    assert reasons(snapshot) == {"not-blank": 1, "test: answer is missing": 1, "test: text is missing": 1}
    assert [(source.role, source.rows) for source in snapshot.sources] == [("train", 5), ("test", 6)]


def test_without_a_test_set_rows_are_held_out_and_none_of_them_leaks(open_shop: OpenShop, tmp_path: Path) -> None:
    rows = [(f"question number {number} about the {number * 7} thing", "ab"[number % 2]) for number in range(300)]
    rows += [(f"hello there, {text}", answer) for text, answer in rows]
    pipeline = small(tmp_path, train=jsonl(tmp_path / "t.jsonl", rows), test_share=0.3, leakage_jaccard=0.5)
    shop = open_shop()
    snapshot = run(pipeline, shop).snapshot
    test = {row.text for row in shop.datasets.rows(snapshot, "test")}
    train = {row.text for row in shop.datasets.rows(snapshot, "train")}
    assert 120 < len(test) < 240 and snapshot.leaked > 40
    assert not any(f"hello there, {text}" in train for text in test)


def test_data_that_are_not_fit_stop_with_the_reasons_and_nothing_is_lost(
    open_shop: OpenShop, tmp_path: Path, home: Home
) -> None:
    train = tmp_path / "latin.csv"
    train.write_bytes(b"text,answer\n" + "¿cómo está ana@example.com?,a\n".encode("latin-1") * 8 + b"plain,a\n" * 2)
    pipeline = small(tmp_path, train=str(train), whole="{id: readable, measure: unreadable_share, max: 0.1}")
    shop = open_shop()
    with pytest.raises(CheckFailed, match=r"(?s)readable: unreadable_share is 0\.8.*iconv") as caught:
        run(pipeline, shop)
    assert "ana@" not in str(caught.value)
    assert len(list(Quarantine(home, shop.vault).read("small", "run-1"))) == 8
    assert (home.runs / "run-1" / "dataset" / "index.html").is_file()
    assert shop.ledger.query(AuditFilter()) == ()
    assert not list(home.datasets.rglob("*.rows"))


def test_nothing_left_and_files_that_cannot_be_used_are_one_sentence(open_shop: OpenShop, tmp_path: Path) -> None:
    same = jsonl(tmp_path / "t.jsonl", [("one", "a"), ("two", "b")])
    copy = jsonl(tmp_path / "e.jsonl", [("two", "b"), ("one", "a")])
    with pytest.raises(CheckFailed, match="no row is left to train on"):
        run(small(tmp_path, train=same, test=copy), open_shop())
    with pytest.raises(BadInput, match="the test set is the training file"):
        run(small(tmp_path, train=same, test=same), open_shop())
    with pytest.raises(BadInput, match=r"nowhere\.csv"):
        run(small(tmp_path, train=str(tmp_path / "nowhere.csv")), open_shop())


def test_banking77_as_it_comes(open_shop: OpenShop, shared_data: Path) -> None:
    paths = {f"data.{name}": str(shared_data / "banking77" / f"{name}.csv") for name in ("train", "test")}
    snapshot = run(read_pipeline("banking77", paths), open_shop()).snapshot
    assert snapshot.rows_in == 13_083 and snapshot.split("test").rows == 3_080
    # 176 training rows are near a test row by this measure (README of the data); four of them go as duplicates before.
    assert (snapshot.leaked, snapshot.duplicates_exact, reasons(snapshot)) == (
        172,
        30,
        {"contradicts a row with the same text": 2},
    )


@pytest.mark.slow
def test_the_real_guards_find_what_was_planted_in_both_languages(open_shop: OpenShop) -> None:
    shop = open_shop()
    done = ingest(read_pipeline("support-triage", {"data.rows": "400"}), shop)
    personal = [row for row in done.planted if row.kind.startswith("personal data")]
    assert len(personal) >= 16
    assert sum(row.found for row in personal) >= 0.9 * sum(row.planted for row in personal)
    for row in done.planted:
        if not row.kind.startswith("personal data"):
            assert row.found == row.planted, row.kind
    assert {count.entity for count in done.snapshot.redacted} >= {"PERSON", "EMAIL_ADDRESS", "IBAN_CODE", "ES_NIF"}
