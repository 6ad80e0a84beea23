"""The gateway: a BentoML service around one FastAPI app. Wiring only; the way of a request stands in `request.py`.

Started by `sluice up`, or by `bentoml serve services.gateway:Gateway`, with its settings in the environment. Importing
this module does no work: stores, engine and guards are opened when the server starts.
"""

from __future__ import annotations

from typing import Any

import bentoml
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from services.app import build_app

_FIRST_BYTE_S = 300
"""BentoML answers 504 when nothing was sent by then; our own, shorter bound (`gateway_timeout_s`) comes first."""

api: FastAPI = build_app()


class OwnProbes:
    """Lets /healthz, /readyz and /metrics reach our app: BentoML has routes of its own for them, with other bodies."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes one request on."""
        own = scope["type"] == "http" and scope["path"] in {"/healthz", "/readyz", "/metrics"}
        await (api if own else self._app)(scope, receive, send)


@bentoml.service(
    name="sluice",
    workers=1,
    traffic={"timeout": _FIRST_BYTE_S},
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
)
@bentoml.asgi_app(api, path="/")
class Gateway:
    """The service as BentoML sees it."""


_service: Any = Gateway  # the decorator makes a bentoml.Service of the class
_service.add_asgi_middleware(OwnProbes)
