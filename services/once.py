"""Records an event once, over restarts too: what is found at each look is told a single time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from infra.contracts.audit import AuditEvent
from services.recorder import Recorder


class Once:
    """A recorder that knows what is recorded. `known` says whether the ledger has an event of an id."""

    def __init__(self, recorder: Recorder, known: Callable[[str], bool]) -> None:
        self._recorder = recorder
        self._known = known
        self._done: set[str] = set()

    async def write(self, event: AuditEvent) -> bool:
        """Writes the event unless one of its id was written. True when this process meets it for the first time.

        Raises StoreError.
        """
        if event.event_id in self._done:
            return False
        if not await asyncio.to_thread(self._known, event.event_id):
            await self._recorder.write(event)
        self._done.add(event.event_id)
        return True
