"""What guarding costs a stream: time to the first piece, processor time per character, memory for a long answer.

.venv/bin/python -P tests/bench/guard/stream_cost.py [--data ../shared/data] [--home .sluice]

The peer in each table is measured in the same run: the same engine without checks, the same text in larger pieces, a
quarter of the text. The real engine takes part where its model is in the home.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import statistics
import time
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from infra.base_model import open_base_model
from infra.engines.engine import Chunk, Engine, Generation, Message, Sampling
from infra.engines.scripted import ScriptedEngine
from infra.errors import SluiceError
from infra.guard_models import Models
from infra.home import Home
from infra.ner import load_name_finders
from infra.rules import read_rule
from policies.guardrails.compiled import Guards, compile_guards
from policies.guardrails.guarded import Delta, Ended, answer
from policies.policy import GuardrailPolicy, parse_guardrails

_TOKEN_S = 0.02
"""Between two tokens: 50 tokens a second, as a small model on two cores writes (shared/FACTS.md)."""
_ROUNDS = 5
_PROSE = (
    "Thank you for your message. We looked at the order and it will arrive on Monday, between nine and noon. Please "
    "keep the receipt until then; the team can change the address or send a new card if you prefer. "
    "Hemos revisado el pedido y llegará el lunes por la mañana. If anything is missing, write to desk@example.org. "
)
_MEGABYTE = 1_000_000


class LongAnswers(ScriptedEngine):
    """The scripted engine with answers of 1,500 characters, four of them a token."""

    async def generate(self, request: Generation) -> AsyncIterator[Chunk]:
        text = (_PROSE * 5)[:1500]
        for count in range(0, len(text), 4):
            await asyncio.sleep(_TOKEN_S)
            yield Chunk(text[count : count + 4], 9, count // 4 + 1)
        yield Chunk("", 9, len(text) // 4, "stop")


def default_policy() -> GuardrailPolicy:
    """The shipped one, without its bound on the size of an answer."""
    rule = read_rule("guardrails", "default")
    text = re.sub(r"max_characters: \d+", "max_characters: 1000000000", rule.text)
    return parse_guardrails(text, source=rule.source)


def without_checks(policy: GuardrailPolicy) -> GuardrailPolicy:
    """The peer: nothing is asked of an answer."""
    return policy.model_copy(update={"input": (), "output": (), "examples": ()})


async def _timed(guards: Guards, engine: Engine) -> tuple[float, float]:
    """Seconds to the first piece and to the end."""
    asked = (Message("user", "Tell me in two hundred words what a parcel goes through on its way to me."),)
    begun_s, first_s = time.perf_counter(), 0.0
    async for step in answer(guards, engine, asked, Sampling(max_new_tokens=300), stream=True, language="en"):
        if isinstance(step, Delta | Ended) and not first_s:
            first_s = time.perf_counter() - begun_s
    return first_s, time.perf_counter() - begun_s


def first_pieces(console: Console, engines: dict[str, Engine], on: Guards, off: Guards) -> None:
    """Time to the first piece, guarding on and off in turn."""

    async def measure() -> None:
        for name, engine in engines.items():
            await _timed(on, engine)
            rounds = [(await _timed(on, engine), await _timed(off, engine)) for _ in range(_ROUNDS)]
            values = [statistics.median(one[side][part] for one in rounds) for part in (0, 1) for side in (0, 1)]
            table.add_row(name, *(f"{value:.3f}" for value in values))
            await engine.stop()

    title = f"time to the first piece of a streamed answer, s (median of {_ROUNDS})"
    table = Table("engine", "first, guarded", "first, no checks", "whole, guarded", "whole, no checks", title=title)
    asyncio.run(measure())
    console.print(table)


def cost(guards: Guards, characters: int, size: int) -> float:
    """Processor microseconds a character, for an answer in pieces of one size."""
    text = (_PROSE * (characters // len(_PROSE) + 1))[:characters]
    stream = guards.stream("en", keeps=False)
    begun_s = time.process_time()
    for start in range(0, characters, size):
        stream.push(text[start : start + size])
    stream.finish()
    assert not stream.blocked
    return (time.process_time() - begun_s) / characters * 1e6


def memory(guards: Guards, characters: int) -> tuple[float, float]:
    """The most kB that Python holds beyond the beginning, and what the process has grown by, over one answer."""
    stream = guards.stream("en", keeps=False)
    rss = psutil.Process().memory_info().rss
    tracemalloc.start()
    for _ in range(characters // len(_PROSE)):
        stream.push(_PROSE)
    stream.finish()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e3, (psutil.Process().memory_info().rss - rss) / 1e3


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=None, help="not needed here")
    parser.add_argument("--home", type=Path, default=Path(os.environ.get("SLUICE_HOME", ".sluice")))
    parser.add_argument("--characters", type=int, default=_MEGABYTE)
    given = parser.parse_args()
    console, policy, names = Console(), default_policy(), load_name_finders()
    on, off = (
        compile_guards(policy, prompt=None, models=Models(names=names)),
        compile_guards(without_checks(policy), prompt=None, models=Models(names=names)),
    )
    engines: dict[str, Engine] = {
        "scripted, short answers": ScriptedEngine(delay_s=_TOKEN_S),
        "scripted, 1,500 characters": LongAnswers(),
    }
    try:
        base = open_base_model(Home(given.home))
        from infra.engines.openvino import OpenVinoEngine

        engines["OpenVINO, SmolLM2-135M"] = OpenVinoEngine(base, None, precision="exact")
    except (SluiceError, ImportError) as error:
        console.print(f"without the real engine: {type(error).__name__} (no base model in {given.home})")
    first_pieces(console, engines, on, off)

    lists = compile_guards(policy, prompt=None, names=replace(names, en=None, es=None))
    table = Table(
        "checks", "characters", "pieces of 1", "pieces of 1,000", "ratio", title="processor time, µs a character"
    )
    for name, guards, characters in (
        ("default policy", on, given.characters // 50),
        ("without the name model", lists, given.characters // 5),
        ("none", off, given.characters),
    ):
        ones, thousands = cost(guards, characters, 1), cost(guards, characters, 1000)
        table.add_row(name, f"{characters:,}", f"{ones:.2f}", f"{thousands:.2f}", f"{ones / thousands:.2f}")
    console.print(table)

    table = Table(
        "characters",
        "Python, most kB",
        "process, grown by kB",
        title="memory of one streamed answer, without the name model",
    )
    memory(lists, 20_000)
    for characters in (given.characters // 4, given.characters):
        peak, grown = memory(lists, characters)
        table.add_row(f"{characters:,}", f"{peak:,.0f}", f"{grown:,.0f}")
    console.print(table)


if __name__ == "__main__":
    main()
