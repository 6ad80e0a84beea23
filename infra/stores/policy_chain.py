"""How changes of policy follow each other and the releases: which one guards a release, and what lies below it.

Pure. A change holds over every release up to the newest one at its time, by sequence numbers and not by clocks. So a
newer release, a rollback included, brings its own manifest's policy back; an older release that stands in for one that
fell does not: the change is newer than that.
"""

from __future__ import annotations

from collections.abc import Sequence

from infra.contracts.policy_release import PolicyRelease
from infra.contracts.release import Release


def holding(history: Sequence[PolicyRelease], release: Release) -> tuple[PolicyRelease, ...]:
    """The changes that are newer than a release, the newest (the one in force) first."""
    newer = (change for change in history if change.over >= release.sequence)
    return tuple(sorted(newer, key=lambda change: change.sequence, reverse=True))


def standing(history: Sequence[PolicyRelease], release: Release) -> tuple[PolicyRelease, ...]:
    """The changes whose policies lie on top of the manifest's own, the newest last: what `back` takes off, one by one.

    A put lays its policy on top, a back takes the topmost off.
    """
    stack: list[PolicyRelease] = []
    for change in reversed(holding(history, release)):
        if change.kind == "put":
            stack.append(change)
        elif stack:
            stack.pop()
    return tuple(stack)
