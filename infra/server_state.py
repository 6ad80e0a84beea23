"""What is known of one local server: its state file, whether that very process still lives, and how it is ended.

A pid alone names nothing, since pids are used again: a server is its pid together with the time at which that process
started. A process whose start time differs is somebody else's and is never waited for or killed. Which servers there
are, and how they are started, stands in `server_commands.py`; the order of it all in `processes.py`.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from infra.contracts.base import Frozen
from infra.errors import StoreError
from infra.home import Home, write_atomic

if TYPE_CHECKING:
    import psutil

ServerName = Literal["prefect", "mlflow", "gateway", "worker"]

_CLOCK_SLACK_S = 2.0
"""The start time is read from the boot time and ticks: a clock that is set while the server runs moves it a little."""
_TERM_WAIT_S = 30.0
_KILL_WAIT_S = 10.0


class ServerState(Frozen):
    """One server that was started, as its file in `home.processes` says it."""

    name: ServerName
    url: str
    pid: int
    started: float
    """Start time of the process, in seconds since 1970."""
    health_path: str
    """Answers 200 when the server is up."""
    engine: str = ""
    """What the gateway generates with; empty for the other servers."""
    log: str
    log_offset: int
    """Where in the log this start begins, in bytes."""


def state_path(home: Home, name: ServerName) -> Path:
    """Where the state of a server lies."""
    return home.processes / f"{name}.json"


def write_state(home: Home, state: ServerState) -> None:
    """Writes the state file. Raises StoreError."""
    home.folder(home.processes)
    write_atomic(state_path(home, state.name), state.model_dump_json().encode())


def read_state(home: Home, name: ServerName) -> ServerState | None:
    """Reads the state of a server, None where it was never started or was stopped. Raises StoreError (spoilt file)."""
    path = state_path(home, name)
    try:
        return ServerState.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError):
        cure = f"delete it; if a {name} server still runs, end it by hand first"
        raise StoreError("the state file of the server cannot be read", where=str(path), cure=cure) from None


def forget_state(home: Home, name: ServerName) -> None:
    """Removes the state file."""
    state_path(home, name).unlink(missing_ok=True)


def start_time(pid: int) -> float | None:
    """When the process started, in seconds since 1970; None where there is none (a zombie is none)."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None


def is_alive(state: ServerState) -> bool:
    """True while the very process that was started lives; False once it ended, even when its pid is in use again."""
    started = start_time(state.pid)
    return started is not None and abs(started - state.started) < _CLOCK_SLACK_S


def end_server(state: ServerState, *, term_wait_s: float = _TERM_WAIT_S) -> None:
    """Ends a server with everything it started: SIGTERM to its group, SIGKILL to what is left after `term_wait_s`.

    A server that was killed before may have left children behind: those of its session are ended too.
    Nothing is done when the pid belongs to another process by now.
    """
    import psutil

    family = _family(state)
    if not family:
        return
    if is_alive(state):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(state.pid, signal.SIGTERM)
    else:
        _signal(family, signal.SIGTERM)
    _, left = psutil.wait_procs(family, timeout=term_wait_s)
    if left:
        _signal(left, signal.SIGKILL)
        psutil.wait_procs(left, timeout=_KILL_WAIT_S)


def _family(state: ServerState) -> list[psutil.Process]:
    """The server and its descendants (some sit in sessions of their own), or what a dead server left in its session."""
    import psutil

    if is_alive(state):
        with contextlib.suppress(psutil.Error):
            leader = psutil.Process(state.pid)
            return [leader, *leader.children(recursive=True)]
    if psutil.pid_exists(state.pid) and start_time(state.pid) is not None:
        # The pid was given out again, which the kernel does only when no process of that session is left.
        return []
    return [process for process in psutil.process_iter() if _session(process.pid) == state.pid]


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return -1


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    import psutil

    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)
