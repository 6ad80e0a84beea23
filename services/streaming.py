"""Server-sent events, and the watch for a caller that goes away: its generation is stopped at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.errors import ApiError

Result = TypeVar("Result")


class EventStream(Response):
    """A `text/event-stream` response. `gone` is called when the caller goes away before the end."""

    def __init__(
        self, events: AsyncIterator[bytes], gone: Callable[[], Awaitable[None]], headers: dict[str, str]
    ) -> None:
        super().__init__(
            None, 200, headers | {"cache-control": "no-cache", "x-accel-buffering": "no"}, "text/event-stream"
        )
        del self.headers["content-length"]
        self._events = events
        self._gone = gone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's shape
        """Sends until the end, or until the caller is gone."""
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(_disconnect(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            whole = sending.done() and not sending.cancelled() and sending.exception() is None
            leaving.cancel()
            if not whole:
                sending.cancel()
                await asyncio.shield(self._gone())

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for event in self._events:
            await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def unless_gone(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """Waits for `work`. Raises ApiError (499, which nobody reads) when the caller goes away first."""
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_disconnect(request.receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ApiError(499, "the caller went away", "server_error", "client_closed_request")
        return working.result()
    finally:
        leaving.cancel()
        working.cancel()


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
