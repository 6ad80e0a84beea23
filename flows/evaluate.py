"""Adapter -> report: candidate, base and present champion on the same held-out items, through the path that serves.

The subjects sit one after the other, so that they share neither memory nor processor.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence

from flows.pipeline import Pipeline
from flows.stage_inputs import answering
from flows.steps.contestants import Conditions, Contestant, Sitting, contestants, sit
from flows.steps.load_guards import load_guards
from flows.steps.read_answer import AnswerReader
from flows.steps.record_stage import record_stage
from flows.steps.results import put_answers, put_items
from flows.steps.score import Judged, figures, judge
from flows.workshop import Workshop
from infra.base_model import BaseModel, prepare_base_model
from infra.contracts.adapter import Adapter
from infra.contracts.dataset import DatasetSnapshot
from infra.contracts.evaluation import EngineRecord, EvaluationReport, SubjectScores
from infra.contracts.model_version import ModelVersion
from infra.contracts.row import SnapshotRow
from infra.errors import BadInput, CheckFailed
from infra.rules import read_rule
from policies.policy import parse_guardrails


def evaluate(
    pipeline: Pipeline,
    snapshot: DatasetSnapshot,
    adapter: Adapter,
    champion: ModelVersion | None,
    shop: Workshop,
    *,
    fresh: bool = False,
) -> EvaluationReport:
    """Scores the candidate beside its base and the champion, keeps every item's result and answer, and records the
    report.

    Items that a subject was asked before under the same conditions are not asked again, unless `fresh`. Results are
    kept in the clear, answers sealed. Raises BadInput (no held-out rows, an expected answer that does not fit),
    CheckFailed (adapter, snapshot and base model do not belong together), PartFailed (an engine that fails),
    StoreError.
    """
    _check_parents(pipeline, snapshot, adapter)
    everything = tuple(shop.datasets.rows(snapshot, "test"))
    rows = held_out(everything, pipeline.evaluation.max_items, pipeline.evaluation.seed)
    reader = AnswerReader.of(pipeline.prompt, everything)
    _check_rows(pipeline, rows, reader)
    rule = read_rule("guardrails", pipeline.guardrails)
    policy = parse_guardrails(rule.text, source=rule.source)
    base = _base_model(adapter, shop)
    home = shop.settings.home
    conditions = Conditions(
        rows,
        lambda prompt: load_guards(policy, prompt, home=home),
        shop.settings.engine,
        base,
        pipeline.evaluation,
        answering=answering(pipeline, shop.settings.engine),
        journals=home.folder(home.runs / "answers"),
        fresh=fresh,
    )
    judged: list[Judged] = []
    engines: list[EngineRecord] = []
    for contestant in contestants(pipeline, adapter, champion, shop.blobs):
        sitting = _sit(contestant, conditions, shop)
        engines.append(sitting.engine)
        judged.append(_judge(contestant, sitting, rows, reader, shop))
    found = figures(judged, resamples=pipeline.evaluation.bootstrap, seed=pipeline.evaluation.seed)
    report = EvaluationReport(
        pipeline=pipeline.name,
        snapshot=snapshot.digest,
        adapter=adapter.digest,
        base_model=adapter.base_model,
        guardrails=shop.blobs.put(rule.text.encode("utf-8")),
        engine=engines[0],
        subjects=found.subjects,
        differences=found.differences,
    )
    shop.blobs.put(report.to_json())
    record_stage(shop, pipeline.name, "evaluate", report.digest)
    for scores in report.subjects:
        shop.progress.say(_sentence(scores))
    return report


def adopt_report(found: EvaluationReport, shop: Workshop) -> EvaluationReport:
    """Takes over an earlier report. Raises StoreError when results or answers are not whole."""
    for scores in found.subjects:
        for digest in (scores.items, scores.answers):
            if digest is not None:
                shop.blobs.check(digest)
    return found


def held_out(rows: Sequence[SnapshotRow], max_items: int, seed: int) -> tuple[SnapshotRow, ...]:
    """All rows, or the `max_items` (0: all) whose ids hash smallest: the same ones, in whatever company they stand."""
    if not max_items or len(rows) <= max_items:
        return tuple(rows)

    def place(row: SnapshotRow) -> bytes:
        return hashlib.sha256(f"{seed}/{row.row_id}".encode()).digest()

    chosen = {row.row_id for row in sorted(rows, key=place)[:max_items]}
    return tuple(row for row in rows if row.row_id in chosen)


def _check_parents(pipeline: Pipeline, snapshot: DatasetSnapshot, adapter: Adapter) -> None:
    if not (pipeline.name == snapshot.pipeline == adapter.pipeline and adapter.snapshot == snapshot.digest):
        raise CheckFailed(
            "the adapter was not trained on this snapshot of this pipeline",
            where=pipeline.name,
            cure=f"sluice retrain {pipeline.name}",
        )


def _check_rows(pipeline: Pipeline, rows: Sequence[SnapshotRow], reader: AnswerReader) -> None:
    """Finds before an engine is loaded what would be found at its first answer."""
    if not rows:
        raise BadInput(
            "there are no held-out rows to evaluate on",
            where=f"pipeline {pipeline.name}",
            cure="give data.source.test, or a larger data.test_share",
        )
    for row in rows:
        reader.read(row, row.answer)


def _base_model(adapter: Adapter, shop: Workshop) -> BaseModel | None:
    """The base model that the candidate was trained on; None where the engine brings its own."""
    if shop.settings.engine.engine_name != "openvino":
        return None
    base = prepare_base_model(shop.settings.home, shop.progress.say)
    if base.digest != adapter.base_model:
        raise CheckFailed(
            "the adapter was trained on another base model than the one that is there",
            where=str(base.folder),
            cure=f"sluice retrain {adapter.pipeline}",
        )
    return base


def _sit(contestant: Contestant, conditions: Conditions, shop: Workshop) -> Sitting:
    from infra.telemetry import span

    title = f"evaluate {contestant.subject}"
    with span(f"sluice.{title}"), shop.progress.task(title, total=len(conditions.rows)) as task:
        return asyncio.run(sit(contestant, conditions, shop.blobs, shop.vault, task.advance))


def _judge(
    contestant: Contestant, sitting: Sitting, rows: Sequence[SnapshotRow], reader: AnswerReader, shop: Workshop
) -> Judged:
    results = judge(rows, sitting.answers, reader, lambda text: shop.vault.keyed_digest("answer", text))
    blocked = sum(answered.ended == "blocked" for answered in sitting.answers)
    failures = sorted({answered.failure for answered in sitting.answers if answered.failure})
    shop.progress.say(f"{contestant.subject}: {_speed(sitting)}")
    if blocked:
        shop.progress.say(f"  {blocked} answers were blocked by the guardrails and count as wrong")
    for failure in failures:
        shop.progress.say(f"  items in error: {failure}")
    answers = put_answers(rows, sitting.answers, shop.vault, shop.blobs)
    return Judged(contestant.subject, contestant.model, results, put_items(results, shop.blobs), answers)


def _speed(sitting: Sitting) -> str:
    asked = len(sitting.answers) - sitting.asked_before
    before = f"{sitting.asked_before} items answered before"
    if not asked:
        return before
    told = f"{asked} items in {sitting.seconds:.0f} s, {asked / sitting.seconds:.1f} items/s"
    return f"{told}; {before}" if sitting.asked_before else told


def _sentence(scores: SubjectScores) -> str:
    exact, counts = scores.metric("exact_match"), scores.outcomes
    assert exact is not None  # every evaluation measures it
    return (
        f"{scores.subject}: exact match {exact.value:.3f} [{exact.low:.3f}, {exact.high:.3f}]; "
        f"{counts.correct} correct, {counts.wrong} wrong, {counts.truncated} truncated, {counts.error} in error"
    )
