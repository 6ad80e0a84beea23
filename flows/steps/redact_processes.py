"""Redacts over all cores: processes of our own that get a policy and batches as JSON over pipes. The order is kept.

Nothing is pickled, and nothing of this process but the policy reaches them. Each loads the name model once.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from flows.steps import redact_worker
from flows.steps.load_guards import load_guards
from flows.steps.redact_texts import Batch, BatchRedactor, Carried, InTurn, RedactedText, Results, all_redacted
from infra.cores import cores
from infra.errors import PartFailed
from infra.quiet import child_environment
from policies.expectations.rows import Language
from policies.policy import GuardrailPolicy

FEW_ROWS = 2_000
"""Below so many rows another process costs more, for loading its models, than it spares."""
_AHEAD = 2
"""Batches under way for each process, so that none waits for the next."""
_END_WAIT_S = 5.0
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""There is a process for each core: threads beside it would only wait for each other."""


def processes_for(rows: int) -> int:
    """How many processes pay for so many rows."""
    return 1 if rows < FEW_ROWS else cores()


@dataclass(frozen=True, slots=True)
class _Find:
    start: int
    end: int
    entity: str


@dataclass(frozen=True, slots=True)
class _Redacted:
    text: str = field(repr=False)
    spans: tuple[_Find, ...]


class RedactionProcesses:
    """A redactor spread over processes; they load while this process does other things. Close it, or use `with`."""

    def __init__(self, policy: GuardrailPolicy, processes: int) -> None:
        self._policy = policy
        self._all = [_Process(policy) for _ in range(processes)]
        self._idle: SimpleQueue[_Process] = SimpleQueue()
        for process in self._all:
            self._idle.put(process)
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="redact")

    @property
    def policy(self) -> GuardrailPolicy:
        """The policy whose detectors are at work."""
        return self._policy

    def redact_rows(self, texts: Sequence[str], languages: Sequence[Language]) -> tuple[RedactedText, ...]:
        """Redacts one batch. Raises PartFailed when a check fails on a text, or a process ended."""
        return all_redacted(self._redact(Batch(tuple(texts), tuple(languages), None)))

    def redact_batches(self, batches: Iterable[Batch[Carried]]) -> Iterator[tuple[Carried, Results]]:
        """Redacts every batch, in order, a few at once. Raises PartFailed when a process ended."""
        waiting: deque[tuple[Carried, Future[Results]]] = deque()
        coming = iter(batches)
        try:
            while True:
                for batch in islice(coming, _AHEAD * len(self._all) - len(waiting)):
                    waiting.append((batch.carried, self._threads.submit(self._redact, batch)))
                if not waiting:
                    return
                carried, done = waiting.popleft()
                yield carried, done.result()
        finally:
            for _, left in waiting:
                left.cancel()

    def close(self) -> None:
        """Ends the processes."""
        for process in self._all:
            process.end()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> RedactionProcesses:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _redact(self, batch: Batch[Any]) -> Results:
        if not batch.texts:
            return ()
        process = self._idle.get()
        try:
            return process.redact(batch.texts, batch.languages)
        finally:
            self._idle.put(process)


def open_redactor(policy: GuardrailPolicy, processes: int) -> RedactionProcesses | InTurn:
    """The redactor for so many processes: one is this one."""
    return RedactionProcesses(policy, processes) if processes > 1 else InTurn(load_guards(policy.redacting()), policy)


def close_redactor(redactor: BatchRedactor) -> None:
    """Ends the processes of a redactor that has some."""
    if isinstance(redactor, RedactionProcesses):
        redactor.close()


class _Process:
    """One worker and its two pipes. Used by one thread at a time."""

    def __init__(self, policy: GuardrailPolicy) -> None:
        self._popen = subprocess.Popen(
            [sys.executable, "-P", "-m", redact_worker.__name__],
            env=child_environment(add=_ONE_THREAD),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._ready = False
        self._first = policy.redacting().to_json()

    def redact(self, texts: Sequence[str], languages: Sequence[Language]) -> Results:
        """One batch. Raises PartFailed."""
        if not self._ready:
            self._ask(self._first)
            self._ready = True
        answer = self._ask(json.dumps({"texts": texts, "languages": languages}).encode())
        return tuple(_result(text, row) for text, row in zip(texts, answer["rows"], strict=True))

    def end(self) -> None:
        """Ends the process, at the latest by killing it."""
        if self._popen.poll() is None:
            self._popen.terminate()
        try:
            self._popen.wait(_END_WAIT_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except OSError:
                continue  # what was still to be written has no reader any more

    def _ask(self, line: bytes) -> dict[str, Any]:
        assert self._popen.stdin is not None and self._popen.stdout is not None
        try:
            self._popen.stdin.write(line + b"\n")
            self._popen.stdin.flush()
            answer = self._popen.stdout.readline()
        except (OSError, ValueError):
            answer = b""
        if not answer.endswith(b"\n"):
            raise PartFailed(f"a redaction process ended: {self._why()}", cure="use fewer processes: --processes 1")
        found: dict[str, Any] = json.loads(answer)
        if "failed" in found:
            raise PartFailed(found["failed"], cure=found["cure"])
        return found

    def _why(self) -> str:
        try:
            status = self._popen.wait(_END_WAIT_S)
        except subprocess.TimeoutExpired:
            return "it closed its output"
        return f"killed by {signal.Signals(-status).name}" if status < 0 else f"status {status}"


def _result(text: str, row: list[Any] | None) -> RedactedText | None:
    if row is None:
        return None
    redacted, spans = row
    return _Redacted(text if redacted is None else redacted, tuple(_Find(*span) for span in spans))
