"""The second half of the walk: from a manifest back over decision, report and adapter to the snapshot and its rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flows.provenance_record import Check, Fact, RowsFound, Step
from infra.contracts.adapter import Adapter
from infra.contracts.dataset import DatasetSnapshot
from infra.contracts.evaluation import EvaluationReport
from infra.contracts.gate import GateDecision, GateVerdict
from infra.contracts.lifecycle_events import StageFinished, StageReused
from infra.contracts.model_version import ModelVersion
from infra.digest import Digest
from infra.errors import SluiceError
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter
from infra.ledger.vault import Vault
from infra.signing import ContractT
from infra.stores.blobs import Blobs
from infra.stores.datasets import Datasets
from infra.stores.releases import Releases

_STAGE_EVENTS = 100_000
"""So many finished stages of one pipeline are looked through."""


@dataclass(frozen=True)
class Archive:
    """The stores that a walk reads. It writes to none of them."""

    ledger: Ledger
    releases: Releases
    blobs: Blobs
    datasets: Datasets

    @classmethod
    def open(cls, home: Home) -> Archive:
        """Opens the stores of a home. Raises StoreError."""
        blobs = Blobs(home.folder(home.blobs))
        return cls(Ledger.open(home), Releases(home), blobs, Datasets(home, blobs, Vault.open(home)))

    def stages(self, pipeline: str) -> dict[Digest, int]:
        """Which entry recorded each contract that a stage of this pipeline handed on."""
        wanted = AuditFilter(kinds=("stage.finished", "stage.reused"), pipeline=pipeline, limit=_STAGE_EVENTS)
        found: dict[Digest, int] = {}
        for entry in self.ledger.query(wanted):
            if isinstance(entry.event, StageFinished | StageReused):
                found.setdefault(entry.event.produced, entry.index)
        return found


@dataclass(frozen=True)
class Evidence:
    """What stands behind a manifest."""

    steps: tuple[Step, ...]
    rows: tuple[RowsFound, ...]


def evidence(manifest: ModelVersion, archive: Archive, *, rows_shown: int) -> Evidence:
    """Walks from a manifest to the row digests. What cannot be read becomes a failed check; the walk goes on."""
    recorded = archive.stages(manifest.pipeline)
    decision, decision_read = _read(GateDecision, manifest.decision, archive.blobs)
    report, report_read = _read(EvaluationReport, manifest.report, archive.blobs)
    adapter, adapter_read = _read(Adapter, manifest.adapter, archive.blobs)
    snapshot, snapshot_read = _read(DatasetSnapshot, manifest.snapshot, archive.blobs)
    rows, rows_checked = _rows(snapshot, archive.datasets, rows_shown) if snapshot else ((), ())
    return Evidence(
        (
            _step("gate decision", manifest.decision, recorded, decision_read, *_decision(decision, manifest)),
            _step("evaluation report", manifest.report, recorded, report_read, *_report(report, manifest)),
            _step("adapter", manifest.adapter, recorded, adapter_read, *_adapter(adapter, manifest, archive.blobs)),
            _step(
                "dataset snapshot",
                manifest.snapshot,
                recorded,
                snapshot_read,
                _snapshot_facts(snapshot),
                (*_same_pipeline(snapshot, manifest), *rows_checked),
            ),
        ),
        rows,
    )


def _read(kind: type[ContractT], digest: Digest, blobs: Blobs) -> tuple[ContractT | None, Check]:
    try:
        return kind.from_json(blobs.get(digest)), Check("content has this digest", True)
    except (SluiceError, ValueError) as error:
        what = error.what if isinstance(error, SluiceError) else f"not a {kind.schema_id}"
        return None, Check("content has this digest", False, what)


def _step(
    name: Literal["gate decision", "evaluation report", "adapter", "dataset snapshot"],
    digest: Digest,
    recorded: dict[Digest, int],
    read: Check,
    facts: tuple[Fact, ...],
    checks: tuple[Check, ...],
) -> Step:
    index = recorded.get(digest)
    in_ledger = Check("recorded in the ledger", index is not None, "" if index is not None else "no entry names it")
    return Step(name, digest, facts, (read, in_ledger, *checks), index)


_Found = tuple[tuple[Fact, ...], tuple[Check, ...]]


def _decision(decision: GateDecision | None, manifest: ModelVersion) -> _Found:
    if decision is None:
        return (), ()
    rules = "; ".join(f"{reason.rule}: {reason.measured} ({reason.required})" for reason in decision.reasons)
    facts = (Fact("verdict", decision.verdict.value), Fact("gate policy", decision.gate), Fact("reasons", rules))
    go = Check("the verdict is GO", decision.verdict is GateVerdict.GO)
    over = Check("decides over the manifest's report", decision.report == manifest.report)
    return facts, (go, over, *_same_pipeline(decision, manifest))


def _report(report: EvaluationReport | None, manifest: ModelVersion) -> _Found:
    if report is None:
        return (), ()
    candidate = report.scores("candidate")
    metrics = candidate.metrics if candidate else ()
    scores = tuple(Fact(metric.name, metric.in_words) for metric in metrics)
    engine = Fact("engine", f"{report.engine.name} {report.engine.version}, {report.engine.precision}")
    checks = (
        Check("evaluates the manifest's adapter", report.adapter == manifest.adapter),
        Check("on the manifest's snapshot", report.snapshot == manifest.snapshot),
        Check("under the manifest's guardrails", report.guardrails == manifest.guardrails),
    )
    return (engine, *scores), (*checks, *_same_pipeline(report, manifest))


def _adapter(adapter: Adapter | None, manifest: ModelVersion, blobs: Blobs) -> _Found:
    if adapter is None:
        return (), ()
    figures = adapter.figures
    facts = (
        Fact("base model", adapter.base_model),
        Fact("recipe", adapter.recipe),
        *(Fact(file.name, file.digest) for file in adapter.files),
        Fact("training", f"{figures.steps} steps, {figures.tokens} tokens, loss {figures.last_loss}"),
    )
    return facts, (
        *(_whole(file.name, file.digest, blobs) for file in adapter.files),
        Check("trained on the manifest's snapshot", adapter.snapshot == manifest.snapshot),
        Check("for the manifest's base model", adapter.base_model == manifest.base_model),
        *_same_pipeline(adapter, manifest),
    )


def _whole(name: str, digest: Digest, blobs: Blobs) -> Check:
    try:
        blobs.check(digest)
    except SluiceError as error:
        return Check(f"{name} has its digest", False, error.what)
    return Check(f"{name} has its digest", True)


def _snapshot_facts(snapshot: DatasetSnapshot | None) -> tuple[Fact, ...]:
    if snapshot is None:
        return ()
    kept = ", ".join(f"{split.rows} {split.name}" for split in snapshot.splits)
    aside = sum(count.rows for count in snapshot.quarantined)
    return (
        Fact("rows", f"{snapshot.rows_in} in, {kept} kept, {aside} quarantined, {snapshot.leaked} leaked"),
        Fact("expectations", snapshot.expectations),
        Fact("sources", ", ".join(f"{source.role} {source.digest}" for source in snapshot.sources)),
    )


def _rows(snapshot: DatasetSnapshot, datasets: Datasets, shown: int) -> tuple[tuple[RowsFound, ...], tuple[Check, ...]]:
    """Reads every row of every split and holds it against the manifest; those of erased subjects are tombstones."""
    found: list[RowsFound] = []
    checks: list[Check] = []
    for split in snapshot.splits:
        name = f"{split.name} rows hash to their digests"
        try:
            manifest = datasets.manifest(snapshot, split.name)
            first = manifest.rows[:shown]
            checks.append(Check(f"{split.name} manifest names {split.rows} rows", len(manifest.rows) == split.rows))
        except SluiceError as error:
            checks.append(Check(name, False, error.what))
            continue
        verified = erased = 0
        try:
            for row in datasets.each(snapshot, split.name):
                verified += row is not None
                erased += row is None
            gone = f"{erased} of {split.rows} were erased: nobody can read them any more"
            checks.append(Check(name, True, gone if erased else ""))
        except SluiceError as error:
            checks.append(Check(name, False, f"after {verified + erased} rows: {error.what}"))
        found.append(RowsFound(split.name, split.manifest, split.rows, verified, first, erased))
    return tuple(found), tuple(checks)


def _same_pipeline(
    part: GateDecision | EvaluationReport | Adapter | DatasetSnapshot | None, manifest: ModelVersion
) -> tuple[Check, ...]:
    return (Check("of the same pipeline", part.pipeline == manifest.pipeline),) if part else ()
