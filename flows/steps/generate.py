"""Every held-out item answered once by one engine, on the path that serving takes: guard, generate, guard.

One event loop, a fixed number of answers under way. An item that fails is an item in error; an engine that fails
item after item is a failed part.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Literal

from flows.steps.results import Answered
from infra.contracts.model_version import PromptSpec
from infra.contracts.row import SnapshotRow
from infra.engines.engine import Engine, Message, Sampling
from infra.errors import PartFailed, SluiceError

if TYPE_CHECKING:
    from policies.guardrails.compiled import Guards
    from policies.guardrails.guarded import Ended

_ANSWER_TIMEOUT_S = 120.0
"""An answer that takes longer is an error: an engine that hangs must not hold up a run for ever."""

_FAILURES_IN_A_ROW = 16
"""So many items in error one after the other mean that the engine is gone, and that further items would tell nothing.
"""


async def answer_all(
    engine: Engine,
    guards: Guards,
    rows: Sequence[SnapshotRow],
    prompt: PromptSpec,
    *,
    concurrency: int,
    scored: Collection[str] = (),
    answered_one: Callable[[SnapshotRow, Answered], None] = lambda _row, _answered: None,
) -> tuple[Answered, ...]:
    """Answers every row, `concurrency` at once; results are in the rows' order. Rows whose ids are in `scored`
    are also scored. `answered_one` is told each answer as it comes.

    Raises PartFailed when items in error follow each other without end: the engine is gone.
    """
    results: list[Answered | None] = [None] * len(rows)
    waiting = iter(enumerate(rows))
    failures_in_a_row = 0

    async def work() -> None:
        nonlocal failures_in_a_row
        for index, row in waiting:
            score = row.row_id in scored and engine.capabilities.score
            results[index] = answered = await _answer_one(engine, guards, row, prompt, score=score)
            failures_in_a_row = failures_in_a_row + 1 if answered.ended == "error" else 0
            if failures_in_a_row >= _FAILURES_IN_A_ROW:
                raise PartFailed(
                    f"{failures_in_a_row} items in a row failed, the last one with: {answered.failure}",
                    where=f"engine {engine.record.name}",
                    cure="see what the engine says, then run the same command again: finished stages are kept",
                )
            answered_one(row, answered)

    workers = [asyncio.create_task(work()) for _ in range(min(concurrency, len(rows)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return tuple(result for result in results if result is not None)


async def _answer_one(engine: Engine, guards: Guards, row: SnapshotRow, prompt: PromptSpec, *, score: bool) -> Answered:
    started = time.perf_counter()
    try:
        async with asyncio.timeout(_ANSWER_TIMEOUT_S):
            messages, ended = await _guarded(engine, guards, row, prompt)
        seconds = time.perf_counter() - started
        logprob = await engine.score(messages, row.answer) if score else None
    except TimeoutError:
        return _error(row, started, f"no answer within {_ANSWER_TIMEOUT_S:g} s")
    except SluiceError as error:
        return _error(row, started, error.what)
    if ended is None or ended.outcome not in {"answered", "blocked"}:
        return _error(row, started, f"the answer ended as {ended.outcome if ended else 'nothing'}")
    # An answer that was cut off may be blocked for that very reason (half a JSON object): cut off is what it was.
    blocked = ended.outcome == "blocked"
    cut = ended.finish_reason == "length" or (blocked and ended.completion_tokens >= prompt.max_new_tokens)
    state: Literal["whole", "truncated", "blocked"] = "truncated" if cut else "blocked" if blocked else "whole"
    return Answered(row.row_id, ended.text, state, seconds, ended.completion_tokens, logprob)


async def _guarded(
    engine: Engine, guards: Guards, row: SnapshotRow, prompt: PromptSpec
) -> tuple[tuple[Message, ...], Ended | None]:
    """One item on the path of serving: the messages as the engine saw them, and how it ended."""
    # Late: guardrails-ai takes seconds to import.
    from policies.guardrails.guarded import Ended, InputChecked, answer

    system = (Message("system", prompt.system),) if prompt.system else ()
    messages = (*system, Message("user", row.text))
    sampling = Sampling(max_new_tokens=prompt.max_new_tokens)
    ended: Ended | None = None
    async for step in answer(guards, engine, messages, sampling, stream=False):
        if isinstance(step, InputChecked):
            messages = step.messages
        elif isinstance(step, Ended):
            ended = step
    return messages, ended


def _error(row: SnapshotRow, started: float, failure: str) -> Answered:
    return Answered(row.row_id, "", "error", time.perf_counter() - started, 0, failure=failure)
