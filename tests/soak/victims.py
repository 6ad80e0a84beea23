"""What the soak kills, as data: how each process is found, and at which moments."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil
from soak_home import CHECKPOINT_EVERY, STEPS, Attempt, SoakHome

from infra.processes import NAMES
from infra.server_state import ServerName, read_state

_POLL_S, _LOOK_S = 0.01, 0.1
_LOADING_S = 4.0
"""A training that is to be killed before its first checkpoint is killed within so many seconds of its start."""
_BETWEEN_S = 0.2

Find = Callable[[SoakHome, Attempt], list[psutil.Process]]
Wait = Callable[[SoakHome, Attempt, random.Random, float], bool]
"""Waits for a random moment of an attempt that is expected to take so many seconds; False when it ended before."""


@dataclass(frozen=True)
class Victim:
    """Something that is killed while `sluice retrain` runs."""

    name: str
    find: Find
    wait: Wait
    is_server: bool = False


def find_server(soak: SoakHome, name: ServerName) -> list[psutil.Process]:
    """A server with everything that it started."""
    state = read_state(soak.home, name)
    if state is None or not psutil.pid_exists(state.pid):
        return []
    leader = psutil.Process(state.pid)
    return [leader, *leader.children(recursive=True)]


def kill(processes: list[psutil.Process]) -> bool:
    """`kill -9` of each; whether one of them was still there."""
    hit = False
    for process in processes:
        try:
            process.kill()
            hit = True
        except psutil.NoSuchProcess:
            continue
    return hit


def _flow(_: SoakHome, attempt: Attempt) -> list[psutil.Process]:
    return [] if attempt.ended else [psutil.Process(attempt.process.pid)]


def _ranks(soak: SoakHome, attempt: Attempt) -> list[psutil.Process]:
    """The ranks of this attempt's training: what the launcher started, and not the launcher."""
    if attempt.ended:
        return []
    below = psutil.Process(attempt.process.pid).children(recursive=True)
    return [process for process in below if any(part.startswith("--local_rank=") for part in _arguments(process))]


def _arguments(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _at_any_time(soak: SoakHome, attempt: Attempt, dice: random.Random, expected_s: float) -> bool:
    """Somewhere in the time that the attempt is expected to take."""
    until_s = attempt.begun_s + dice.uniform(0.02, 0.95) * expected_s
    while time.monotonic() < until_s and not attempt.ended:
        time.sleep(_POLL_S)
    return not attempt.ended


def _in_training(soak: SoakHome, attempt: Attempt, dice: random.Random, expected_s: float) -> bool:
    """Shortly after a random checkpoint, or while the training loads what it needs."""
    wanted = dice.randrange(STEPS // CHECKPOINT_EVERY) * CHECKPOINT_EVERY
    while not attempt.ended and not _ranks(soak, attempt):
        time.sleep(_LOOK_S)
    while not attempt.ended and soak.checkpoint() < wanted:
        time.sleep(_POLL_S)
    time.sleep(dice.uniform(0, _BETWEEN_S if wanted else _LOADING_S))
    return not attempt.ended


def _server(name: ServerName) -> Victim:
    return Victim(name, lambda soak, _: find_server(soak, name), _at_any_time, is_server=True)


VICTIMS = (
    Victim("training", _ranks, _in_training),
    Victim("flow", _flow, _at_any_time),
    *(_server(name) for name in NAMES if name != "gateway"),
)
"""Killed during a run. The training comes first in each chain of kills: later ones may find it done."""
GATEWAY = "gateway"
"""Killed under requests (tests/soak/requests_under_way.py)."""
