"""What every witness looks at before it takes a checkpoint, and how it says no. The places stand in `witness_*`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infra.errors import Refused
from infra.ledger.verify import EMPTY_ROOT, Checkpoint, LogKey, Wrong, check_consistency, open_checkpoint

_EVIDENCE = (
    "keep this home as it is for evidence, find out with `sluice audit verify` what its files show, and restore the "
    "ledger from a backup that goes on from the witness's checkpoint"
)
_GROUPS = 5


class Forked(Refused):
    """The loud case: the witness holds what the log is not a continuation of."""


class Moved(Refused):
    """The witness holds a checkpoint of `size`, which the hand-over did not go on from: another was faster, or ours is
    behind. To be tried again from there.
    """

    def __init__(self, what: str, *, where: str = "", cure: str = "", size: int = 0) -> None:
        super().__init__(what, where=where, cure=cure)
        self.size = size

    def __reduce__(self) -> tuple[object, ...]:
        return (moved, (self.where, self.size))


def forked(place: str, size: int) -> Forked:
    """The log is not a continuation of the checkpoint of this size at the witness."""
    return Forked(
        f"the log was cut back or forked: the witness of {place} holds a checkpoint of {size} "
        "that ours is not a continuation of",
        cure=_EVIDENCE,
    )


def moved(place: str, size: int) -> Moved:
    """The witness holds another checkpoint than the one that was gone on from."""
    return Moved(f"the witness holds a checkpoint of {size}", where=place, cure="hand it over from there", size=size)


@dataclass(frozen=True)
class KnownLog:
    """The log that a witness watches: its name, and the public keys that may have signed its checkpoints."""

    origin: str
    keys: tuple[LogKey, ...]

    def open(self, note: str, place: str) -> Checkpoint:
        """A checkpoint of this log out of its note. Raises Refused."""
        try:
            found = open_checkpoint(note, self.keys)
        except Wrong as wrong:
            what = f"a checkpoint at the witness does not verify: {wrong}"
            raise Refused(what, where=place, cure=_EVIDENCE) from None
        if found.origin != self.origin:
            raise Refused("a checkpoint at the witness is another log's", where=place, cure=_EVIDENCE)
        return found

    def judge(
        self, last: Checkpoint | None, note: str, old_size: int, proof: Sequence[bytes], place: str
    ) -> Checkpoint:
        """The checkpoint of a note, when it goes on from `last`.

        Raises Refused when no known key signed it, Moved when `old_size` is not the size of `last`, Forked when it is
        older than `last` or not a continuation of it.
        """
        new = self.open(note, place)
        size, root = (last.size, last.root) if last else (0, EMPTY_ROOT)
        if old_size != size:
            raise moved(place, size)
        try:
            check_consistency(size, new.size, root, new.root, proof)
        except Wrong:
            raise forked(place, size) from None
        return new


def filed(size: int) -> str:
    """Under which path a place keeps the checkpoint of a size: in order, and at most 1,000 names in a folder."""
    digits = f"{size:0{3 * _GROUPS}}"
    return "/".join(digits[at : at + 3] for at in range(0, 3 * _GROUPS, 3))
