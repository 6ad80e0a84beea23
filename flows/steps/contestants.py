"""Who is evaluated, and how one subject answers: its engine loaded once, asked every item, and stopped whatever
happens.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flows.pipeline import EvaluationSpec, Pipeline
from flows.steps.generate import answer_all
from flows.steps.results import Answered
from infra.base_model import BaseModel
from infra.contracts.adapter import Adapter
from infra.contracts.evaluation import EngineRecord, Subject
from infra.contracts.model_version import ModelVersion, PromptSpec
from infra.contracts.row import SnapshotRow
from infra.digest import Digest
from infra.engines.load import AdapterFiles, load_engine
from infra.errors import CheckFailed
from infra.ner import NameFinders
from infra.settings import EngineSettings
from infra.stores.blobs import Blobs
from policies.policy import GuardrailPolicy


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
    policy: GuardrailPolicy
    names: NameFinders
    engine: EngineSettings
    base: BaseModel | None
    spec: EvaluationSpec


@dataclass(frozen=True)
class Sitting:
    """One subject's answers in the order of the rows, and what gave them."""

    answers: tuple[Answered, ...]
    engine: EngineRecord
    seconds: float


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


async def sit(contestant: Contestant, conditions: Conditions, blobs: Blobs, show: Callable[[str], None]) -> Sitting:
    """Asks one subject every item. `show` is called after each with the speed, e.g. '14.2 items/s'.

    The scripted engine has no model, so that it answers for every subject alike: a dry run, which no gate lets pass.

    Raises PartFailed when the engine cannot be loaded or fails item after item, CheckFailed for an adapter without
    its files.
    """
    # Late: guardrails-ai takes seconds to import.
    from policies.guardrails.compiled import compile_guards

    guards = compile_guards(conditions.policy, prompt=contestant.prompt, names=conditions.names)
    adapter = None if conditions.engine.engine_name == "scripted" else _files(contestant.adapter, blobs)
    engine = await asyncio.to_thread(load_engine, conditions.engine, conditions.base, adapter)
    started, done = time.perf_counter(), 0

    def advance() -> None:
        nonlocal done
        done += 1
        show(f"{done / (time.perf_counter() - started):.1f} items/s")

    try:
        answers = await answer_all(
            engine,
            guards,
            conditions.rows,
            contestant.prompt,
            concurrency=conditions.spec.concurrency,
            score_items=conditions.spec.score_items,
            advance=advance,
        )
        return Sitting(answers, engine.record, time.perf_counter() - started)
    finally:
        await engine.stop()


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
