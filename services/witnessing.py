"""Keeps the witness up with the ledger: each second the newest checkpoint is handed over, once it has changed.

No request waits for it. A place that cannot be reached is told once a minute and tried again; a witness that refuses is
told once a minute as an error, and at /readyz. A log that the witness knows to be forked stays so for this process.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

from infra.digest import Digest
from infra.errors import Refused, SluiceError
from infra.ledger.log import Ledger
from infra.ledger.witness import Witness, publish
from infra.ledger.witnessed_log import Forked

_LOG = logging.getLogger("sluice.gateway")
_EVERY_S = 1.0
_AGAIN_S = 5.0
"""How long after a failure it is tried again."""
_HANGS_S = 30.0
_TOLD_S = 60.0
_LAST_S = 5.0
"""How long the end of the process waits for the last checkpoint."""

State = Literal["current", "unreachable", "refused", "forked"]
# Told to whoever asks /readyz: no place, no size.
_SENTENCES: dict[State, str] = {
    "current": "",
    "unreachable": "the witness of the audit ledger cannot be reached: see the gateway's log",
    "refused": "the witness of the audit ledger refuses its checkpoints: run `sluice audit witness`",
    "forked": "the audit ledger was cut back or forked, its witness shows: run `sluice audit verify`",
}


class Witnessing:
    """Hands checkpoints over. Belongs to one event loop; the store and the place are used in threads beside it."""

    def __init__(self, ledger: Ledger, witness: Witness | None) -> None:
        self._ledger = ledger
        self._witness = witness
        self._under_way: asyncio.Future[None] | None = None
        self._handed: Digest | None = None
        self._state: State = "current"
        self._again_at_s = 0.0
        self._told_at_s: dict[State, float] = {}

    def body(self) -> dict[str, str] | None:
        """As /readyz shows it; None where no witness is set."""
        return {"state": self._state, "message": _SENTENCES[self._state]} if self._witness else None

    async def follow(self) -> None:
        """Looks each second until it is cancelled."""
        while self._witness:
            if time.monotonic() >= self._again_at_s:
                await self.look()
            await asyncio.sleep(_EVERY_S)

    async def look(self) -> None:
        """Hands over the newest checkpoint if it has changed. Never raises; returns when it hangs, too."""
        if self._under_way is None:
            self._under_way = _in_thread(self._hand_over)
        done, _ = await asyncio.wait({self._under_way}, timeout=_HANGS_S)
        if not done:
            self._fail("unreachable", f"it has not answered for {_HANGS_S:g} s")
            return
        attempt, self._under_way = self._under_way, None
        try:
            attempt.result()
        except Refused as refused:
            self._fail("forked" if isinstance(refused, Forked) else "refused", str(refused))
        except SluiceError as error:
            self._fail("unreachable", str(error))
        except (
            Exception
        ) as error:  # a part that raises anything else must not end the watch; its text may hold anything
            self._fail("unreachable", type(error).__name__)
        else:
            if self._state not in ("current", "forked"):
                _LOG.warning("the witness has every checkpoint again")
                self._state = "current"

    async def finish(self) -> None:
        """Hands over the last checkpoint of this process, if that goes quickly."""
        if self._witness is None:
            return
        try:
            async with asyncio.timeout(_LAST_S):
                if self._under_way is not None:  # it may have begun before the last entry
                    await self.look()
                await self.look()
        except TimeoutError:
            _LOG.warning("the witness did not get the last checkpoint: the next gateway hands it over")

    def _hand_over(self) -> None:
        assert self._witness is not None
        end = self._ledger.end_digest()
        if end is not None and end != self._handed:
            publish(self._ledger, self._witness)
            self._handed = end

    def _fail(self, state: State, why: str) -> None:
        if self._state != "forked":  # what was seen once is not unseen
            self._state = state
        now_s = time.monotonic()
        self._again_at_s = now_s + _AGAIN_S
        if now_s - self._told_at_s.get(state, -_TOLD_S) < _TOLD_S:
            return
        self._told_at_s[state] = now_s
        if state == "unreachable":
            _LOG.warning("the witness did not get the newest checkpoint: %s", why)
        else:
            _LOG.error("the witness refuses the newest checkpoint: %s", why)


def _in_thread(work: Callable[[], None]) -> asyncio.Future[None]:
    """Runs work in a thread of its own: a share that hangs takes none from requests, nor keeps the process alive."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[None] = loop.create_future()

    def settle(error: Exception | None) -> None:
        if not outcome.done():
            outcome.set_result(None) if error is None else outcome.set_exception(error)

    def run() -> None:
        failure = None
        try:
            work()
        except Exception as error:
            failure = error
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(settle, failure)

    threading.Thread(target=run, name="witness", daemon=True).start()
    return outcome
