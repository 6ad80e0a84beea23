"""How much the endpoint adds to an answer: a real gateway with the scripted engine, at 1, 8 and 32 callers at once.

.venv/bin/python tests/bench/bench_gateway.py
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil

from infra import processes
from infra.quiet import hush
from infra.server_state import read_state
from infra.settings import read_settings
from infra.stores.callers import Callers

_TEXT = "My order 0000 has not arrived yet, where is it?"
"""The number changes, and with it the scripted answer: some are names for the guards to weigh, most are not."""
_CALLERS = (1, 8, 32)
_REQUESTS = 400


@dataclass(frozen=True)
class Figures:
    """One line of the table."""

    callers: int
    per_s: float
    median_ms: float
    p99_ms: float
    cpu_ms: float


async def _ask(url: str, request: bytes, times_s: list[float], requests: int) -> None:
    """One caller on one connection. Raw sockets: an HTTP client would cost as much as the gateway."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    for number in range(requests):
        begun_s = time.perf_counter()
        writer.write(request.replace(b"order 0000", f"order {number:04d}".encode()))
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise SystemExit(head.decode())
        length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        await reader.readexactly(length)
        times_s.append(time.perf_counter() - begun_s)
    writer.close()


async def _measure(url: str, request: bytes, worker: psutil.Process, callers: int) -> Figures:
    times_s: list[float] = []
    before, begun_s = worker.cpu_times(), time.perf_counter()
    await asyncio.gather(*(_ask(url, request, times_s, _REQUESTS // callers) for _ in range(callers)))
    took_s, after = time.perf_counter() - begun_s, worker.cpu_times()
    cpu_s = after.user + after.system - before.user - before.system
    ordered = sorted(times_s)
    count = len(ordered)
    p99_ms = ordered[int(count * 0.99) - 1] * 1e3
    return Figures(callers, count / took_s, statistics.median(ordered) * 1e3, p99_ms, cpu_s / count * 1e3)


def main() -> None:
    """Starts a gateway in a home of its own, measures, and ends it."""
    hush()
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        settings = read_settings({"SLUICE_HOME": folder})
        begun_s = time.perf_counter()
        service = processes.ensure(settings, ("gateway",), engine="scripted")[0]
        print(f"ready after {time.perf_counter() - begun_s:.1f} s; load {psutil.getloadavg()[0]:.1f}")
        try:
            state = read_state(settings.home, "gateway")
            assert state is not None  # it was started
            worker = psutil.Process(state.pid).children()[0]
            body = json.dumps({"model": "bench", "messages": [{"role": "user", "content": _TEXT}]}).encode()
            key = Callers(settings.home).create("bench").key
            head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\n"
            request = f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
            print(f"{'callers':>8} {'answers/s':>10} {'median ms':>10} {'p99 ms':>8} {'CPU ms each':>12}")
            for callers in _CALLERS:
                line = asyncio.run(_measure(service.url, request, worker, callers))
                figures = (line.per_s, line.median_ms, line.p99_ms, line.cpu_ms)
                print("{:>8} {:>10.0f} {:>10.1f} {:>8.1f} {:>12.1f}".format(callers, *figures))
            print(f"memory of the worker: {worker.memory_info().rss / 1e6:.0f} MB")
        finally:
            processes.stop(settings.home)


if __name__ == "__main__":
    main()
