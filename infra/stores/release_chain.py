"""How releases follow each other: what a rollback can go back to, and what stands in when one may no longer answer.

Pure. A later record supersedes: what a release replaced may come back when that release falls; what a rollback took off
never does, since somebody had a reason to take it off.
"""

from __future__ import annotations

from collections.abc import Sequence

from infra.contracts.release import Release


def standing(history: Sequence[Release]) -> tuple[Release, ...]:
    """The releases that a rollback can still go back to, the newest (the one in force) last; one for each manifest.

    A release lays its version on top; a rollback takes off what lies above the version that it goes back to.
    """
    stack: list[Release] = []
    for release in sorted(history, key=lambda one: one.sequence):
        places = [place for place, below in enumerate(stack) if below.manifest == release.manifest]
        if release.kind == "rollback" and places:
            del stack[places[0] :]
        else:
            stack = [below for below in stack if below.manifest != release.manifest]
        stack.append(release)
    return tuple(stack)


def stand_in(fallen: Release, history: Sequence[Release]) -> Release | None:
    """What answers again when `fallen` may not any more, or None: then nothing does.

    A release names what it replaced. A rollback's stand-in is what lay below the version that it went back to.
    `history` holds what can still be read. Where a record is missing that might have taken the stand-in off, there is
    none.
    """
    if fallen.kind == "release":
        return next((one for one in history if one.digest == fallen.previous), None)
    return beneath(fallen.sequence, fallen.manifest, history)


def beneath(sequence: int, manifest: str, history: Sequence[Release]) -> Release | None:
    """What lay below the version that the rollback of this number went back to, or None."""
    stack = standing([one for one in history if one.sequence < sequence])
    place = next((place for place, one in enumerate(stack) if one.manifest == manifest), 0)
    if place == 0:  # nothing lay below, or the version's own release can no longer be read
        return None
    found = stack[place - 1]
    known = {one.sequence for one in history}
    return found if all(between in known for between in range(found.sequence + 1, sequence)) else None
