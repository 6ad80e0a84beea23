"""The HTTP surface: which path leads where, and what is opened at the start and closed at the end of the process."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from infra.textless import hide_texts
from services import supervision
from services.audit_api import build_audit_app
from services.errors import ApiError

if TYPE_CHECKING:
    from services.running import Running

_LOG = logging.getLogger("sluice.gateway")


def build_app() -> FastAPI:
    """The app; nothing is opened before it starts."""
    app = FastAPI(title="Sluice", lifespan=_lifespan, openapi_url=None, docs_url=None, redoc_url=None)
    routes: tuple[tuple[str, str, Callable[[Running, Request], Awaitable[Response]]], ...] = (
        ("POST", "/v1/chat/completions", lambda running, request: running.desk.chat(request)),
        ("GET", "/v1/models", lambda running, request: running.public.models(request)),
        ("GET", "/v1/models/{model}", lambda running, request: running.public.model(request)),
        ("POST", "/v1/feedback", lambda running, request: running.public.feedback(request)),
        ("GET", "/healthz", lambda running, _: running.public.healthz()),
        ("GET", "/readyz", lambda running, _: running.public.readyz()),
        ("GET", "/metrics", lambda running, _: running.public.metrics()),
    )
    for method, path, work in routes:
        app.add_route(path, _route(work), [method])
    app.mount("/audit", build_audit_app(lambda: app.state.running.audit))
    app.add_route("/{path:path}", _route(_elsewhere), ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    hide_texts()
    supervision.log_to_stderr()
    supervision.keep_trainers_out()
    try:
        from services.running import Running

        running = await Running.start()
    except Exception as error:
        supervision.give_up(error)
        raise
    app.state.running = running
    try:
        yield
    finally:
        await running.stop()


def _route(work: Callable[[Running, Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """A path's handler. A fault of ours is told without details: neither caller nor log gets an error's text."""

    async def handle(request: Request) -> Response:
        try:
            return await work(request.app.state.running, request)
        except Exception as error:
            from services.request import error_response

            _LOG.error("unexpected %s", type(error).__name__)
            failed = ApiError(500, "an internal error; see the gateway's log", "server_error", "internal_error")
            return error_response(failed)

    return handle


async def _elsewhere(running: Running, request: Request) -> Response:  # noqa: ARG001 - the shape of every handler
    from services.request import error_response

    return error_response(ApiError.not_found("there is nothing here; the endpoint is POST /v1/chat/completions"))
