"""Opens what a pipeline's data key names: files, or tickets that are made on the spot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from flows.pipeline import DataSpec, FileData, GeneratedData
from flows.steps.read_jsonl import read_jsonl
from flows.steps.read_raw import SourceReader, rows_up_to
from flows.steps.redact_processes import FEW_ROWS
from flows.steps.tickets.generate import COLUMNS, make_tickets
from flows.steps.tickets.truth import PlantedTruth
from infra.contracts.dataset import SourceFile
from infra.digest import sha256
from infra.errors import BadInput
from policies.expectations.rows import Language, RawRow, UnreadableRow


@dataclass(frozen=True)
class DataSource:
    """Rows to read once, with what is known about them."""

    rows: Iterator[RawRow | UnreadableRow]
    files: Callable[[], tuple[SourceFile, ...]]
    """What was read; after the last row is out."""
    gives_test: bool
    """Whether a test set comes with it; else some rows are held out."""
    truth: PlantedTruth | None
    """What was planted, where Sluice made the data."""


def open_data(data: DataSpec, answer_format: str) -> DataSource:
    """Opens the data of a pipeline. Raises BadInput when a file cannot be read."""
    if isinstance(data, GeneratedData):
        return _generated(data)
    return _files(data, answer_format)


def expected_rows(data: DataSpec) -> int:
    """How many rows there are to read, or FEW_ROWS where it is more. Raises BadInput when a file cannot be read."""
    if isinstance(data, GeneratedData):
        return data.rows
    return sum(rows_up_to(Path(path), FEW_ROWS) for path in (data.train, data.test) if path)


def _generated(data: GeneratedData) -> DataSource:
    tickets = make_tickets(data.rows, data.seed, data.test_share)
    lines = (*tickets.train, *tickets.test)
    file = SourceFile(role="generated", digest=sha256(b"".join(lines)), rows=len(lines))
    rows = chain(
        read_jsonl(tickets.train, "generated training rows", "train", COLUMNS),
        read_jsonl(tickets.test, "generated test rows", "test", COLUMNS),
    )
    return DataSource(rows, lambda: (file,), gives_test=True, truth=tickets.truth)


def _files(data: FileData, answer_format: str) -> DataSource:
    train = SourceReader(Path(data.train), "train", data.columns)
    readers = [train, SourceReader(Path(data.test), "test", data.columns)] if data.test else [train]
    if len({reader.digest for reader in readers}) < len(readers):
        cure = "give another test set, or leave data.test out to hold rows out"
        raise BadInput("training and test file are the same", where=data.test, cure=cure)
    # Without a label column the answer itself is the class, unless it is JSON.
    answer_is_class = not data.columns.label and answer_format == "text"
    rows = (_labelled(row, answer_is_class) for reader in readers for row in reader.rows())
    return DataSource(
        rows, lambda: tuple(reader.source_file() for reader in readers), gives_test=bool(data.test), truth=None
    )


def _labelled(row: RawRow | UnreadableRow, answer_is_class: bool) -> RawRow | UnreadableRow:
    return replace(row, label=row.answer) if answer_is_class and isinstance(row, RawRow) else row


def language_finder(data: DataSpec) -> Callable[[RawRow], Language]:
    """Says the language of a row whose source does not: what the pipeline says of all, else by the row's own words."""
    from policies.guardrails.language import detect_language
    from policies.guardrails.normalise import plain

    if isinstance(data, FileData) and data.language != "auto":
        fixed: Language = data.language
        return lambda _: fixed
    return lambda row: detect_language(plain(row.text or ""))
