"""Who is evaluated, and how one subject answers: its engine loaded once, asked every item, and stopped whatever
happens.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flows.pipeline import EvaluationSpec, Pipeline
from flows.steps.answer_journal import AnswerJournal, Known
from flows.steps.generate import answer_all
from flows.steps.results import Answered
from infra.base_model import BaseModel
from infra.contracts.adapter import Adapter
from infra.contracts.evaluation import EngineRecord, Subject
from infra.contracts.model_version import ModelVersion, PromptSpec
from infra.contracts.row import SnapshotRow
from infra.digest import Digest, digest_of, short
from infra.engines.engine import Engine
from infra.engines.load import AdapterFiles, load_engine
from infra.errors import CheckFailed
from infra.ledger.vault import Vault
from infra.settings import EngineSettings
from infra.stores.blobs import Blobs

if TYPE_CHECKING:
    from policies.guardrails.compiled import Guards


@dataclass(frozen=True)
class Contestant:
    """One subject as it is to be loaded and asked."""

    subject: Subject
    model: Digest
    """What a report names it by: the adapter, the base model or the model version."""
    adapter: Adapter | None
    prompt: PromptSpec


@dataclass(frozen=True)
class Conditions:
    """What is the same for every subject."""

    rows: tuple[SnapshotRow, ...]
    guards: Callable[[PromptSpec], Guards]
    """Compiles the policy for a prompt, in seconds; called where something is to be asked."""
    engine: EngineSettings
    base: BaseModel | None
    spec: EvaluationSpec
    answering: Mapping[str, object]
    """What decides an answer beside model, prompt and row (flows/stage_inputs.py), as JSON values."""
    journals: Path
    """Folder of the answers that were given before."""
    fresh: bool = False
    """Ask every item again."""

    @property
    def scored(self) -> tuple[SnapshotRow, ...]:
        """The rows whose expected answers are scored too, where the engine can."""
        return self.rows[: self.spec.score_items]


@dataclass(frozen=True)
class Sitting:
    """One subject's answers in the order of the rows, and what gave them."""

    answers: tuple[Answered, ...]
    engine: EngineRecord
    seconds: float
    """Spent on the items that were asked in this run."""
    asked_before: int
    """Items whose answers an earlier run had left."""


def contestants(
    pipeline: Pipeline, adapter: Adapter, champion: ModelVersion | None, blobs: Blobs
) -> Iterator[Contestant]:
    """The candidate, the base and, where there is one, the champion, which is asked with its own prompt: that is
    what is served.

    Raises CheckFailed for a champion on another base model, StoreError when its adapter is gone.
    """
    yield Contestant("candidate", adapter.digest, adapter, pipeline.prompt)
    yield Contestant("base", adapter.base_model, None, pipeline.prompt)
    if champion is None:
        return
    if champion.base_model != adapter.base_model:
        raise CheckFailed(
            f"the champion, version {champion.version}, stands on another base model: they cannot be compared",
            where=pipeline.name,
            cure="give the pipeline a new name: versions on different base models are different models",
        )
    theirs = Adapter.from_json(blobs.get(champion.adapter))
    yield Contestant("champion", champion.digest, theirs, champion.prompt)


async def sit(
    contestant: Contestant, conditions: Conditions, blobs: Blobs, vault: Vault, show: Callable[[int, str], None]
) -> Sitting:
    """Asks one subject every item that it was not asked before under the same conditions.

    `show` is told how many more items are done and the speed, e.g. '14.2 items/s'. The engine is loaded only where an
    item is left. The scripted engine has no model, so that it answers for every subject alike: a dry run, which no gate
    lets pass. Raises PartFailed when the engine cannot be loaded or fails item after item, CheckFailed for an adapter
    without its files.
    """
    journal = AnswerJournal(conditions.journals / f"{short(_key(contestant, conditions))}.jsonl", vault)
    if conditions.fresh:
        journal.forget()
    known = journal.read(conditions.rows)
    earlier = _fitting(known, conditions)
    if known is not None and len(earlier) == len(conditions.rows):
        show(len(earlier), "answered before")
        return Sitting(_in_order(earlier, conditions.rows), known.engine, 0.0, len(earlier))
    adapter = None if conditions.engine.engine_name == "scripted" else _files(contestant.adapter, blobs)
    engine = await asyncio.to_thread(load_engine, conditions.engine, conditions.base, adapter)
    try:
        if known is not None and known.engine != engine.record:
            earlier = {}  # an upstream that serves another model now
        journal.begin(engine.record, scores=engine.capabilities.score)
        show(len(earlier), f"{len(earlier)} answered before" if earlier else "")
        started = time.perf_counter()
        given = await _ask(engine, contestant, conditions, earlier, journal, show)
        return Sitting(
            _in_order(earlier | given, conditions.rows), engine.record, time.perf_counter() - started, len(earlier)
        )
    finally:
        journal.close()
        await engine.stop()


async def _ask(
    engine: Engine,
    contestant: Contestant,
    conditions: Conditions,
    earlier: Mapping[Digest, Answered],
    journal: AnswerJournal,
    show: Callable[[int, str], None],
) -> dict[Digest, Answered]:
    """Asks the rows that are left; each answer is in the journal before it is counted."""
    guards = conditions.guards(contestant.prompt)
    left = [row for row in conditions.rows if row.digest not in earlier]
    started, done = time.perf_counter(), 0

    def answered_one(row: SnapshotRow, answered: Answered) -> None:
        nonlocal done
        journal.add(row, answered)
        done += 1
        show(1, f"{done / (time.perf_counter() - started):.1f} items/s")

    given = await answer_all(
        engine,
        guards,
        left,
        contestant.prompt,
        concurrency=conditions.spec.concurrency,
        scored={row.row_id for row in conditions.scored},
        answered_one=answered_one,
    )
    return {row.digest: answered for row, answered in zip(left, given, strict=True)}


def _key(contestant: Contestant, conditions: Conditions) -> Digest:
    files = contestant.adapter.files if contestant.adapter else ()
    weights = [file.digest for file in files] or [contestant.model]
    return digest_of({"weights": weights, "prompt": contestant.prompt.model_dump(mode="json"), **conditions.answering})


def _fitting(known: Known | None, conditions: Conditions) -> dict[Digest, Answered]:
    """The earlier answers that will do: where a row is to be scored, one without a score will not."""
    if known is None:
        return {}
    scored = {row.digest for row in conditions.scored} if known.scores else set()
    return {
        row: answered
        for row, answered in known.answers.items()
        if row not in scored or answered.mean_logprob is not None
    }


def _in_order(answers: Mapping[Digest, Answered], rows: Sequence[SnapshotRow]) -> tuple[Answered, ...]:
    return tuple(answers[row.digest] for row in rows)


def _files(adapter: Adapter | None, blobs: Blobs) -> AdapterFiles | None:
    """The adapter's files, their bytes checked against their digests."""
    if adapter is None:
        return None
    digests = {file.name: file.digest for file in adapter.files}
    try:
        weights, config = digests["adapter_model.safetensors"], digests["adapter_config.json"]
    except KeyError as missing:
        raise CheckFailed(
            f"the adapter has no {missing.args[0]}", where=adapter.pipeline, cure=f"sluice retrain {adapter.pipeline}"
        ) from None
    return AdapterFiles(weights=blobs.check(weights), config=blobs.check(config))
