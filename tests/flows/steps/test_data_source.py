"""Opening data: labels and languages of rows whose source does not say them."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.pipeline import Columns, FileData, GeneratedData
from flows.steps.data_source import language_finder, open_data
from policies.expectations.rows import Place, RawRow


@pytest.mark.parametrize(("answer_format", "label"), [("text", "refund"), ("json", None)])
def test_the_answer_is_the_class_where_there_is_no_label_column(tmp_path: Path, answer_format: str, label: str) -> None:
    file = tmp_path / "x.csv"
    file.write_text("text,answer\nhi,refund\n")
    source = open_data(FileData(kind="files", expectations="e", train=str(file)), answer_format)
    [row] = source.rows
    assert isinstance(row, RawRow) and row.label == label
    assert source.truth is None and not source.gives_test
    assert [(one.role, one.rows) for one in source.files()] == [("train", 1)]


def test_a_label_column_wins(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("text,answer,kind\nhi,refund,money\n")
    columns = Columns(label="kind")
    [row] = open_data(FileData(kind="files", expectations="e", train=str(file), columns=columns), "text").rows
    assert isinstance(row, RawRow) and row.label == "money"


def test_generated_data_come_with_their_truth_and_a_digest_of_their_recipe() -> None:
    data = GeneratedData(kind="support-tickets", rows=200, expectations="e")
    one, other = open_data(data, "json"), open_data(data.model_copy(update={"seed": 8}), "json")
    assert one.truth and one.gives_test
    assert one.files() != other.files() and one.files() == open_data(data, "json").files()
    assert len(list(one.rows)) == one.files()[0].rows == 200


def test_languages() -> None:
    def row(text: str | None) -> RawRow:
        return RawRow(Place("train", 1), text, "a")

    auto = language_finder(FileData(kind="files", expectations="e", train="x"))
    assert auto(row("¿Dónde está mi pedido?")) == "es" and auto(row("Where is my order?")) == "en"
    assert auto(row(None)) in ("en", "es")
    fixed = language_finder(FileData(kind="files", expectations="e", train="x", language="es"))
    assert fixed(row("Where is my order?")) == "es"
