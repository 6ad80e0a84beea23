"""A running gateway: everything that is opened once, in the order of its dependence, and closed again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, replace

from infra.contracts.audit import AuditEvent
from infra.contracts.base import now
from infra.contracts.ids import new_id
from infra.contracts.record_events import ServiceChanged
from infra.errors import StoreError
from infra.ledger.log import Ledger
from infra.settings import Settings, read_settings
from services import supervision
from services.audit_api import AuditDesk
from services.public import Public
from services.recorder import Recorder
from services.release_watch import ReleaseWatch
from services.request import Desk
from services.witnessing import Witnessing

_LOG = logging.getLogger("sluice.gateway")
_OTHERS_S = 15.0


@dataclass(frozen=True)
class Running:
    """What the handlers use, and the tasks beside them."""

    desk: Desk
    public: Public
    audit: AuditDesk
    watch: ReleaseWatch
    recorder: Recorder
    ledger: Ledger
    witnessing: Witnessing
    tasks: tuple[asyncio.Task[None], ...]

    @classmethod
    async def start(cls) -> Running:
        """Opens everything. Raises SluiceError when a store cannot be opened: the server then does not start."""
        from infra.quiet import hush

        hush()
        settings = read_settings()
        running = await asyncio.to_thread(_open, settings)
        await running.recorder.write(_changed("started"))
        follow = asyncio.create_task(running.watch.follow(settings.gateway.gateway_poll_s))
        witness = asyncio.create_task(running.witnessing.follow())
        parent = asyncio.create_task(supervision.end_with_supervisor())
        words = asyncio.create_task(running.audit.follow())
        others = asyncio.create_task(_close_for_others(running.ledger))
        return replace(running, tasks=(follow, witness, words, others, parent))

    async def stop(self) -> None:
        """Ends what is under way, stops the engines and sends the last traces."""
        from infra import telemetry

        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.desk.close()
        await self.watch.close()
        with contextlib.suppress(StoreError):
            await self.recorder.write(_changed("stopped"))
        await self.recorder.close()
        await self.witnessing.finish()
        await asyncio.to_thread(telemetry.flush)
        self.ledger.close()


def _open(settings: Settings) -> Running:
    """The synchronous part of the start."""
    from infra import processes, telemetry
    from infra.ledger.search import SearchIndex
    from infra.ledger.vault import Vault
    from infra.ledger.witness import open_witness
    from infra.stores.callers import Callers
    from infra.stores.feedback import FeedbackStore
    from infra.stores.releases import Releases
    from services.admission import Door, Places
    from services.feedback import FeedbackDesk
    from services.loading import Loader
    from services.metrics import Metrics
    from services.refusals import last_refusals

    home, limits = settings.home, settings.gateway
    telemetry.start(
        "sluice-gateway", settings.telemetry, lambda: processes.address(home, "mlflow"), experiment=telemetry.REQUESTS
    )
    ledger, vault, metrics = Ledger.open(home), Vault.open(home), Metrics()
    _close_interrupted(ledger)
    recorder = Recorder(ledger, vault)
    watch = ReleaseWatch(
        Releases(home),
        Loader(home, settings.engine),
        recorder,
        metrics,
        scripted=settings.engine.engine_name == "scripted",
        known=lambda event_id: ledger.get(event_id) is not None,
        last_refusal=last_refusals(ledger),
    )
    door = Door(Callers(home), watch, Places(limits.gateway_concurrency, metrics), limits)
    content = settings.telemetry.telemetry_content == "redacted"
    desk = Desk(door, recorder, vault, metrics, limits, content)
    feedback = FeedbackDesk(FeedbackStore(home, vault), ledger, watch)
    witnessing = Witnessing(ledger, open_witness(settings.witness, ledger.keys, ledger.origin, home))
    public = Public(desk, watch, feedback, metrics, witnessing)
    audit = AuditDesk(desk, ledger, vault, SearchIndex(ledger, vault))
    return Running(desk, public, audit, watch, recorder, ledger, witnessing, ())


def _close_interrupted(ledger: Ledger) -> None:
    if closed := ledger.close_interrupted():
        _LOG.warning("%d requests of a gateway that died are recorded as interrupted", closed)


async def _close_for_others(ledger: Ledger) -> None:
    """Closes what another gateway on the same ledger left open when it died, without waiting for its next start."""
    while True:
        await asyncio.sleep(_OTHERS_S)
        try:
            await asyncio.to_thread(_close_interrupted, ledger)
        except StoreError as error:
            _LOG.warning("requests of other gateways could not be looked at: %s", error)


def _changed(action: str) -> AuditEvent:
    return ServiceChanged(
        event_id=new_id("service"),
        at=now(),
        pipeline="",
        service="gateway",
        action="started" if action == "started" else "stopped",
    )
