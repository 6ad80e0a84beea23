"""POST /v1/feedback: a caller judges an answer of their own tenant. A comment is redacted, then sealed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from infra.contracts.base import now
from infra.contracts.request_events import FeedbackGiven, RequestAdmitted
from infra.errors import StoreError
from infra.ledger.log import Ledger
from infra.stores.callers import Caller
from infra.stores.feedback import Feedback, FeedbackStore
from policies.guardrails.passage import Passage
from services.errors import ApiError
from services.release_watch import ReleaseWatch
from services.wire import FeedbackRequest


@dataclass(frozen=True)
class FeedbackDesk:
    """What taking a judgement needs."""

    store: FeedbackStore
    ledger: Ledger
    watch: ReleaseWatch

    async def give(self, wanted: FeedbackRequest, caller: Caller) -> Feedback:
        """Keeps a judgement and records it. Raises ApiError: 404 for an answer that is not the caller's tenant's."""
        try:
            return await asyncio.to_thread(self._give, wanted, caller)
        except StoreError:
            raise ApiError.ledger_unavailable() from None

    def _give(self, wanted: FeedbackRequest, caller: Caller) -> Feedback:
        events = [entry.event for entry in self.ledger.of_response(wanted.response_id)]
        admitted = next((event for event in events if isinstance(event, RequestAdmitted)), None)
        if admitted is None or admitted.tenant != caller.tenant:
            raise ApiError.not_found("no answer of yours has this id", param="response_id", code="response_not_found")
        comment = ""
        if wanted.comment:
            guards = self.watch.find(admitted.pipeline).guards
            comment = guards.redact_row(wanted.comment, Passage(wanted.comment, None).language).text
        feedback = self.store.give(
            response_id=admitted.response_id,
            pipeline=admitted.pipeline,
            tenant=caller.tenant,
            subject=admitted.subject,
            rating=wanted.rating,
            comment=comment,
        )
        event = FeedbackGiven(
            event_id=f"{feedback.id}/given",
            at=now(),
            pipeline=admitted.pipeline,
            response_id=admitted.response_id,
            tenant=caller.tenant,
            rating=wanted.rating,
            sealed=feedback.sealed_digest,
        )
        self.ledger.append(event, payload=feedback.sealed)
        return feedback
