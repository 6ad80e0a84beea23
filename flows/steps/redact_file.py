"""Redacts a file of rows into another of the same name and format, in bounded memory, over as many processes as given.

A row that cannot be read, or on which a check fails, is not written: it goes to NAME.rejected.jsonl with its number and
the reason, never with its text. The others are done all the same.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from flows.progress import Progress
from flows.steps.file_rows import FileFormat, FileRow, RejectedRow
from flows.steps.output_file import OutputFile, unwritable
from flows.steps.redact_csv import CsvCopy
from flows.steps.redact_jsonl import JsonlCopy
from flows.steps.redact_parquet import ParquetCopy
from flows.steps.redact_texts import BATCH_TEXTS, FAILED_REASON, Batch, BatchRedactor, RedactedText
from infra.errors import BadInput, StoreError
from policies.expectations.rows import Language
from policies.guardrails.language import detect_language
from policies.guardrails.normalise import plain

Format = Literal["csv", "jsonl", "parquet"]
_FORMATS: dict[str, Format] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
_BATCH_CHARACTERS = 1 << 18
"""Code points that are redacted together at most, but for a single row that is longer."""
_FEW_WORDS = 5
"""A text of fewer words says too little of its language: it is taken to be in that of its row."""
_LOOK_AT = 1_000


@dataclass(frozen=True)
class EntityFinds:
    """How often one kind was found and redacted."""

    entity: str
    finds: int


@dataclass(frozen=True)
class RedactedFile:
    """One file that is done."""

    source: Path
    out: Path
    columns: tuple[str, ...]
    """What was redacted."""
    rows: int
    """Rows that were written."""
    rejected: int
    """Rows that were not."""
    finds: tuple[EntityFinds, ...]
    """By entity."""
    seconds: float


@dataclass(frozen=True)
class Job:
    """One file to redact, and where its copy goes."""

    source: Path
    out: Path
    format: Format

    @property
    def rejects(self) -> Path:
        """Where rows are told that cannot be read."""
        return self.out.with_name(f"{self.out.name}.rejected.jsonl")


def plan_jobs(files: Sequence[Path], folder: Path, *, force: bool) -> tuple[Job, ...]:
    """What is to be done, before anything is. Raises BadInput: no file, no known format, or something in the way."""
    jobs = tuple(_job(file, folder) for file in files)
    places: set[Path] = set()
    for job in jobs:
        for place in (job.out, job.rejects):
            if place in places:
                raise BadInput(
                    "two files would be written to one place", where=str(place), cure="use two --out folders"
                )
            places.add(place)
    inputs = {job.source.resolve() for job in jobs}
    for place in sorted(places):
        if place.resolve() in inputs:
            raise BadInput("the copy would take the place of a source", where=str(place), cure="give another --out")
        if place.exists() and not force:
            raise BadInput("there is such a file already", where=str(place), cure="--force writes it anew")
    return jobs


def redact_file(
    job: Job,
    redactor: BatchRedactor,
    progress: Progress,
    *,
    columns: Sequence[str] = (),
    language: Language | None = None,
) -> RedactedFile:
    """Redacts one file. `columns` empty: all that hold text. `language` None: each text's own.

    Raises BadInput (not readable, a column missing; then nothing is written), PartFailed, StoreError.
    """
    started_s = time.monotonic()
    tally = _Tally()
    with OutputFile(job.out) as output, OutputFile(job.rejects) as rejects:
        try:
            copy = _open(job, output, columns)
            with progress.task(job.source.name, copy.total) as bar:
                batches = _batches(copy.rows(), language)
                for rows, results in redactor.redact_batches(batches):
                    left = iter(results)
                    for row in rows:
                        told = _finish_row(row, left, copy, tally)
                        if told:
                            rejects.file.write(json.dumps({"row": row.number, "reason": told}).encode() + b"\n")
                    rate = tally.rows / max(time.monotonic() - started_s, 1e-9)
                    bar.advance(sum(row.progress for row in rows), f"{tally.rows:,} rows, {rate:,.0f}/s")
            copy.finish()
        except OSError as error:  # what cannot be read is a BadInput by then
            if isinstance(error, StoreError):
                raise
            raise unwritable(job.out, error) from None
        if not tally.rows + tally.rejected:
            raise BadInput("the file holds no row", where=str(job.source), cure="give a file with data")
        _publish(output, rejects, tally)
    finds = tuple(EntityFinds(*item) for item in sorted(tally.finds.items()))
    seconds = time.monotonic() - started_s
    return RedactedFile(job.source, job.out, copy.columns, tally.rows, tally.rejected, finds, seconds)


@dataclass
class _Tally:
    rows: int = 0
    rejected: int = 0
    finds: Counter[str] = field(default_factory=Counter)


def _job(file: Path, folder: Path) -> Job:
    found = _FORMATS.get(file.suffix.lower())
    if found is None:
        cure = f"give a file that ends in {', '.join(_FORMATS)}"
        raise BadInput("the file's suffix names no format that is read here", where=str(file), cure=cure)
    if not file.is_file():
        raise BadInput("there is no such file", where=str(file), cure="check the path")
    return Job(file, folder / file.name, found)


def _open(job: Job, output: OutputFile, columns: Sequence[str]) -> FileFormat:
    match job.format:
        case "csv":
            return CsvCopy(job.source, output.file, columns)
        case "jsonl":
            return JsonlCopy(job.source, output.file, columns)
        case "parquet":
            return ParquetCopy(job.source, output.draft, columns)


def _publish(output: OutputFile, rejects: OutputFile, tally: _Tally) -> None:
    """The rejected rows first: a copy without them must never look whole."""
    if tally.rejected:
        rejects.publish()
    else:
        rejects.path.unlink(missing_ok=True)  # of an earlier run, which --force replaces
    output.publish()


def _batches(
    rows: Iterator[FileRow | RejectedRow], language: Language | None
) -> Iterator[Batch[list[FileRow | RejectedRow]]]:
    """Rows to redact together. Made of the rows alone, so that the result does not depend on who redacts them."""
    together: list[FileRow | RejectedRow] = []
    texts: list[str] = []
    characters = 0
    for row in rows:
        own = row.texts if isinstance(row, FileRow) else ()
        longer = sum(map(len, own))
        if together and (len(texts) + len(own) > BATCH_TEXTS or characters + longer > _BATCH_CHARACTERS):
            yield _batch(together, language)
            together, texts, characters = [], [], 0
        together.append(row)
        texts += own
        characters += longer
        if len(together) >= BATCH_TEXTS:  # rows without texts, or rejected ones
            yield _batch(together, language)
            together, texts, characters = [], [], 0
    if together:
        yield _batch(together, language)


def _batch(rows: list[FileRow | RejectedRow], language: Language | None) -> Batch[list[FileRow | RejectedRow]]:
    texts: list[str] = []
    languages: list[Language] = []
    for row in rows:
        if isinstance(row, FileRow):
            texts += row.texts
            languages += [language] * len(row.texts) if language else _languages(row.texts)
    return Batch(tuple(texts), tuple(languages), rows)


def _languages(texts: Sequence[str]) -> list[Language]:
    of_row = _language("\n".join(text[:_LOOK_AT] for text in texts))
    return [_language(text) if len(text.split(maxsplit=_FEW_WORDS)) >= _FEW_WORDS else of_row for text in texts]


def _language(text: str) -> Language:
    return detect_language(plain(text[:_LOOK_AT]))


def _finish_row(
    row: FileRow | RejectedRow, results: Iterator[RedactedText | None], copy: FileFormat, tally: _Tally
) -> str:
    """Writes a row with its share of the results. Returns the reason where it is rejected."""
    if isinstance(row, RejectedRow):
        tally.rejected += 1
        return row.reason
    own = [next(results) for _ in row.texts]
    done = [result for result in own if result is not None]
    if len(done) < len(own):
        tally.rejected += 1
        return FAILED_REASON
    copy.write(row, [result.text for result in done])
    tally.rows += 1
    tally.finds.update(span.entity for result in done for span in result.spans)
    return ""
