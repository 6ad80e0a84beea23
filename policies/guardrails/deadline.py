"""Work on threads with a deadline: what is late is left behind, and what it says later is not heard.

A thread cannot be killed. So the number of those that do not come back is bounded, and beyond it nothing is checked and
nothing answered. Code that holds Python's global lock and never lets go stops the whole process: such code belongs into
a worker process.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Generic, TypeVar

from infra.errors import PartFailed

MOST_STUCK = 8
"""Threads that may be left behind in one process."""
_MOST_IDLE = 16
Part = TypeVar("Part")
"""What the jobs of one run share, made anew for each thread."""
Result = TypeVar("Result")


class ChecksStuck(PartFailed):
    """Too many checks have not come back."""

    def __init__(self) -> None:
        what = (
            f"{MOST_STUCK} checks of the guardrails have not come back, so nothing is checked and nothing is answered"
        )
        super().__init__(what, where="guardrails", cure="restart the service; the ledger names the checks (`.late`)")

    def __reduce__(self) -> tuple[object, ...]:
        """It has no parts."""
        return (ChecksStuck, ())


@dataclass(frozen=True)
class Job(Generic[Part, Result]):
    """One piece of work, how long it may take, and what is said in its place when it is late or breaks its thread."""

    work: Callable[[Part], Result]
    budget_s: float
    instead: Callable[[bool, float], Result]
    """(whether it is late, milliseconds) -> result."""


@dataclass(eq=False)
class _Batch(Generic[Part, Result]):
    """Jobs that one thread does in order. `lock` guards what both sides write."""

    jobs: Sequence[Job[Part, Result]]
    make: Callable[[], Part]
    ends: Callable[[Result], bool]
    until_s: float
    results: list[Result] = field(default_factory=list)
    begun_s: float = field(default_factory=time.perf_counter)
    left: bool = False
    finished: bool = False
    done: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def do(self) -> bool:
        """The thread's side. False when it was left behind."""
        part: Part | None = None
        for job in self.jobs:
            try:
                part = self.make() if part is None else part
                result = job.work(part)
            except BaseException:  # a check must not end its thread, not even by SystemExit
                result = job.instead(False, (time.perf_counter() - self.begun_s) * 1e3)
            with self.lock:
                if self.left:
                    return False
                self.results.append(result)
                self.begun_s = time.perf_counter()
            if self.ends(result):
                break
        with self.lock:
            self.finished = not self.left
        return self.finished

    def wait(self) -> bool:
        """The caller's side: True when all is done, False when the job under way is late and was left behind."""
        while True:
            with self.lock:
                if self.finished:
                    return True
                index = min(len(self.results), len(self.jobs) - 1)
                late_s = min(self.begun_s + self.jobs[index].budget_s, self.until_s)
                wait_s = late_s - time.perf_counter()
                if wait_s <= 0:
                    self.left = True
                    return False
                # A later job may begin meanwhile and be late sooner, though never sooner than its budget from now.
                wait_s = min(wait_s, *(job.budget_s for job in self.jobs[index:]))
            if self.done.wait(wait_s):
                return True


class Threads:
    """Daemon threads, made when they are needed: one that hangs does not keep the process from ending."""

    def __init__(self, most_stuck: int = MOST_STUCK) -> None:
        self._most_stuck = most_stuck
        self._idle: deque[SimpleQueue[_Batch[object, object]]] = deque()
        self._lock = threading.Lock()
        self._stuck = 0

    @property
    def stuck(self) -> int:
        """How many are left behind and have not come back."""
        return self._stuck

    @property
    def exhausted(self) -> bool:
        """Whether so many are left behind that nothing is checked any more."""
        return self._stuck >= self._most_stuck

    def begin(
        self,
        jobs: Sequence[Job[Part, Result]],
        make: Callable[[], Part],
        ends: Callable[[Result], bool],
        until_s: float = float("inf"),
    ) -> Callable[[], list[Result]]:
        """Begins to do the jobs in order, up to the first whose result ends it. A late one is skipped, on a new thread.

        What is given back waits for the end and gives the results; until it is called the caller may do other work. It
        must be called: only then it is noticed that a job is late. `until_s`: a moment of `time.perf_counter` that
        bounds all of them; what it cuts off is left out. Both raise ChecksStuck.
        """
        if not jobs:
            return list
        first = _Batch(jobs, make, ends, until_s)
        self._give(first)
        return lambda: self._finish(first)

    def _finish(self, batch: _Batch[Part, Result]) -> list[Result]:
        """Waits for a batch; where a job of it is late, for those that take up what is left."""
        jobs, results = batch.jobs, list[Result]()
        while True:
            whole = batch.wait()
            results += batch.results
            if whole:
                return results
            with self._lock:
                self._stuck += 1
            spent_ms = (time.perf_counter() - batch.begun_s) * 1e3
            if len(results) < len(jobs):
                results.append(jobs[len(results)].instead(True, spent_ms))
            if len(results) >= len(jobs) or batch.ends(results[-1]) or time.perf_counter() >= batch.until_s:
                return results
            batch = _Batch(jobs[len(results) :], batch.make, batch.ends, batch.until_s)
            self._give(batch)

    def _give(self, batch: _Batch[Part, Result]) -> None:
        with self._lock:
            if self.exhausted:
                raise ChecksStuck
            inbox = self._idle.pop() if self._idle else None
        if inbox is None:
            inbox = SimpleQueue()
            threading.Thread(target=self._serve, args=(inbox,), name="sluice-check", daemon=True).start()
        inbox.put(batch)  # type: ignore[arg-type]

    def _serve(self, inbox: SimpleQueue[_Batch[object, object]]) -> None:
        while True:
            batch = inbox.get()
            in_time = batch.do()
            with self._lock:
                self._stuck -= not in_time
                kept = len(self._idle) < _MOST_IDLE
                if kept:
                    self._idle.append(inbox)
            # Only now: whoever waits and comes again finds this thread idle.
            batch.done.set()
            if not kept:
                return


THREADS = Threads()
"""Those of the process: what is stuck is stuck for every policy."""
