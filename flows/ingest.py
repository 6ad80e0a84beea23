"""The dataset stage: raw rows in, one immutable snapshot out.

    read -> validate -> redact -> drop duplicates -> split -> take leaked rows out -> quarantine -> seal

Bad rows are kept, encrypted, with their reasons; a test set that the user gives is never filtered.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import ClassVar

from flows.pipeline import Pipeline
from flows.progress import Task
from flows.steps.data_source import DataSource, language_finder, open_data
from flows.steps.dedupe import Deduped, dedupe
from flows.steps.findings import Fates, PlantedFound, compare
from flows.steps.leakage import Leakage, remove_leakage
from flows.steps.quarantine_rows import quarantine_rows
from flows.steps.record_stage import record_stage
from flows.steps.redact_rows import RedactedRow, Redactor, redact_rows
from flows.steps.seal_rows import snapshot_rows
from flows.steps.split import Parts, split_rows
from flows.steps.validate import Validated, validate
from flows.workshop import Workshop
from infra.contracts.base import Contract, Frozen
from infra.contracts.dataset import DatasetSnapshot, QuarantineCount, RedactionCount, Split
from infra.errors import CheckFailed
from infra.extras import need
from infra.home import Home, write_atomic
from infra.quiet import hush
from infra.rules import read_rule
from policies.expectations.rows import QuarantinedRow, RawRow
from policies.expectations.suite import Suite, parse_suite

_CONTRADICTION = "contradicts a row with the same text"


class StepTime(Frozen):
    """How long one step took."""

    step: str
    seconds: float


class IngestFindings(Contract):
    """What the stage handed on, and what it found on the way."""

    schema_id: ClassVar[str] = "sluice/ingest-findings/1"

    snapshot: DatasetSnapshot
    planted: tuple[PlantedFound, ...]
    """Found against planted, where Sluice made the data itself; else empty."""
    data_docs: str
    """The folder of Great Expectations' pages."""
    quarantine: str
    """The encrypted file of the rows that were set aside."""
    times: tuple[StepTime, ...]


def ingest(pipeline: Pipeline, shop: Workshop, *, redactor: Redactor | None = None) -> IngestFindings:
    """Makes the pipeline's dataset snapshot, keeps it, and records the stage in the ledger.

    The same input gives the same snapshot within one home. `redactor` stands in for the pipeline's own guards.
    Raises BadInput (a source or a rule file cannot be used), CheckFailed (the data are not fit, with every reason; Data
    Docs and quarantine are kept), StoreError.
    """
    hush()
    clock = _Clock(shop)
    rule = read_rule("expectations", pipeline.data.expectations)
    suite = parse_suite(rule.text, source=rule.source)
    with clock.step("load the checks"):
        need("great_expectations", extra="train")  # takes seconds, so that it has its own bar
        guards = redactor or _guards(pipeline, shop.settings.home)
    source = open_data(pipeline.data, pipeline.prompt.answer_format)
    validated = _validate(pipeline, source, suite, shop, clock)
    parted = _part(pipeline, source, validated, guards, clock)
    aside = (*validated.quarantined, *_contradictions(parted.deduped))
    quarantine = quarantine_rows(pipeline.name, aside, shop)
    snapshot = DatasetSnapshot(
        pipeline=pipeline.name,
        sources=source.files(),
        expectations=suite.digest,
        redaction_policy=guards.policy.digest,
        splits=_seal(pipeline.name, parted, shop, clock),
        rows_in=len(parted.rows) + len(validated.quarantined),
        quarantined=_reasons(aside),
        duplicates_exact=len(parted.deduped.exact),
        duplicates_near=len(parted.deduped.near),
        leaked=len(parted.leakage.leaked),
        leakage_measure=parted.leakage.measure,
        redacted=_entities((*parted.leakage.kept, *parted.test)),
    )
    shop.blobs.put(snapshot.to_json())
    record_stage(shop, pipeline.name, "dataset", snapshot.digest)
    fates = Fates(validated.quarantined, parted.deduped, parted.leakage)
    findings = IngestFindings(
        snapshot=snapshot,
        planted=compare(source.truth, fates, parted.rows) if source.truth else (),
        data_docs=str(_docs_folder(shop)),
        quarantine=str(quarantine),
        times=tuple(clock.times),
    )
    shop.blobs.put(findings.to_json())
    return findings


def adopt_findings(found: IngestFindings, shop: Workshop) -> IngestFindings:
    """Takes over what an earlier run found. Raises StoreError when its snapshot's rows or manifests are gone."""
    shop.blobs.check(found.snapshot.digest)
    shop.datasets.check(found.snapshot)
    return found


@dataclass
class _Clock:
    """Shows a bar for each step and keeps its time."""

    shop: Workshop
    times: list[StepTime] = field(default_factory=list)

    @contextmanager
    def step(self, name: str, total: float | None = None) -> Iterator[Task]:
        start = time.monotonic()
        with self.shop.progress.task(name, total) as bar:
            yield bar
        self.times.append(StepTime(step=name, seconds=round(time.monotonic() - start, 3)))


@dataclass(frozen=True)
class _Parted:
    """All clean rows after redaction, and what became of them."""

    rows: tuple[RedactedRow, ...]
    deduped: Deduped
    leakage: Leakage
    test: tuple[RedactedRow, ...]


def _guards(pipeline: Pipeline, home: Home) -> Redactor:
    from flows.steps.load_guards import load_guards, read_policy

    guards: Redactor = load_guards(read_policy(pipeline.guardrails), pipeline.prompt, home=home)
    return guards


def _validate(pipeline: Pipeline, source: DataSource, suite: Suite, shop: Workshop, clock: _Clock) -> Validated:
    with clock.step("read and check") as bar:
        validated = validate(
            source.rows, suite, pipeline.prompt.json_schema, language_finder(pipeline.data), bar.advance
        )
    folder = _docs_folder(shop)
    for page in validated.docs:
        write_atomic(folder / page.name, page.html.encode())
    if validated.unfit:
        quarantine_rows(pipeline.name, validated.quarantined, shop)
    validated.require_fit(suite, str(folder))
    return validated


def _docs_folder(shop: Workshop) -> Path:
    home = shop.settings.home
    return home.folder(home.runs / shop.run_id / "dataset")


def _part(pipeline: Pipeline, source: DataSource, validated: Validated, redactor: Redactor, clock: _Clock) -> _Parted:
    clean = (*validated.train, *validated.test)
    with clock.step("redact", len(clean)) as bar:
        rows = redact_rows(clean, redactor, pipeline.prompt.json_schema, bar.advance)
    train, test = rows[: len(validated.train)], rows[len(validated.train) :]
    with clock.step("drop duplicates", len(train)) as bar:
        deduped = dedupe(train, pipeline.data.near_duplicate_jaccard, bar.advance)
    given = Parts(deduped.kept, tuple(test))
    parts = given if source.gives_test else split_rows(deduped.kept, pipeline.data.test_share)
    with clock.step("look for leaked rows", len(parts.train)) as bar:
        leakage = remove_leakage(parts.train, parts.test, pipeline.data.leakage_jaccard, bar.advance)
    for name, left in (("train on", leakage.kept), ("test on", parts.test)):
        if not left:
            cure = "give more data, or a lower data.leakage_jaccard and data.near_duplicate_jaccard"
            raise CheckFailed(f"no row is left to {name}", where=f"pipeline {pipeline.name}", cure=cure)
    return _Parted(tuple(rows), deduped, leakage, parts.test)


def _contradictions(deduped: Deduped) -> Iterator[QuarantinedRow]:
    for row in deduped.contradictions:
        clean = row.clean
        raw = RawRow(clean.place, clean.text, clean.answer, clean.label, clean.language, clean.subject, clean.row_id)
        yield QuarantinedRow(raw, (_CONTRADICTION,))


def _seal(pipeline: str, parted: _Parted, shop: Workshop, clock: _Clock) -> tuple[Split, ...]:
    kept = parted.leakage.kept
    with (
        clock.step("encrypt", len(kept) + len(parted.test)) as bar,
        shop.datasets.writer(pipeline) as writer,
    ):
        train = snapshot_rows(pipeline, "train", kept, shop.vault)
        test = snapshot_rows(pipeline, "test", parted.test, shop.vault)
        for row in chain(train, test):
            writer.add(row)
            bar.advance()
        return writer.publish()


def _reasons(aside: Sequence[QuarantinedRow]) -> tuple[QuarantineCount, ...]:
    """Each row counts once, under its first reason; rows of a test set under reasons of their own."""
    counts = Counter(("test: " if row.row.place.role == "test" else "") + row.reasons[0] for row in aside)
    return tuple(QuarantineCount(reason=reason, rows=rows) for reason, rows in sorted(counts.items()))


def _entities(rows: Sequence[RedactedRow]) -> tuple[RedactionCount, ...]:
    counts = Counter(entity for row in rows for entity in (*(s.entity for s in row.spans), *row.answer_entities))
    return tuple(RedactionCount(entity=entity, spans=spans) for entity, spans in sorted(counts.items()))
