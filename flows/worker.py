"""The worker, a local server of its own: starts the runs that are due, and attends to reviews, aliases and suspensions.

`sluice up` keeps it alive. It looks for the home's Prefect server by itself and follows it to another port; while there
is none, it waits. Runs that a dead worker or server left behind are handed out again. Its last look at the pool is told
at /readyz.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from flows.prefect_api import POOL
from infra.errors import SluiceError
from infra.quiet import hush
from infra.settings import Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect.client.schemas.objects import FlowRun
    from prefect.workers.process import ProcessWorker

_LOG = logging.getLogger("sluice.worker")
_ATTEND_EVERY_S = 2.0
_LOOK_EVERY_S = 0.5
_FRESH_S = 30.0
"""A look at the pool that is older counts as none."""
_CHILDREN_WAIT_S = 20.0

WorkerState = Literal["ready", "starting", "no_prefect"]


@dataclass
class Pulse:
    """What the worker last did, for /readyz and for whoever waits."""

    url: str = ""
    """The Prefect server whose pool was looked at."""
    looked_s: float = 0.0
    """When, on the monotonic clock."""

    def look(self, url: str) -> None:
        """Notes that the pool was just looked at."""
        self.url, self.looked_s = url, time.monotonic()

    def state(self, prefect_url: str) -> WorkerState:
        """How the worker stands to the Prefect server that is up now ('': none is)."""
        if not prefect_url:
            return "no_prefect"
        fresh = self.url == prefect_url and time.monotonic() - self.looked_s < _FRESH_S
        return "ready" if fresh else "starting"


def main() -> None:
    """Runs until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    hush()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    settings, pulse = read_settings(), Pulse()
    # Before any thread: two that import it at once would wait for each other.
    import prefect.workers.process  # noqa: F401

    from flows.worker_health import serve_health

    serve_health(given.host, given.port, lambda: pulse.state(_prefect_url(settings)))
    threading.Thread(target=_attend_for_ever, args=(settings,), name="attend", daemon=True).start()
    asyncio.run(_work_until_told(settings, pulse))


async def _work_until_told(settings: Settings, pulse: Pulse) -> None:
    """Works for the Prefect server that is up, one after the other, until a signal says to end."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    told = ""
    while not stop.is_set():
        url = _prefect_url(settings)
        if url:
            try:
                await _work_for(url, settings, pulse, stop)
                told = ""
            except Exception as error:  # a server that is starting, ending or gone; the next look finds the next one
                sentence = f"the Prefect server at {url} cannot be worked for yet: {type(error).__name__}"
                if told != sentence:
                    _LOG.warning("%s", sentence)
                told = sentence
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _LOOK_EVERY_S * 2)


async def _work_for(url: str, settings: Settings, pulse: Pulse, stop: asyncio.Event) -> None:
    """Takes runs from one Prefect server's pool until told to stop or that server is not the home's any more."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.worker_pool import end_children, hand_back, prepare_pool

    with temporary_settings({PREFECT_API_URL: f"{url}/api"}):
        await prepare_pool(settings.home)
        await hand_back()
        _LOG.info("takes runs from the pool %s of %s", POOL, url)
        closing = asyncio.Event()
        worker = _pool_worker(lambda: pulse.look(url), closing)
        working = asyncio.create_task(worker.start(printer=_LOG.info))
        begun_s = time.time()
        while not working.done() and not stop.is_set() and _prefect_url(settings) == url:
            begun_s = time.time()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _LOOK_EVERY_S)
        closing.set()
        await asyncio.to_thread(end_children, _CHILDREN_WAIT_S)
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await working
        if _prefect_url(settings) == url:
            await hand_back(ended_since=begun_s)


def _pool_worker(looked: Callable[[], None], closing: asyncio.Event) -> ProcessWorker:
    """A Prefect process worker that tells of every look at the pool, and takes nothing more once it is closing.

    One run at a time: two trainings at once would take each other's cores and memory, and a backfill is to go oldest
    first.
    """
    import warnings

    from prefect.workers.process import ProcessWorker

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that it takes the place of Prefect's own is meant

        class Worker(ProcessWorker):
            async def get_and_submit_flow_runs(self) -> list[FlowRun]:
                if closing.is_set():
                    return []
                taken = await super().get_and_submit_flow_runs()
                looked()
                return taken

    return Worker(work_pool_name=POOL, name="sluice", limit=1, create_pool_if_not_found=False)


def _attend_for_ever(settings: Settings) -> None:
    """What is due every few seconds beside the runs. A failure is logged when it begins or changes; it ends nothing."""
    from flows.attend import attend
    from flows.desk import ReviewDesk
    from flows.progress import Silent
    from flows.suspension import resume_decided

    desk: ReviewDesk | None = None
    told: dict[str, str] = {}
    while True:
        begun_s = time.monotonic()
        for name in ("desk", "attend", "resume"):
            try:
                if name == "desk":
                    desk = desk or ReviewDesk.open(settings, progress=Silent())
                elif desk is not None and name == "attend":
                    attend(desk)
                elif desk is not None and _prefect_url(settings):
                    resume_decided(desk)
                told.pop(name, None)
            except Exception as error:  # the worker lives for months: whatever it is, the next pass tries again
                sentence = error.what if isinstance(error, SluiceError) else type(error).__name__
                if told.get(name) != sentence:
                    _LOG.warning("%s: %s", name, sentence)
                told[name] = sentence
        time.sleep(max(0.1, _ATTEND_EVERY_S - (time.monotonic() - begun_s)))


def _prefect_url(settings: Settings) -> str:
    from infra import processes

    return processes.address(settings.home, "prefect")


if __name__ == "__main__":
    main()
