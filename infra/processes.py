"""Starts, watches and ends the local servers: Prefect, MLflow, the gateway and the worker.

Servers outlive the command that started them and are ended by `stop`. One lock per home serialises commands that start
or end servers, so that two `sluice up` at once start each server once.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from filelock import FileLock, Timeout

from infra.errors import BadInput, PartFailed, Refused
from infra.home import Home
from infra.server_commands import ServerCommand, choose_port, server_command
from infra.server_probe import Probe, probe
from infra.server_state import (
    ServerName,
    ServerState,
    end_server,
    forget_state,
    is_alive,
    read_state,
    start_time,
    write_state,
)
from infra.settings import Settings

NAMES: tuple[ServerName, ...] = get_args(ServerName)
_LOG_BYTES = 10_000_000
"""A log that has grown beyond this is set aside once (`.1`) before the next start."""
_POLL_S = 0.2
_LOCK_WAIT_S = 30.0


@dataclass(frozen=True)
class Service:
    """One server as it stands.

    `ready`: it answers and can do its work. `note` says in words what is not as it should be.
    """

    name: ServerName
    url: str
    pid: int
    ready: bool
    started_by_us: bool = False
    note: str = ""
    log: str = ""


def ensure(
    settings: Settings, names: tuple[ServerName, ...] = NAMES, *, engine: str | None = None
) -> tuple[Service, ...]:
    """Starts those of `names` that do not run, waits until each answers, and says which of them this call started.

    `engine` overrides what the gateway generates with. When one does not come up, those that this call started are
    ended again. Raises PartFailed (which, why, where its log is), BadInput when a gateway with another engine runs,
    Refused for the scripted engine in a home that has a release.
    """
    home = settings.home
    with _locked(home, settings.servers.start_timeout_s + _LOCK_WAIT_S):
        if "gateway" in names:
            _check_engine(settings, engine)
        started: list[ServerState] = []
        before = {name: read_state(home, name) for name in names}
        try:
            states = [_running_or_started(settings, name, engine or "", started) for name in names]
            probes = _wait_for_all(states, settings.servers.start_timeout_s)
        except BaseException:
            # By what is written, not by `started`: an interruption may come between the two.
            for name in names:
                state = read_state(home, name)
                if state is not None and state != before[name]:
                    end_server(state, term_wait_s=5)
                    forget_state(home, name)
            raise
        ours = {state.name for state in started}
        return tuple(_service(state, found, state.name in ours) for state, found in zip(states, probes, strict=True))


def status(home: Home) -> tuple[Service, ...]:
    """The servers that were started and not stopped, each asked now; one that died is said to be dead."""
    states = [state for name in NAMES if (state := read_state(home, name)) is not None]
    services = []
    for state in states:
        found = probe(state) if is_alive(state) else Probe(False, False, "it died; start it again with `sluice up`")
        services.append(_service(state, found, False))
    return tuple(services)


def stop(home: Home, names: tuple[ServerName, ...] | None = None) -> tuple[ServerName, ...]:
    """Ends those of `names` (None: all) and returns what was running.

    The worker goes first, so that it can hand back its runs, the gateway next, so that its last traces arrive.
    """
    if names is not None and not names:
        return ()  # without the lock: `sluice down` holds it while it waits for a run that ends in this very call
    with _locked(home, _LOCK_WAIT_S):
        ended: list[ServerName] = []
        for name in reversed(NAMES):
            state = read_state(home, name) if names is None or name in names else None
            if state is None:
                continue
            if is_alive(state):
                ended.append(name)
            end_server(state)
            forget_state(home, name)
        return tuple(ended)


def address(home: Home, name: ServerName) -> str:
    """Where a server was started, '' where it was not or is dead."""
    state = read_state(home, name)
    return state.url if state is not None and is_alive(state) else ""


def _check_engine(settings: Settings, engine: str | None) -> None:
    from infra.stores.releases import Releases

    wanted = engine or settings.engine.engine_name
    state = read_state(settings.home, "gateway")
    if state is not None and is_alive(state) and engine is not None and state.engine != engine:
        raise BadInput(
            f"the gateway runs with the engine {state.engine!r}", cure="run `sluice down`, then the command again"
        )
    releases = Releases(settings.home)
    states = [releases.inspect(pipeline) for pipeline in releases.pipelines()]
    if wanted == "scripted" and any(found.current or found.refusals for found in states):
        raise Refused(
            "the scripted engine makes answers up, and this home has a release",
            where=str(settings.home.root),
            cure="set SLUICE_HOME to an empty folder for a dry run",
        )


def _running_or_started(settings: Settings, name: ServerName, engine: str, started: list[ServerState]) -> ServerState:
    state = read_state(settings.home, name)
    if state is not None and is_alive(state):
        return state
    previous = 0
    if state is not None:
        # It died: what it left behind would hold its port.
        end_server(state, term_wait_s=5)
        previous = int(state.url.rsplit(":", 1)[1])
    command = server_command(settings, name, port=choose_port(settings, name, previous), engine=engine)
    fresh = _start(settings.home, command)
    started.append(fresh)
    return fresh


def _start(home: Home, command: ServerCommand) -> ServerState:
    log = home.folder(home.logs) / f"{command.name}.log"
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as output:
        log.chmod(0o600)
        process = subprocess.Popen(
            command.arguments,
            cwd=command.folder,
            env=command.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    state = ServerState(
        name=command.name,
        url=command.url,
        pid=process.pid,
        started=start_time(process.pid) or time.time(),
        health_path=command.health_path,
        engine=command.engine,
        log=str(log),
        log_offset=log.stat().st_size,
    )
    try:
        write_state(home, state)
    except BaseException:
        end_server(state, term_wait_s=1)
        raise
    return state


def _wait_for_all(states: list[ServerState], timeout_s: float) -> list[Probe]:
    """Waits for all at once; the first that fails ends the waiting for the others."""
    give_up = threading.Event()
    with ThreadPoolExecutor(max_workers=max(1, len(states))) as pool:
        try:
            # Inside, too: an interruption between two of these must not leave the first to wait for minutes.
            waits = [pool.submit(_wait, state, timeout_s, give_up) for state in states]
            for done in as_completed(waits):
                done.result()
        finally:
            give_up.set()
    return [done.result() for done in waits]


def _wait(state: ServerState, timeout_s: float, give_up: threading.Event) -> Probe:
    """Waits until the server answers and is not starting any more. Raises PartFailed when it ends or takes too long."""
    begun_s = time.monotonic()
    while True:
        found = probe(state)
        if found.answers and not found.starting:
            return found
        waited_s = time.monotonic() - begun_s
        if not is_alive(state):
            raise _failure(state, f"it ended after {waited_s:.0f} s{_last_words(state)}")
        if waited_s > timeout_s:
            raise _failure(state, f"it does not answer after {timeout_s:.0f} s{_last_words(state)}")
        if give_up.wait(_POLL_S):
            return found


def _failure(state: ServerState, why: str) -> PartFailed:
    return PartFailed(
        f"{state.name} did not start: {why}", where=state.log, cure=f"read its log: sluice logs {state.name}"
    )


def _last_words(state: ServerState) -> str:
    """The last line that the server wrote since it was started, for the error."""
    with contextlib.suppress(OSError):
        written = Path(state.log).read_bytes()[state.log_offset :].decode("utf-8", "replace")
        lines = [line.strip() for line in written.splitlines() if line.strip()]
        ours = [line for line in lines if "sluice.gateway: " in line]
        if lines:
            return f"; its last words: {(ours or lines)[-1][:300]}"
    return ""


def _service(state: ServerState, found: Probe, started_by_us: bool) -> Service:
    return Service(state.name, state.url, state.pid, found.ready, started_by_us, found.note, state.log)


@contextlib.contextmanager
def _locked(home: Home, wait_s: float) -> Iterator[None]:
    lock = FileLock(home.folder(home.processes) / "lock")
    try:
        lock.acquire(timeout=wait_s)
    except Timeout:
        raise PartFailed(
            "another sluice command is starting or ending servers",
            where=str(home.processes),
            cure="wait for it, or end it",
        ) from None
    try:
        yield
    finally:
        lock.release()
