"""The service's end of a validator's worker process: starts it, asks it, kills it past its time, and ends it.

States: starting -> ready -> asked -> ready; a worker that is late, dies, or answers nonsense or a flood is killed, and
the next text meets a fresh one. One text at a time; who waits too long for a turn is told so.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from dataclasses import asdict
from typing import Any

from infra.errors import BadInput, MissingPart, PartFailed, SluiceError
from infra.quiet import child_environment
from infra.validator_wire import BadFrame, Found, Late, Loading, found_of, has_input, read_frame, write_frame

_START_S = 300.0
"""Importing guardrails-ai and what a package needs takes seconds, on a busy machine many."""
_AGAIN_S = 10.0
"""For a fresh copy of a worker that is loaded."""
_TURN_S = 20.0
_MOST_PROCESSES = 16
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

_running: weakref.WeakSet[ValidatorProcess] = weakref.WeakSet()
_starting = threading.Lock()


class ValidatorProcess:
    """One validator in its process. Threads may share it."""

    def __init__(self, loading: Loading, *, budget_s: float) -> None:
        """Starts the process and waits until the validator is loaded and tried.

        Raises MissingPart, BadInput or PartFailed: not installed, does not take the arguments, wants the network ...
        """
        self._loading = loading
        self._budget_s = budget_s
        self._turn = threading.Lock()
        self._ids = itertools.count()
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline = -1
        self._copy = 0
        with _starting:
            if len(_running) >= _MOST_PROCESSES:
                cure = "let the policies name fewer validators"
                raise PartFailed(f"more than {_MOST_PROCESSES} validators from packages are in use", cure=cure)
            _running.add(self)
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def check(self, text: str) -> Found:
        """What the validator says of a text. Raises PartFailed when it says nothing in time, or nothing usable."""
        if not self._turn.acquire(timeout=_TURN_S):
            raise PartFailed("too many texts wait for a validator", cure="make its budget shorter, or ask it less")
        try:
            return self._ask(text)
        finally:
            self._turn.release()

    def close(self) -> None:
        """Ends the process."""
        self._kill()
        with _starting:
            _running.discard(self)

    def __del__(self) -> None:
        self._kill()

    @property
    def pids(self) -> tuple[int, ...]:
        """The loaded process and the copy that answers; empty when there is none."""
        return (self._process.pid, self._copy) if self._process is not None else ()

    def _ask(self, text: str) -> Found:
        if self._process is None:
            self._start()
        assert self._process is not None and self._process.stdin is not None and self._process.stdout is not None
        number = next(self._ids)
        deadline_s = time.monotonic() + self._budget_s
        asked = answered = False
        try:
            write_frame(self._process.stdin.fileno(), {"id": number, "text": text}, deadline_s)
            asked = True
            message = read_frame(self._process.stdout.fileno(), deadline_s)
            answered = True
            return self._result(message, number, len(text))
        except Late:
            self._renew(quickly=asked and not has_input(self._process.stdout.fileno()))
            raise PartFailed(
                "a validator took longer than its budget and was killed", cure="see its arguments"
            ) from None
        except BadFrame:
            self._renew(quickly=False)
            what = "answered nonsense" if answered else "broke off"
            raise PartFailed(f"a validator {what} and was killed", cure="see that its package is sound") from None

    def _result(self, message: dict[str, Any], number: int, length: int) -> Found:
        if "ready" in message:  # the copy died, and the next one is there
            self._copy = int(message["ready"])
            raise PartFailed("a validator's process died", cure="see that its memory is enough")
        if message.get("id") != number:
            raise BadFrame
        if "raised" in message:
            raise PartFailed("a validator raised an error", cure="see that it takes such texts")
        return found_of(message, length)

    def _renew(self, *, quickly: bool) -> None:
        """Kills what runs. `quickly`: the copy alone, the loaded process makes another; else all of it."""
        process = self._process
        if quickly and process is not None and process.stdout is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._copy, signal.SIGKILL)
            try:
                deadline_s = time.monotonic() + _AGAIN_S
                while "ready" not in (message := read_frame(process.stdout.fileno(), deadline_s)):
                    pass  # an answer that came too late
                self._copy = int(message["ready"])
                return
            except (BadFrame, Late, ValueError, TypeError):
                pass
        self._kill()

    def _start(self) -> None:
        reading, self._lifeline = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "infra.validator_worker", str(reading)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                pass_fds=(reading,),
                env=child_environment(drop_prefixes=("SLUICE_HOME",), add=_ONE_THREAD),
                start_new_session=True,
            )
        finally:
            os.close(reading)
        assert self._process.stdin is not None and self._process.stdout is not None
        os.set_blocking(self._process.stdin.fileno(), False)
        deadline_s = time.monotonic() + _START_S
        try:
            write_frame(self._process.stdin.fileno(), asdict(self._loading), deadline_s)
            message = read_frame(self._process.stdout.fileno(), deadline_s)
            if "unfit" not in message:
                self._copy = int(message["ready"])
                return
        except (BadFrame, KeyError, ValueError, TypeError):
            self._kill()
            raise PartFailed(
                "the validator's process ended while it loaded", cure="see its memory and package"
            ) from None
        except Late:
            self._kill()
            raise PartFailed(f"the validator did not load within {_START_S:.0f} s", cure="try again") from None
        self._kill()
        raise _unfit(self._loading.package, str(message["unfit"]), str(message.get("detail", "")))

    def _kill(self) -> None:
        """Ends the loaded process and its copy, whatever they do."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1


def _unfit(package: str, reason: str, detail: str) -> SluiceError:
    """One sentence for why a validator cannot be used."""
    named = package.replace("_", "-")
    match reason:
        case "not-installed":
            cure = f"pip install guardrails-ai-{named}; five come with pip install 'sluicegate[validators]'"
            return MissingPart(f"the validator package {named!r} is not installed", cure=cure)
        case "which":
            return BadInput(
                f"the package {named!r} has no validator of this name", cure=f"`validator`: one of {detail}"
            )
        case "arguments":
            takes = f"it takes {detail}" if detail else "it takes none"
            return BadInput(f"the arguments do not fit the validator {named!r}: {takes}", cure="correct `arguments`")
        case "network":
            what = f"the validator {named!r} wants a model or a service from the network, and validators get none"
            return PartFailed(what, cure="name one that works offline")
        case "needs":
            what = f"the validator {named!r} needs the module {detail[:60]!r}, which is not installed"
            return MissingPart(what, cure="install it beside the validator")
        case "memory":
            return PartFailed(f"the validator {named!r} needs more memory than it may have", cure="raise `memory_mib`")
    return BadInput(f"the validator {named!r} does not start: {detail[:60]}", cure="see its `arguments`")
