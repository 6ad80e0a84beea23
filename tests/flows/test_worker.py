"""The worker without a Prefect server: it lives, says what it waits for, and ends at once when it is told to."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from flows.worker import Pulse
from infra.server_commands import choose_port, server_command
from infra.server_probe import Probe, probe
from infra.server_state import ServerState
from infra.settings import Settings


def test_the_pulse_counts_for_the_server_that_is_up_now_and_only_while_it_is_fresh() -> None:
    pulse = Pulse()
    assert pulse.state("") == "no_prefect" and pulse.state("http://a") == "starting"
    pulse.look("http://a")
    assert pulse.state("http://a") == "ready" and pulse.state("") == "no_prefect"
    assert pulse.state("http://b") == "starting", "the server came back at another port"
    pulse.looked_s -= 3600
    assert pulse.state("http://a") == "starting"


@pytest.fixture
def worker(settings: Settings) -> Iterator[tuple[ServerState, subprocess.Popen[bytes]]]:
    """The real program in a home where no Prefect server was ever started."""
    command = server_command(settings, "worker", port=choose_port(settings, "worker"))
    process = subprocess.Popen(
        command.arguments,
        cwd=command.folder,
        env=command.environment,
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    state = ServerState(
        name="worker",
        url=command.url,
        pid=process.pid,
        started=time.time(),
        health_path="/healthz",
        log="",
        log_offset=0,
    )
    yield state, process
    process.kill()
    process.wait()


def test_without_a_prefect_server_it_waits_says_so_and_ends_when_told(
    worker: tuple[ServerState, subprocess.Popen[bytes]],
) -> None:
    state, process = worker
    found = Probe(False, False)
    deadline = time.monotonic() + 120
    while not found.answers and time.monotonic() < deadline:
        time.sleep(0.5)
        found = probe(state)
    assert found == Probe(True, False, "it waits for the Prefect server: start it with `sluice up`")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
