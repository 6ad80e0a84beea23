"""The gateway and its witness: each second, without a request that waits, and loud when the log was cut back."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest

import services.witnessing
from infra import processes
from infra.contracts.base import now
from infra.contracts.ids import new_id
from infra.contracts.record_events import ServiceChanged
from infra.errors import Refused
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.verify import Checkpoint
from infra.ledger.witness import Witness, open_witness
from infra.settings import WitnessSettings, read_settings
from services.witnessing import Witnessing


def append(ledger: Ledger, count: int = 1) -> None:
    for _ in range(count):
        ledger.append(
            ServiceChanged(event_id=new_id("service"), at=now(), pipeline="", service="gateway", action="started")
        )


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "elsewhere"


def opened(folder: Path, ledger: Ledger) -> Witness:
    found = open_witness(WitnessSettings(witness=str(folder)), ledger.keys, ledger.origin)
    assert found is not None
    return found


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def size(witness: Witness) -> int:
    found = witness.latest()
    return found.size if found else 0


def test_it_follows_the_log_while_it_grows(ledger: Ledger, elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services.witnessing, "_EVERY_S", 0.01)

    async def work() -> None:
        witnessing = Witnessing(ledger, opened(elsewhere, ledger))
        following = asyncio.create_task(witnessing.follow())
        for count in (1, 2, 3):
            await asyncio.to_thread(append, ledger)
            while size(opened(elsewhere, ledger)) < count:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.005)
        following.cancel()
        await asyncio.to_thread(append, ledger)
        await witnessing.finish()
        assert size(opened(elsewhere, ledger)) == 4, "the end of the process is witnessed too"
        assert witnessing.body() == {"state": "current", "message": ""}

    run(work())


def test_a_place_that_is_away_is_told_once_a_minute_and_tried_again(
    ledger: Ledger, elsewhere: Path, caplog: pytest.LogCaptureFixture
) -> None:
    append(ledger)

    async def work() -> None:
        witnessing = Witnessing(ledger, opened(elsewhere, ledger))
        os.rmdir(elsewhere)
        with caplog.at_level(logging.WARNING, "sluice.gateway"):
            for _ in range(3):
                await witnessing.look()
            body = witnessing.body()
            assert body is not None and body["state"] == "unreachable" and str(elsewhere) not in body["message"]
            os.mkdir(elsewhere)
            await witnessing.look()
        assert witnessing.body() == {"state": "current", "message": ""}
        first, second = [record.getMessage() for record in caplog.records if record.name == "sluice.gateway"]
        assert "did not get the newest checkpoint" in first and str(elsewhere) in first
        assert "has every checkpoint again" in second
        assert size(opened(elsewhere, ledger)) == 1

    run(work())


def test_a_log_that_was_cut_back_is_an_error_that_stays(
    home: Home, ledger: Ledger, elsewhere: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    append(ledger, 2)
    shutil.copytree(home.root, tmp_path / "older")
    append(ledger, 2)

    async def witnessed(log: Ledger) -> Witnessing:
        witnessing = Witnessing(log, opened(elsewhere, log))
        await witnessing.look()
        return witnessing

    async def work() -> None:
        await witnessed(ledger)
        older = Ledger.open(Home.open(tmp_path / "older"))
        with caplog.at_level(logging.WARNING, "sluice.gateway"):
            witnessing = await witnessed(older)
            append(older, 9)
            await witnessing.look()
        errors = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert len(errors) == 1 and "cut back or forked" in errors[0].getMessage()
        shutil.rmtree(elsewhere)  # the evidence is gone; what was seen is not unseen
        for back in (False, True):
            if back:
                os.mkdir(elsewhere)
            await witnessing.look()
            body = witnessing.body()
            assert body is not None and body["state"] == "forked" and "sluice audit verify" in body["message"]

    run(work())


class _Odd:
    """A witness that does as it is told."""

    place, readable, note = "there", True, ""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.handed: list[str] = []

    def latest(self) -> Checkpoint | None:
        return None

    def accept(self, note: str, old_size: int, proof: Any) -> str:
        self.gate.wait(30)
        if self.error:
            raise self.error
        self.handed.append(note)
        return note


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (Refused("the witness does not know the log", where="there"), "refused"),
        (RuntimeError("text of somebody"), "unreachable"),
    ],
)
def test_whatever_it_raises_ends_nothing(
    ledger: Ledger, caplog: pytest.LogCaptureFixture, error: Exception, state: str
) -> None:
    append(ledger)

    async def work() -> None:
        witness = _Odd()
        witnessing = Witnessing(ledger, witness)
        witness.error = error
        await witnessing.look()
        body = witnessing.body()
        assert body is not None and body["state"] == state
        assert "text of somebody" not in caplog.text
        witness.error = None
        await witnessing.look()
        assert len(witness.handed) == 1
        body = witnessing.body()
        assert body is not None and body["state"] == "current"

    run(work())


def test_a_place_that_hangs_holds_up_nobody(
    ledger: Ledger, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.witnessing, "_HANGS_S", 0.05)
    monkeypatch.setattr(services.witnessing, "_LAST_S", 0.2)
    append(ledger)

    async def work() -> None:
        witness = _Odd()
        witness.gate.clear()
        witnessing = Witnessing(ledger, witness)
        await witnessing.look()
        await witnessing.look()
        assert "has not answered" in caplog.text
        assert sum(thread.name == "witness" for thread in threading.enumerate()) == 1, "one attempt at a time"
        begun = time.monotonic()
        await asyncio.gather(*(asyncio.to_thread(time.sleep, 0.01) for _ in range(20)))
        assert time.monotonic() - begun < 2
        monkeypatch.setattr(services.witnessing, "_HANGS_S", 10.0)
        await witnessing.finish()
        witness.gate.set()
        await witnessing.look()
        assert witness.handed

    run(work())


def test_without_a_witness_nothing_is_done(ledger: Ledger) -> None:
    async def work() -> None:
        witnessing = Witnessing(ledger, None)
        await witnessing.follow()
        await witnessing.finish()
        assert witnessing.body() is None

    run(work())


@pytest.mark.slow
def test_a_real_gateway_hands_over_what_it_records(tmp_path: Path, elsewhere: Path) -> None:
    environment = {"SLUICE_HOME": str(tmp_path / "home"), "SLUICE_WITNESS": str(elsewhere)}
    settings = read_settings(environment)
    service = processes.ensure(settings, ("gateway",), engine="scripted")[0]
    try:
        ledger = Ledger.open(settings.home)
        until = time.monotonic() + 30
        while size(opened(elsewhere, ledger)) < len(ledger):
            assert time.monotonic() < until
            time.sleep(0.1)
        ready = httpx.get(f"{service.url}/readyz", trust_env=False)
        assert ready.json()["witness"] == {"state": "current", "message": ""}
        shutil.rmtree(elsewhere)
        append(ledger)
        while (state := httpx.get(f"{service.url}/readyz", trust_env=False).json()["witness"])["state"] == "current":
            assert time.monotonic() < until
            time.sleep(0.1)
        assert state["state"] == "unreachable" and processes.status(settings.home)[0].note == state["message"]
        assert httpx.get(f"{service.url}/readyz", trust_env=False).status_code == 200
        elsewhere.mkdir()
        processes.stop(settings.home)
        assert size(opened(elsewhere, ledger)) == len(ledger), "its end is witnessed too"
    finally:
        processes.stop(settings.home)
