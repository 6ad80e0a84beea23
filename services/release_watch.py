"""Follows the releases of every pipeline and decides which version answers. Swaps without dropping a request.

Only a release that verifies with its manifest and approval is served; MLflow's aliases are never asked. A new version
is loaded beside the old one, takes over at once, and the old one is stopped when its last answer has ended. What does
not verify or cannot be loaded is recorded once as refused, and the last good version goes on answering, and that is
said; when nothing of a pipeline may answer any more, nothing of it is served. Which policy guards a version is
policy_watch.py's to say, at each look.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from pydantic import TypeAdapter, ValidationError

from infra.contracts.base import Name, now
from infra.contracts.ids import new_id
from infra.contracts.lifecycle_events import ModelServed, ReleaseRefused
from infra.contracts.policy_release import PolicyRelease
from infra.digest import sha256, short
from infra.errors import SluiceError, StoreError
from infra.stores.releases import Refusal, Releases, ReleaseState, VerifiedRelease
from services.errors import ApiError
from services.metrics import Metrics
from services.once import Once
from services.policy_watch import PolicyRemark, PolicyWatch
from services.recorder import Recorder
from services.refusals import LastRefusal, Remark
from services.served import SCRIPTED, Served

_LOG = logging.getLogger("sluice.gateway")
_RETRY_S = (5.0, 15.0, 60.0, 300.0)
"""How long after a version could not be loaded it is tried again."""
_DRAIN_S = 600.0
"""An answer that has not ended by then does not keep an old engine in memory any longer."""


class Loads(Protocol):
    """What makes a version ready to answer (services/loading.py)."""

    def released(self, verified: VerifiedRelease) -> Served:
        """The version of a release. Raises SluiceError."""
        ...

    def guarded(self, served: Served, change: PolicyRelease | None) -> Served:
        """The same version behind the policy of a change, or of its manifest. Raises SluiceError."""
        ...

    def scripted(self, model: str) -> Served:
        """The scripted engine."""
        ...


@dataclass(frozen=True)
class _Failed:
    """A version that could not be loaded: how often, and when to try again."""

    release: str
    times: int
    again_at_s: float


class ReleaseWatch:
    """Which version of each pipeline answers now. Belongs to one event loop; the stores are read in threads."""

    def __init__(
        self,
        releases: Releases,
        loads: Loads,
        recorder: Recorder,
        metrics: Metrics,
        *,
        scripted: bool,
        known: Callable[[str], bool] = lambda _: False,
        last_refusal: LastRefusal = lambda _: None,
    ) -> None:
        self._releases = releases
        self._loads = loads
        self._recorder = recorder
        self._once = Once(recorder, known)
        self._policies = PolicyWatch(releases.policies, loads, recorder, self._once)
        self._metrics = metrics
        self._scripted_mode = scripted
        self._last_refusal = last_refusal
        self._remarks: dict[str, Remark] = {}
        self._serving: dict[str, Served] = {}
        self._scripted: Served | None = None
        self._failed: dict[str, _Failed] = {}
        self._refused: set[str] = set()
        self._drains: set[asyncio.Task[None]] = set()
        self._looked = False

    def find(self, model: str) -> Served:
        """The version that answers for a model. Count the answer in `served.flight` before the next await.

        Raises ApiError: 404 for a model that is not here, 503 while there is nothing to answer with.
        """
        if self._scripted is not None:
            return _named(self._scripted, model)
        if model in self._serving:
            return self._serving[model]
        code = self.not_ready
        if code or model in self._refused or model in self._failed:
            raise ApiError.not_ready(code or "release_refused")
        raise ApiError.unknown_model()

    def served(self) -> tuple[Served, ...]:
        """Everything that answers now, by name."""
        found = [self._scripted] if self._scripted else [self._serving[name] for name in sorted(self._serving)]
        return tuple(found)

    def remarks(self) -> tuple[Remark | PolicyRemark, ...]:
        """Why a pipeline stays on its version, or under its policy, although another was asked for, by name."""
        return (*(self._remarks[name] for name in sorted(self._remarks)), *self._policies.remarks())

    @property
    def not_ready(self) -> str:
        """'' while something answers, else why nothing does (a code of ApiError.not_ready)."""
        if self._serving or self._scripted:
            return ""
        if not self._looked:
            return "starting"
        if self._scripted_mode:
            return "scripted_refused"
        return "release_refused" if self._refused or self._failed else "no_release"

    async def follow(self, poll_s: float) -> None:
        """Looks again and again until it is cancelled. A store that cannot be read changes nothing."""
        while True:
            try:
                await self.look()
            except SluiceError as error:
                _LOG.warning("the releases could not be read: %s", error)
            await asyncio.sleep(poll_s)

    async def look(self) -> None:
        """Looks once, and loads, swaps or withdraws what changed. Raises StoreError."""
        states = await asyncio.to_thread(self._states)
        if self._scripted_mode:
            await self._look_scripted(any(state.current or state.refusals for state in states.values()))
        else:
            for pipeline in sorted({*states, *self._serving}):
                state = states.get(pipeline, ReleaseState(None, ()))
                await self._look_at(pipeline, state)
                await self._remark(pipeline, state)
        self._looked = True
        self._metrics.serving((served.label, served.version) for served in self.served())

    async def close(self) -> None:
        """Stops every engine. Answers under way end as cancelled."""
        for drain in self._drains:
            drain.cancel()
        await asyncio.gather(*self._drains, return_exceptions=True)
        for served in self.served():
            await served.engine.stop()
        self._serving, self._scripted = {}, None

    def _states(self) -> dict[str, ReleaseState]:
        return {pipeline: self._releases.inspect(pipeline) for pipeline in self._releases.pipelines()}

    async def _look_scripted(self, has_release: bool) -> None:
        if has_release and self._scripted is not None:
            _LOG.error("this home has a release now: the scripted engine stops answering")
            self._retire(self._scripted)
            self._scripted = None
        elif not has_release and self._scripted is None:
            self._scripted = await asyncio.to_thread(self._loads.scripted, SCRIPTED)

    async def _look_at(self, pipeline: str, state: ReleaseState) -> None:
        for refusal in state.refusals:
            await self._refuse(pipeline, refusal)
        (self._refused.add if state.refusals else self._refused.discard)(pipeline)
        present, wanted = self._serving.get(pipeline), state.current
        if wanted is None:
            if present is not None:
                _LOG.error("no release of %s verifies any more: it is not served", pipeline)
                self._retire(self._serving.pop(pipeline))
            return
        if present is not None and present.release_digest == wanted.release.digest:
            # One assignment: who asks finds the old guards or the new ones. The engine, and what flies, are the same.
            self._serving[pipeline] = await self._policies.guard(present)
            return
        failed = self._failed.get(pipeline)
        if failed is None or failed.release != wanted.release.digest or time.monotonic() >= failed.again_at_s:
            await self._swap(pipeline, wanted)

    async def _remark(self, pipeline: str, state: ReleaseState) -> None:
        """Keeps the newest refusal since the release in force, be it of a request or of a release file."""
        try:
            found = await asyncio.to_thread(self._last_refusal, pipeline)
        except StoreError as error:  # what is said may be old; what is served must not wait for it
            _LOG.warning("the refusals of %s could not be read: %s", pipeline, error)
            return
        present = self._serving.get(pipeline)
        since = present.release.release.released if present and present.release else None
        version = present.version if present else None
        if found is not None and (since is None or found.at >= since):
            self._remarks[pipeline] = Remark(pipeline, version, found.version, found.reason, found.at)
        elif state.refusals:
            newest = state.refusals[0]
            self._remarks[pipeline] = Remark(pipeline, version, newest.version, newest.reason, None)
        else:
            self._remarks.pop(pipeline, None)

    async def _swap(self, pipeline: str, wanted: VerifiedRelease) -> None:
        fresh = await self._load(pipeline, wanted)
        if fresh is None:
            return
        event = ModelServed(
            event_id=new_id("served"),
            at=now(),
            pipeline=pipeline,
            release=wanted.release.digest,
            version=fresh.version,
            engine=fresh.engine.record.name,
        )
        try:
            fresh = await self._policies.guard(fresh)
            await self._recorder.write(event)
        except BaseException:
            # What is not recorded does not answer.
            await fresh.engine.stop()
            raise
        self._failed.pop(pipeline, None)
        old = self._serving.get(pipeline)
        self._serving[pipeline] = fresh
        _LOG.warning("%s: version %d answers now", pipeline, fresh.version)
        if old is not None:
            self._retire(old)

    async def _load(self, pipeline: str, wanted: VerifiedRelease) -> Served | None:
        try:
            return await asyncio.to_thread(self._loads.released, wanted)
        except SluiceError as error:
            reason = error.what
        except Exception as error:  # a part that raises anything else must not end the watch
            reason = type(error).__name__
        before = self._failed.get(pipeline)
        times = before.times + 1 if before and before.release == wanted.release.digest else 1
        wait_s = _RETRY_S[min(times, len(_RETRY_S)) - 1]
        self._failed[pipeline] = _Failed(wanted.release.digest, times, time.monotonic() + wait_s)
        _LOG.error("%s: version %d cannot be loaded: %s", pipeline, wanted.release.version, reason)
        refusal = Refusal(wanted.release.sequence, wanted.release.version, f"it cannot be loaded: {reason}")
        await self._refuse(pipeline, refusal)
        return None

    async def _refuse(self, pipeline: str, refusal: Refusal) -> None:
        """Records a refusal, once."""
        mark = short(sha256(refusal.reason.encode()))
        event = ReleaseRefused(
            event_id=f"release-refused-{pipeline}-{refusal.sequence}-{mark}",
            at=now(),
            pipeline=pipeline,
            version=refusal.version,
            reason=refusal.reason,
        )
        if await self._once.write(event):
            self._metrics.release_refused(pipeline)
            _LOG.error("%s: release %d is refused: %s", pipeline, refusal.sequence, refusal.reason)

    def _retire(self, served: Served) -> None:
        drain = asyncio.create_task(_drain(served))
        self._drains.add(drain)
        drain.add_done_callback(self._drains.discard)


async def _drain(served: Served) -> None:
    try:
        async with asyncio.timeout(_DRAIN_S):
            await served.flight.landed()
    except TimeoutError:
        _LOG.error("%s: an answer by version %d did not end", served.pipeline, served.version)
    finally:
        await served.engine.stop()


def _named(scripted: Served, model: str) -> Served:
    """The scripted engine under a caller's model name, which must have the form of one: it goes into records."""
    try:
        return replace(scripted, pipeline=TypeAdapter(Name).validate_python(model))
    except ValidationError:
        raise ApiError.unknown_model() from None
