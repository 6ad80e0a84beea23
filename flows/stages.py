"""Stages: a Prefect task around each plain function; where the same digests went in before, its result is used again.

Prefect keeps under the digest of the inputs (flows/stage_inputs.py) which contract came out, as a small JSON file in
`SLUICE_HOME/stages`; the contract itself lies among the blobs. A result of which anything is gone is made anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from flows.failures import only_our_words
from flows.stage_inputs import STAGES, StageInputs, StageName
from flows.steps.record_stage import record_reused
from flows.workshop import Workshop
from infra.contracts.base import Contract, DigestStr, Frozen
from infra.digest import short
from infra.errors import BadInput, SluiceError

ContractT = TypeVar("ContractT", bound=Contract)
Result = TypeVar("Result")


@dataclass(frozen=True)
class StageRun:
    """How a stage went in this run: its work was done here, or in the run that `made_by` names."""

    name: str
    origin: Literal["ran", "reused"]
    made_by: str
    seconds: float


class StageRecord(Frozen):
    """What Prefect keeps of a stage: the contract that it handed on, and the run that did the work."""

    produced: DigestStr
    run_id: str


@dataclass(frozen=True)
class Fresh:
    """Which stages must not use an earlier result: all from one on, or none (`--no-cache`, `--from`)."""

    since: StageName | None = None

    @classmethod
    def of(cls, *, no_cache: bool, since: str) -> Fresh:
        """Reads the two options. Raises BadInput for a stage that there is none of."""
        if not since:
            return cls("dataset" if no_cache else None)
        for name in STAGES:
            if name == since:
                return cls("dataset" if no_cache else name)
        raise BadInput(f"no stage {since!r}", where="--from", cure=f"one of: {', '.join(STAGES)}")

    def covers(self, stage: StageName) -> bool:
        """Whether this stage must do its work in this run."""
        return self.since is not None and STAGES.index(stage) >= STAGES.index(self.since)


NOTHING_FRESH = Fresh()
"""What every run does unless it is told otherwise."""


@dataclass
class Stages:
    """The stages of one run, in their order."""

    pipeline: str
    shop: Workshop
    fresh: Fresh = NOTHING_FRESH
    runs: list[StageRun] = field(default_factory=list)

    def run(
        self,
        inputs: StageInputs,
        kind: type[ContractT],
        work: Callable[[], ContractT],
        adopt: Callable[[ContractT], ContractT],
    ) -> ContractT:
        """Gives the stage's contract, made here or found.

        `adopt` takes a found one over: it raises SluiceError when a part of it is gone, and binds it to this run's
        parents. Raises whatever the work raises.
        """
        fresh = self.fresh.covers(inputs.stage)
        start = time.monotonic()
        found = self._task(inputs, work, refresh=fresh)
        reused = found.run_id != self.shop.run_id
        try:
            result = kind.from_json(self.shop.blobs.get(found.produced))
            if reused:
                result = adopt(result)
        except SluiceError as error:
            if not reused:
                raise
            self.shop.progress.say(f"{inputs.stage}: the earlier result cannot be used ({error.what}); it is made anew")
            found, reused = self._task(inputs, work, refresh=True), False
            result = kind.from_json(self.shop.blobs.get(found.produced))
        self._note(inputs.stage, found, result, time.monotonic() - start, reused=reused)
        return result

    def _task(self, inputs: StageInputs, work: Callable[[], Contract], *, refresh: bool) -> StageRecord:
        from prefect import task
        from prefect.cache_policies import CacheKeyFnPolicy

        shop = self.shop

        @task(
            name=inputs.stage,
            task_run_name=inputs.stage,
            cache_policy=CacheKeyFnPolicy(cache_key_fn=lambda _, __: inputs.digest.replace(":", "-")),
            refresh_cache=refresh,
            persist_result=True,
            result_storage=shop.settings.home.folder(shop.settings.home.stages),
            result_serializer="json",
        )
        def stage() -> str:
            with _watched(inputs.stage, shop):
                return StageRecord(produced=work().digest, run_id=shop.run_id).model_dump_json()

        return StageRecord.model_validate_json(stage())

    def _note(self, name: StageName, found: StageRecord, result: Contract, seconds: float, *, reused: bool) -> None:
        if reused:
            record_reused(self.shop, self.pipeline, name, result.digest, made_by=found.run_id)
            self.shop.progress.say(
                f"{name}: nothing changed since {found.run_id}, {short(result.digest)} is used again"
            )
        self.runs.append(StageRun(name, "reused" if reused else "ran", found.run_id, round(seconds, 3)))


def step(name: str, shop: Workshop, work: Callable[[], Result]) -> Result:
    """Runs as a Prefect task what must be done in every run: it changes the world and is repeatable by itself."""
    from prefect import task
    from prefect.cache_policies import NO_CACHE

    @task(name=name, task_run_name=name, cache_policy=NO_CACHE, persist_result=False)
    def stage() -> Result:
        with _watched(name, shop):
            return work()

    return stage()


@contextmanager
def _watched(name: str, shop: Workshop) -> Iterator[None]:
    """A span around a stage; nothing but our own words about a failure leaves it."""
    from infra.telemetry import span

    with span(f"sluice.stage {name}"), only_our_words(f"the stage {name}", shop.settings.home):
        yield
