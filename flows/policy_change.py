"""Release -> another policy over it: a reviewer's signed change of the guardrails, and the way back.

Without a change the policy in the release's manifest guards what is served: what was scored is what is served. A change
is signed with the reviewer's own key, allowed by the version's access policy like an approval, and recorded. It ends
with the next release, which brings its own manifest's policy (infra/stores/policy_chain.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from flows.desk import Desk
from flows.steps.evidence import read_access
from flows.steps.load_guards import load_guards
from flows.steps.release_record import record_policy
from infra.contracts.base import now
from infra.contracts.ids import new_id
from infra.contracts.lifecycle_events import PolicyRefused
from infra.contracts.policy_release import PolicyRelease
from infra.digest import Digest, sha256
from infra.errors import BadInput, Refused
from infra.stores.policy_chain import holding, standing
from infra.stores.releases import Slot, VerifiedRelease
from infra.stores.reviewers import Reviewers
from policies.guardrails.examples import require_examples
from policies.policy import parse_guardrails

_REASON_CHARACTERS = 2_000


@dataclass(frozen=True)
class PolicyInForce:
    """What guards a pipeline now."""

    guardrails: Digest
    change: PolicyRelease | None
    """None for the manifest's own policy."""


def policy_in_force(verified: VerifiedRelease, desk: Desk) -> PolicyInForce:
    """The policy that guards a release by the signed records; a gateway that refuses it says so."""
    held = holding(desk.releases.policies.history(verified.release.pipeline), verified.release)
    return PolicyInForce(held[0].guardrails, held[0]) if held else PolicyInForce(verified.manifest.guardrails, None)


def put_policy(pipeline: str, text: str, *, source: str, by: str, reason: str, desk: Desk) -> PolicyRelease:
    """Puts another policy over the release in force; the same one again changes nothing.

    Raises BadInput (nothing is released, an unknown reviewer, no reason, a policy that is in force already),
    ConfigError or CheckFailed (the policy does not parse, compile, or pass its own examples), Refused (recorded).
    """
    policy = parse_guardrails(text, source=source)
    home = desk.settings.home
    require_examples(policy, lambda unhurried: load_guards(unhurried, home=home))
    load_guards(policy, _current(pipeline, desk).manifest.prompt, home=home)  # what a gateway will do
    with _change(pipeline, by, reason, desk) as draft:
        guardrails = sha256(text.encode("utf-8"))
        present = policy_in_force(draft.current, desk)
        if guardrails == present.guardrails:
            if present.change is None:
                raise BadInput("that is the policy of the version itself", where=source, cure="sluice review show")
            record_policy(present.change, desk)
            return present.change
        desk.blobs.put(text.encode("utf-8"))
        return draft.sign("put", guardrails, desk)


def take_back(pipeline: str, *, by: str, reason: str, desk: Desk) -> PolicyRelease:
    """Takes the latest change off: the policy below it guards again, in the end the manifest's own.

    Raises BadInput when there is no change to take off, Refused (recorded) as `put_policy` does.
    """
    with _change(pipeline, by, reason, desk) as draft:
        stack = standing(desk.releases.policies.history(pipeline), draft.current.release)
        if not stack:
            what = f"{pipeline!r} is guarded by the policy of its version {draft.current.manifest.version} already"
            raise BadInput(what, cure=f"sluice policy put {pipeline} FILE --by NAME --reason TEXT")
        below = stack[-2].guardrails if len(stack) > 1 else draft.current.manifest.guardrails
        return draft.sign("back", below, desk)


@dataclass(frozen=True)
class _Draft:
    """A change that is allowed, under the pipeline's release lock."""

    pipeline: str
    slot: Slot
    current: VerifiedRelease
    by: str
    reason: str

    def sign(self, kind: Literal["put", "back"], guardrails: Digest, desk: Desk) -> PolicyRelease:
        """Signs, keeps and records the change."""
        history = desk.releases.policies.history(self.pipeline)
        change = PolicyRelease(
            pipeline=self.pipeline,
            sequence=desk.releases.policies.next_sequence(self.pipeline),
            kind=kind,
            guardrails=guardrails,
            release=self.current.release.digest,
            over=self.slot.sequence - 1,
            previous=history[-1].digest if history else None,
            reviewer=self.by,
            reason=self.reason,
            put=now(),
        )
        desk.releases.policies.put(change, Reviewers(desk.settings.home).signer(self.by))
        record_policy(change, desk)
        return change


@contextmanager
def _change(pipeline: str, by: str, reason: str, desk: Desk) -> Iterator[_Draft]:
    told = " ".join(reason.split())
    if not told or len(told) > _REASON_CHARACTERS:
        raise BadInput(f"a change needs a reason of 1 to {_REASON_CHARACTERS:,} characters", cure="--reason TEXT")
    Reviewers(desk.settings.home).signer(by)  # raises, with the command that adds one
    _current(pipeline, desk)
    with _recording_refusals(pipeline, desk), desk.releases.allocate(pipeline) as slot:
        current = slot.current
        if current is None:
            raise _nothing_released(pipeline)
        read_access(current.manifest, desk.blobs).check_reviewer(by)
        yield _Draft(pipeline, slot, current, by, told)


@contextmanager
def _recording_refusals(pipeline: str, desk: Desk) -> Iterator[None]:
    try:
        yield
    except Refused as error:
        event = PolicyRefused(
            event_id=new_id("policy-refusal"), at=now(), pipeline=pipeline, sequence=0, reason=error.what
        )
        desk.ledger.append(event)
        raise


def _current(pipeline: str, desk: Desk) -> VerifiedRelease:
    current = desk.releases.current(pipeline)
    if current is None:
        raise _nothing_released(pipeline)
    return current


def _nothing_released(pipeline: str) -> BadInput:
    return BadInput(f"{pipeline!r} has no release in force to guard", cure=f"sluice review list {pipeline} --all")
