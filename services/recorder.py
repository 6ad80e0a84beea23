"""Writes the ledger's events from the event loop: in a thread, and those that wait together in one durable transaction.

A write that was asked for goes on when the request that asked for it is cancelled.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from infra.contracts.audit import AuditEvent
from infra.contracts.request_events import CheckRecord, RequestCompleted
from infra.digest import sha256
from infra.ledger.log import Ledger
from infra.ledger.vault import Vault

_MOST_SPANS = 500
"""Of about 60 bytes each: half of the longest entry (infra/ledger/record.py)."""


@dataclass(frozen=True)
class _Waiting:
    event: AuditEvent
    subject: str
    text: bytes | None
    done: asyncio.Future[None] = field(compare=False)


class Recorder:
    """The one writer of a gateway. Belongs to one event loop."""

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        self._ledger = ledger
        self._vault = vault
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._waiting: list[_Waiting] = []
        self._flushing: asyncio.Task[None] | None = None

    async def write(self, event: AuditEvent, *, subject: str = "", text: bytes | None = None) -> None:
        """Writes one event; durable when it returns. Raises StoreError when it is not.

        `text` is sealed under the key of `subject` (a pseudonym); a RequestCompleted then names the sealed bytes.
        """
        # Cancelled with whoever waits for it; what was asked for is written all the same.
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(event, subject, text, done))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        await done

    async def close(self) -> None:
        """Waits for what is being written."""
        if self._flushing is not None:
            await asyncio.shield(self._flushing)
        self._thread.shutdown(wait=True)

    async def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting, []
            outcomes = await loop.run_in_executor(self._thread, self._write_batch, batch)
            for waiting, failure in zip(batch, outcomes, strict=True):
                if waiting.done.cancelled():
                    continue
                if failure is None:
                    waiting.done.set_result(None)
                else:
                    waiting.done.set_exception(failure)
                    waiting.done.exception()  # nobody may be left to hear it

    def _write_batch(self, batch: list[_Waiting]) -> list[Exception | None]:
        """All of them in one transaction; one that cannot be written fails alone."""
        try:
            return [outcome if isinstance(outcome, Exception) else None for outcome in self._append(batch)]
        except Exception as failure:
            return [failure] * len(batch)

    def _append(self, batch: list[_Waiting]) -> list[int | Exception]:
        texts = [(waiting.subject, waiting.text) for waiting in batch if waiting.text is not None]
        sealed = iter(self._vault.seal_many(texts) if texts else [])
        items: list[tuple[AuditEvent, bytes | None]] = []
        for waiting in batch:
            payload = next(sealed) if waiting.text is not None else None
            event = waiting.event
            if payload is not None and isinstance(event, RequestCompleted):
                event = event.model_copy(update={"sealed": sha256(payload)})
            items.append((event, payload))
        return self._ledger.append_each(items)


def within_an_entry(checks: tuple[CheckRecord, ...]) -> tuple[CheckRecord, ...]:
    """The checks with the first so many of their spans: an entry of the ledger is bounded, and the rest is counted."""
    left, found = _MOST_SPANS, []
    for check in checks:
        spans = check.spans[:left]
        left -= len(spans)
        cut = len(check.spans) - len(spans)
        found.append(check.model_copy(update={"spans": spans, "spans_left_out": cut}) if cut else check)
    return tuple(found)
