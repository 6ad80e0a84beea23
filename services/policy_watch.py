"""Follows the signed changes of policy: which guards stand around a version. Swaps without dropping a request.

The new policy is compiled beside the old one and must pass its own examples; then one assignment puts it in force.
Requests under way end with the guards that they began with. A change that does not verify, or whose policy does not
parse, compile or pass, is recorded once as refused, the policy before it stays, and that is said.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from infra.contracts.base import now
from infra.contracts.ids import new_id
from infra.contracts.lifecycle_events import PolicyRefused, PolicyServed
from infra.contracts.policy_release import PolicyRelease
from infra.digest import Digest, sha256, short
from infra.errors import SluiceError
from infra.stores.policy_chain import holding
from infra.stores.policy_releases import PolicyChanges, PolicyRefusal, PolicyReleases
from services.once import Once
from services.recorder import Recorder
from services.served import Served

_LOG = logging.getLogger("sluice.gateway")
_RETRY_S = 300.0
"""How long after a policy could not be put to work it is tried again: a part of it may have been away."""


class Guards(Protocol):
    """What puts a policy to work (services/loading.py)."""

    def guarded(self, served: Served, change: PolicyRelease | None) -> Served:
        """The same version behind the policy of a change, or of its manifest. Raises SluiceError."""
        ...


@dataclass(frozen=True)
class PolicyRemark:
    """Why a pipeline is guarded by another policy than the newest change asks for."""

    pipeline: str
    version: int
    following: int
    """Sequence of the change that is followed, 0 for the version's own policy."""
    refused: int
    reason: str

    @property
    def sentence(self) -> str:
        """For a person; no user's text."""
        stays = f"the policy of change {self.following}" if self.following else "the policy of its version"
        return f"{self.pipeline} stays under {stays}: change {self.refused} was refused: {self.reason}"

    def body(self) -> dict[str, Any]:
        """As /readyz shows it."""
        return {
            "pipeline": self.pipeline,
            "serving": self.version,
            "refused": None,
            "refused_policy": self.refused,
            "message": self.sentence,
            "at": None,
        }


@dataclass(frozen=True)
class _Unfit:
    """A policy that could not be put to work, and when to try again."""

    reason: str
    again_at_s: float


class PolicyWatch:
    """Which policy guards each version now. Belongs to one event loop; the files are read in threads."""

    def __init__(self, changes: PolicyReleases, guards: Guards, recorder: Recorder, once: Once) -> None:
        self._changes = changes
        self._guards = guards
        self._recorder = recorder
        self._once = once
        self._unfit: dict[Digest, _Unfit] = {}
        self._remarks: dict[str, PolicyRemark] = {}

    def remarks(self) -> tuple[PolicyRemark, ...]:
        """What was refused in favour of what guards now, by pipeline."""
        return tuple(self._remarks[name] for name in sorted(self._remarks))

    async def guard(self, served: Served) -> Served:
        """The version behind the policy in force: the same object where that has not changed. Raises StoreError."""
        assert served.release is not None  # nothing can be put over the scripted engine
        changes = await asyncio.to_thread(self._changes.inspect, served.pipeline)
        for refusal in changes.refusals:
            await self._refuse(served.pipeline, refusal)
        held = holding(changes.history, served.release.release)
        guarded = served if _lost(served, changes) else await self._best(served, held)
        self._remark(guarded, changes, held)
        return guarded

    async def _best(self, served: Served, held: Sequence[PolicyRelease]) -> Served:
        """Behind the newest change that can be put to work, else behind the manifest's own policy."""
        for change in (*held, None):
            if served.change == change:
                return served
            fresh = await self._load(served, change)
            if fresh is not None:
                return await self._in_force(fresh)
        return served

    async def _load(self, served: Served, change: PolicyRelease | None) -> Served | None:
        known = self._unfit.get(change.digest) if change else None
        if known and time.monotonic() < known.again_at_s:
            return None
        try:
            fresh = await asyncio.to_thread(self._guards.guarded, served, change)
        except SluiceError as error:
            reason = error.what
        except Exception as error:  # a part that raises anything else must not end the watch
            reason = type(error).__name__
        else:
            if change:
                self._unfit.pop(change.digest, None)
            return fresh
        _LOG.error("%s: a policy cannot be put to work: %s", served.pipeline, reason)
        if change:
            told = f"it cannot be put to work: {reason}"
            self._unfit[change.digest] = _Unfit(told, time.monotonic() + _RETRY_S)
            await self._refuse(served.pipeline, PolicyRefusal(change.sequence, told))
        return None

    async def _in_force(self, fresh: Served) -> Served:
        """What is not recorded does not guard."""
        assert fresh.release is not None
        event = PolicyServed(
            event_id=new_id("policy-served"),
            at=now(),
            pipeline=fresh.pipeline,
            guardrails=fresh.guardrails,
            change=fresh.change.digest if fresh.change else None,
            release=fresh.release.release.digest,
            version=fresh.version,
        )
        await self._recorder.write(event)
        _LOG.warning("%s: version %d is guarded by %s now", fresh.pipeline, fresh.version, short(fresh.guardrails))
        return fresh

    async def _refuse(self, pipeline: str, refusal: PolicyRefusal) -> None:
        """Records a refusal, once."""
        mark = short(sha256(refusal.reason.encode()))
        event = PolicyRefused(
            event_id=f"policy-refused-{pipeline}-{refusal.sequence}-{mark}",
            at=now(),
            pipeline=pipeline,
            sequence=refusal.sequence,
            reason=refusal.reason,
        )
        if await self._once.write(event):
            _LOG.error("%s: change %d of the policy is refused: %s", pipeline, refusal.sequence, refusal.reason)

    def _remark(self, guarded: Served, changes: PolicyChanges, held: Sequence[PolicyRelease]) -> None:
        """Keeps the newest refusal that nothing good came after."""
        following = guarded.change.sequence if guarded.change else 0
        newest = max((change.sequence for change in changes.history), default=0)
        refused = [refusal for refusal in changes.refusals if refusal.sequence > newest or _lost(guarded, changes)]
        for change in held:
            unfit = self._unfit.get(change.digest)
            if unfit and change.sequence > following:
                refused.append(PolicyRefusal(change.sequence, unfit.reason))
        if refused:
            worst = max(refused, key=lambda refusal: refusal.sequence)
            self._remarks[guarded.pipeline] = PolicyRemark(
                guarded.pipeline, guarded.version, following, worst.sequence, worst.reason
            )
        else:
            self._remarks.pop(guarded.pipeline, None)


def _lost(served: Served, changes: PolicyChanges) -> bool:
    """Whether the file of the very change that guards now is gone or damaged, and no later one can be read.

    Then it goes on guarding: who can harm a file must not take a policy off with that.
    """
    change = served.change
    if change is None or change in changes.history:
        return False
    return all(one.sequence < change.sequence for one in changes.history)
