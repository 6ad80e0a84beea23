"""How fast the CPU engine is: loading, one reader, sixteen readers, short answers. Prints a table.

.venv/bin/python tests/bench/bench_engine.py
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from pathlib import Path
from typing import Literal

from infra.base_model import BaseModel, prepare_base_model
from infra.engines.engine import Generation, Message, Sampling
from infra.engines.openvino import OpenVinoEngine
from infra.home import Home
from infra.quiet import hush

_SYSTEM = "You sort the tickets of an online shop. Answer with the intent alone. " * 8
_LONG = "The parcel was sent on Monday and has not arrived, although the page says that it has. " * 10


async def _one(engine: OpenVinoEngine, text: str, tokens: int) -> tuple[float, float, int]:
    """Seconds to the first piece, seconds in all, tokens."""
    request = Generation((Message("system", _SYSTEM), Message("user", text)), Sampling(tokens))
    started = time.perf_counter()
    first_s, count = 0.0, 0
    async for chunk in engine.generate(request):
        first_s = first_s or time.perf_counter() - started
        count = chunk.completion_tokens
    return first_s, time.perf_counter() - started, count


async def _many(engine: OpenVinoEngine, readers: int, requests: int, tokens: int, text: str) -> tuple[float, float]:
    """Tokens and requests per second with `readers` at once."""
    gate = asyncio.Semaphore(readers)

    async def ask(number: int) -> int:
        async with gate:
            return (await _one(engine, f"{number}. {text}", tokens))[2]

    started = time.perf_counter()
    counts = await asyncio.gather(*(ask(number) for number in range(requests)))
    took_s = time.perf_counter() - started
    return sum(counts) / took_s, requests / took_s


async def _measure(engine: OpenVinoEngine) -> list[str]:
    await _many(engine, 2, 2, 4, "warm up")
    first_s = statistics.median([(await _one(engine, f"{number} {_LONG}", 1))[0] for number in range(3)])
    alone = await _many(engine, 1, 2, 96, _LONG)
    sixteen = await _many(engine, 16, 32, 64, _LONG)
    short = await _many(engine, 16, 96, 4, "Where is my card?")
    await engine.stop()
    return [f"{1000 * first_s:.0f}", f"{alone[0]:.0f}", f"{sixteen[0]:.0f}", f"{short[1]:.1f}"]


def _row(base: BaseModel, precision: Literal["exact", "fast"]) -> str:
    started = time.perf_counter()
    engine = OpenVinoEngine(base, None, precision=precision)
    load_s = time.perf_counter() - started
    cells = [precision, f"{load_s:.1f}", *asyncio.run(_measure(engine))]
    return "".join(cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True))


_WIDTHS = (10, 9, 17, 14, 14, 30)
_HEAD = ("engine", "load s", "first token ms", "tokens/s, 1", "tokens/s, 16", "short answers/s at 16")


def main() -> None:
    """Prepares the base model where needed, and measures both precisions."""
    hush()
    home = Home.open(Path.home() / ".cache" / "sluice-bench")
    base = prepare_base_model(home, lambda sentence: print(sentence, file=sys.stderr))
    print("".join(head.ljust(width) for head, width in zip(_HEAD, _WIDTHS, strict=True)))
    for precision in ("exact", "fast"):
        print(_row(base, precision), flush=True)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
