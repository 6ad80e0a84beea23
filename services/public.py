"""Every path beside the chat itself: models, feedback, probes and metrics."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from infra.contracts.ids import new_id
from infra.settings import GatewaySettings
from services.admission import Door, Visitor, read_body
from services.errors import ApiError
from services.feedback import FeedbackDesk
from services.metrics import CONTENT_TYPE, Metrics
from services.release_watch import ReleaseWatch
from services.replies import model_list
from services.request import error_response, json_response
from services.wire import parse_feedback


@dataclass(frozen=True)
class Public:
    """What these paths need."""

    door: Door
    watch: ReleaseWatch
    feedback_desk: FeedbackDesk
    metrics_page: Metrics
    limits: GatewaySettings

    async def models(self, request: Request) -> Response:
        """GET /v1/models."""
        try:
            await self.door.identify(request, Visitor())
        except ApiError as error:
            return error_response(error, new_id("req"))
        entries = [served.entry() for served in self.watch.served()]
        return json_response(model_list(entries), 200, {"x-request-id": new_id("req")})

    async def model(self, request: Request) -> Response:
        """GET /v1/models/NAME."""
        try:
            await self.door.identify(request, Visitor())
            entry = self.watch.find(request.path_params["model"]).entry()
        except ApiError as error:
            return error_response(error, new_id("req"))
        return json_response(entry.body(), 200, {"x-request-id": new_id("req")})

    async def feedback(self, request: Request) -> Response:
        """POST /v1/feedback."""
        request_id = new_id("req")
        try:
            caller = await self.door.identify(request, Visitor())
            wanted = parse_feedback(await read_body(request, self.limits.gateway_body_bytes))
            given = await self.feedback_desk.give(wanted, caller)
        except ApiError as error:
            return error_response(error, request_id)
        body = {"id": given.id, "object": "feedback", "response_id": given.response_id, "rating": given.rating}
        return json_response(body, 201, {"x-request-id": request_id})

    async def healthz(self) -> Response:
        """GET /healthz: the process answers."""
        return json_response({"status": "ok"}, 200, {})

    async def readyz(self) -> Response:
        """GET /readyz: 200 while something answers, else 503 with the reason's code."""
        code = self.watch.not_ready
        if code:
            return error_response(ApiError.not_ready(code))
        versions = {served.pipeline: served.version for served in self.watch.served()}
        return json_response({"status": "ready", "versions": versions}, 200, {})

    async def metrics(self) -> Response:
        """GET /metrics, in Prometheus' format."""
        text = await asyncio.to_thread(self.metrics_page.text)
        return Response(text, 200, media_type=CONTENT_TYPE)
