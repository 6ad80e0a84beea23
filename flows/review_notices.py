"""Tells those whom the settings name that a version waits for its review: once for each version, in a few tries.

That it was told, or that every try failed, is an event in the ledger; so a restart neither tells twice nor tries for
ever. A crash between the telling and its record tells once more.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from flows.desk import Desk
from flows.steps.review_state import expires, review_state
from infra.contracts.base import now
from infra.contracts.lifecycle_events import ReviewNotified
from infra.contracts.model_version import ModelVersion
from infra.errors import PartFailed
from infra.notify import Notice, by_command, by_webhook

_LOG = logging.getLogger("sluice.attend")
_RETRY_S = (30.0, 300.0, 1_800.0, 7_200.0)
"""How long after a failed try the next one comes; after the last there is none."""

Channel = Literal["command", "webhook"]


@dataclass(frozen=True)
class _Tried:
    times: int
    again_at_s: float


@dataclass
class Notices:
    """The tries of one process. What is done stands in the ledger."""

    clock: Callable[[], float] = time.monotonic
    _tried: dict[str, _Tried] = field(default_factory=dict)
    _done: set[str] = field(default_factory=set)

    def tell(self, pipeline: str, desk: Desk) -> None:
        """Tells of every version of a pipeline that waits and was not told of yet. Raises StoreError."""
        channels = _channels(desk)
        if not channels:
            return
        for manifest in desk.releases.manifests(pipeline):
            open_ones = [one for one in channels if self._open(_event_id(one, manifest), desk)]
            if open_ones and review_state(manifest, desk) == "waiting":
                for channel in open_ones:
                    self._try(channel, manifest, desk)

    def _open(self, event_id: str, desk: Desk) -> bool:
        """Whether a try is due."""
        if event_id in self._done:
            return False
        tried = self._tried.get(event_id)
        if tried is not None:
            return self.clock() >= tried.again_at_s
        if desk.ledger.get(event_id) is not None:
            self._done.add(event_id)
            return False
        return True

    def _try(self, channel: Channel, manifest: ModelVersion, desk: Desk) -> None:
        event_id = _event_id(channel, manifest)
        try:
            _send(channel, manifest, desk)
        except PartFailed as error:
            times = self._tried[event_id].times + 1 if event_id in self._tried else 1
            last = times > len(_RETRY_S)
            _LOG.warning(
                "%s version %d waits for a review and nobody could be told: %s%s (try %d of %d)",
                manifest.pipeline,
                manifest.version,
                f"{error.where}: " if error.where else "",
                error.what,
                times,
                len(_RETRY_S) + 1,
            )
            if not last:
                self._tried[event_id] = _Tried(times, self.clock() + _RETRY_S[times - 1])
                return
            result: Literal["told", "given_up"] = "given_up"
        else:
            result = "told"
        desk.ledger.append(
            ReviewNotified(
                event_id=event_id,
                at=now(),
                pipeline=manifest.pipeline,
                manifest=manifest.digest,
                version=manifest.version,
                channel=channel,
                result=result,
            )
        )
        self._tried.pop(event_id, None)
        self._done.add(event_id)


def _channels(desk: Desk) -> tuple[Channel, ...]:
    review = desk.settings.review
    named: tuple[tuple[Channel, str], ...] = (
        ("command", review.review_notify_command),
        ("webhook", review.review_notify_webhook),
    )
    return tuple(channel for channel, place in named if place)


def _send(channel: Channel, manifest: ModelVersion, desk: Desk) -> None:
    review, notice = desk.settings.review, notice_of(manifest, desk)
    if channel == "command":
        by_command(review.review_notify_command, notice, desk.settings.home.root, review.review_notify_timeout_s)
    else:
        by_webhook(review.review_notify_webhook, notice, review.review_notify_timeout_s)


def notice_of(manifest: ModelVersion, desk: Desk) -> Notice:
    """What is told of a version."""
    name, until = f"{manifest.pipeline} {manifest.version}", expires(manifest, desk)
    page = f"{desk.mlflow_url}/#/models/{manifest.pipeline}/versions/{manifest.version}" if desk.mlflow_url else ""
    return Notice(
        pipeline=manifest.pipeline,
        version=manifest.version,
        manifest=manifest.digest,
        registered=manifest.created.isoformat(timespec="seconds"),
        expires=until.isoformat(timespec="seconds") if until else "",
        show=f"sluice review show {name}",
        approve=f"sluice review approve {name} --by NAME --reason TEXT",
        page=page,
    )


def _event_id(channel: Channel, manifest: ModelVersion) -> str:
    return f"review-notified/{channel}/{manifest.digest}"
