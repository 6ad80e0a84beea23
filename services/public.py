"""Every path beside the chat itself: models, feedback, probes and metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from infra.contracts.ids import new_id
from policies.guardrails.deadline import THREADS
from services.admission import Visitor, read_body
from services.errors import ApiError
from services.feedback import FeedbackDesk
from services.metrics import CONTENT_TYPE, Metrics
from services.release_watch import ReleaseWatch
from services.replies import model_list
from services.request import Desk, json_response
from services.tracing import RequestTrace
from services.wire import parse_feedback
from services.witnessing import Witnessing


@dataclass(frozen=True)
class Public:
    """What these paths need."""

    desk: Desk
    watch: ReleaseWatch
    feedback_desk: FeedbackDesk
    metrics_page: Metrics
    witnessing: Witnessing

    async def models(self, request: Request) -> Response:
        """GET /v1/models."""

        async def answer(_: Visitor) -> Response:
            return json_response(model_list([served.entry() for served in self.watch.served()]), 200, {})

        return await self._known(request, answer)

    async def model(self, request: Request) -> Response:
        """GET /v1/models/NAME."""

        async def answer(_: Visitor) -> Response:
            return json_response(self.watch.find(request.path_params["model"]).entry().body(), 200, {})

        return await self._known(request, answer)

    async def feedback(self, request: Request) -> Response:
        """POST /v1/feedback."""

        async def answer(visitor: Visitor) -> Response:
            assert visitor.caller is not None  # identified
            wanted = parse_feedback(await read_body(request, self.desk.limits.gateway_body_bytes))
            given = await self.feedback_desk.give(wanted, visitor.caller)
            body = {"id": given.id, "object": "feedback", "response_id": given.response_id, "rating": given.rating}
            return json_response(body, 201, {})

        return await self._known(request, answer)

    async def _known(self, request: Request, answer: Callable[[Visitor], Awaitable[Response]]) -> Response:
        """Answers a caller whose key is known; what is refused is recorded like a refused chat."""
        request_id, visitor = new_id("req"), Visitor()
        try:
            await self.desk.door.identify(request, visitor)
            response = await answer(visitor)
        except ApiError as error:
            trace = RequestTrace.begin(request.headers.get("traceparent", ""), content_allowed=False)
            return await self.desk.refuse(error, request_id, visitor, trace)
        response.headers["x-request-id"] = request_id
        return response

    async def healthz(self) -> Response:
        """GET /healthz: the process answers."""
        return json_response({"status": "ok"}, 200, {})

    async def readyz(self) -> Response:
        """GET /readyz: 200 while something answers, else 503 with the reason's code; what was refused, what hangs.

        A witness that refuses the ledger is told here and takes no answer away.
        """
        code = self.watch.not_ready
        refused = [remark.body() for remark in self.watch.remarks()]
        if code or THREADS.exhausted:
            error = ApiError.not_ready(code) if code else ApiError.guards_stuck()
            body = error.body() | {"refused": refused, "witness": self.witnessing.body()}
            return json_response(body, error.status, error.headers())
        versions = {served.pipeline: served.version for served in self.watch.served()}
        ready = {
            "status": "ready",
            "versions": versions,
            "guardrails": {served.pipeline: served.guardrails for served in self.watch.served()},
            "refused": refused,
            "witness": self.witnessing.body(),
            "stuck_checks": THREADS.stuck,
        }
        return json_response(ready, 200, {})

    async def metrics(self) -> Response:
        """GET /metrics, in Prometheus' format."""
        text = await asyncio.to_thread(self.metrics_page.text)
        return Response(text, 200, media_type=CONTENT_TYPE)
