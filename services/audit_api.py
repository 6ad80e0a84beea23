"""The audit ledger over HTTP, below /audit: entries by what they say, page by page; proofs; the signed checkpoint.

Described at /audit/openapi.json. Each key's role says what it may see; what is sealed is opened only for those who may,
and every opening is recorded before it is shown. What is asked stands in no log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from pydantic import BaseModel
from starlette.responses import Response

from infra.contracts.base import now
from infra.contracts.ids import new_id
from infra.contracts.record_events import ContentRead
from infra.errors import MissingPart, StoreError
from infra.ledger.content import unsealed
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter, Entry
from infra.ledger.search import SearchIndex
from infra.ledger.vault import Vault
from infra.stores.callers import Caller
from services.admission import Visitor
from services.audit_wire import LARGEST, Asked, EntryProof, ErrorBody, EventPage, LogCheckpoint, entry_body
from services.errors import ApiError
from services.request import Desk, error_response
from services.tracing import RequestTrace

_LOG = logging.getLogger("sluice.gateway")
_FOLLOW_S = 10.0
_READERS = ("auditor", "operator", "tenant-auditor")
_OPENERS = ("auditor", "tenant-auditor")


@dataclass(frozen=True)
class AuditDesk:
    """What these paths need."""

    desk: Desk
    ledger: Ledger
    vault: Vault
    search: SearchIndex

    async def follow(self) -> None:
        """Keeps the table of words near the log's end, so that a search has little left to read."""
        while True:
            await asyncio.sleep(_FOLLOW_S)
            try:
                await asyncio.to_thread(self.search.catch_up)
            except (MissingPart, StoreError) as error:
                _LOG.warning("the search table cannot follow the log: %s", error)

    async def answered(self, request: Request, work: Callable[[Caller], Awaitable[BaseModel]]) -> BaseModel | Response:
        """Answers whoever may read the ledger; who may not is recorded like a refused chat."""
        visitor, request_id = Visitor(), new_id("req")
        try:
            caller = await self.desk.door.known(request, visitor)
            if caller.role not in _READERS:
                raise ApiError.forbidden("this key asks the model; the audit ledger is read with one of another role")
            return await work(caller)
        except ApiError as error:
            if error.status not in (401, 403):
                return error_response(error, request_id)
            trace = RequestTrace.begin(request.headers.get("traceparent", ""), content_allowed=False)
            return await self.desk.refuse(error, request_id, visitor, trace)
        except (MissingPart, StoreError) as error:  # of the archive, too
            _LOG.error("the ledger cannot be read: %s", error)
            message = "the ledger cannot be read; see the gateway's log"
            return error_response(ApiError(503, message, "server_error", "ledger_unavailable"), request_id)
        except Exception as error:  # its text may quote somebody
            _LOG.error("unexpected %s", type(error).__name__)
            message = "an internal error; see the gateway's log"
            return error_response(ApiError(500, message, "server_error", "internal_error"), request_id)

    async def page(self, wanted: AuditFilter, text: str, caller: Caller, *, content: bool) -> EventPage:
        """One page. Raises ApiError: 403 for what may not be seen, 503 where the ledger cannot be read."""
        if content and caller.role not in _OPENERS:
            raise ApiError.forbidden("an operator's key opens nothing that is sealed")
        if caller.role == "tenant-auditor":
            if wanted.tenant not in ("", caller.tenant):
                raise ApiError.forbidden("this key sees its own tenant's entries")
            wanted = replace(wanted, tenant=caller.tenant)
        return await asyncio.to_thread(self._page, wanted, text, caller, content=content)

    async def proof(self, index: int, caller: Caller) -> EntryProof:
        """One entry's proof. Raises ApiError: 404, also for another tenant's entry."""
        return await asyncio.to_thread(self._proof, index, caller)

    async def checkpoint(self) -> LogCheckpoint:
        """The newest checkpoint."""
        return await asyncio.to_thread(self._checkpoint)

    def _checkpoint(self) -> LogCheckpoint:
        with self.ledger.proofs() as proofs:
            return LogCheckpoint(checkpoint=proofs.edge.note, keys=[str(key) for key in self.ledger.keys])

    def _page(self, wanted: AuditFilter, text: str, caller: Caller, *, content: bool) -> EventPage:
        if text:
            self.search.catch_up()
            wanted = replace(wanted, words=self.search.words(text))
        if wanted.subject and not wanted.subject.startswith("sub-"):
            wanted = replace(wanted, subject=self.vault.pseudonym(wanted.subject))
        found = self.ledger.query(wanted)[::-1]
        contents = self._contents(found, caller) if content else [None] * len(found)
        data = [entry_body(entry, opened) for entry, opened in zip(found, contents, strict=True)]
        return EventPage(data=data, next_cursor=found[-1].index if len(found) == wanted.limit else None)

    def _contents(self, entries: tuple[Entry, ...], caller: Caller) -> list[str | None]:
        opened = [unsealed(entry, self.ledger, self.vault) for entry in entries]
        read = tuple(entry.index for entry, text in zip(entries, opened, strict=True) if text is not None)
        if read:
            event_id = new_id("read")
            self.ledger.append(
                ContentRead(event_id=event_id, at=now(), pipeline="", actor=f"key {caller.id}", entries=read)
            )
        return opened

    def _proof(self, index: int, caller: Caller) -> EntryProof:
        found = self.ledger.query(AuditFilter(before_index=index + 1, limit=1))
        entry = next((one for one in found if one.index == index), None)
        hidden = (
            caller.role == "tenant-auditor" and getattr(getattr(entry, "event", None), "tenant", "") != caller.tenant
        )
        if entry is None or hidden:
            raise ApiError.not_found("there is no such entry")
        with self.ledger.proofs() as proofs:
            return EntryProof(index=index, entry=entry.event.to_json().decode(), proof=proofs.inclusion(index))


def build_audit_app(desk_of: Callable[[], AuditDesk]) -> FastAPI:
    """The app; `desk_of` is asked once it runs."""
    answers: dict[int | str, dict[str, Any]] = {
        status: {"model": ErrorBody} for status in (400, 401, 403, 404, 405, 500, 503)
    }
    app = FastAPI(
        title="Sluice audit ledger", openapi_url="/openapi.json", docs_url=None, redoc_url=None, responses=answers
    )
    bearer = Depends(HTTPBearer(auto_error=False))
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(404, _nowhere)
    app.add_exception_handler(405, _wrong_method)

    @app.get("/events", dependencies=[bearer], response_model=EventPage)
    async def events(request: Request, asked: Annotated[Asked, Query()]) -> object:
        """The newest entries that match, the newest first."""
        desk = desk_of()
        return await desk.answered(
            request, lambda caller: desk.page(asked.filter(), asked.text, caller, content=asked.content)
        )

    @app.get("/events/{index}/proof", dependencies=[bearer], response_model=EntryProof)
    async def proof(request: Request, index: Annotated[int, Path(ge=0, le=LARGEST)]) -> object:
        """The proof that one entry is in the log."""
        desk = desk_of()
        return await desk.answered(request, lambda caller: desk.proof(index, caller))

    @app.get("/checkpoint", dependencies=[bearer], response_model=LogCheckpoint)
    async def checkpoint(request: Request) -> object:
        """The newest signed checkpoint (c2sp.org/tlog-checkpoint), for who keeps watch."""
        desk = desk_of()
        return await desk.answered(request, lambda _: desk.checkpoint())

    return app


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # Only the names: a value could be a person's.
    names = sorted({str(detail["loc"][-1]) for detail in error.errors()})
    return error_response(ApiError.bad_request(f"these cannot be used: {', '.join(names)}", param=names[0]))


async def _nowhere(_: Request, __: Exception) -> Response:
    return error_response(ApiError.not_found("there is nothing here; see /audit/openapi.json"))


async def _wrong_method(_: Request, __: Exception) -> Response:
    return error_response(ApiError(405, "only GET is understood here", "invalid_request_error", "method_not_allowed"))
