"""Witnesses: a second place that gets each checkpoint and takes none that does not go on from the last one it took.

What the ledger's own files cannot show, this shows: that the log was cut back together with its checkpoints, or that
there are two of it under one key. MUST: a witness checks itself before it takes a checkpoint, and never gives one up
for a shorter one. MUST NOT: lie where the ledger lies; who can restore an older copy of both is not found out.

One file for each place: `witness_folder`, `witness_http`, `witness_s3`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from infra.errors import BadInput, Refused, StoreError
from infra.ledger.verify import Checkpoint, LogKey, Wrong, check_consistency
from infra.ledger.walk import LedgerProblem
from infra.ledger.witnessed_log import KnownLog, Moved, forked

if TYPE_CHECKING:
    from infra.home import Home
    from infra.ledger.log import Ledger
    from infra.ledger.proofs import Proofs
    from infra.settings import WitnessSettings

_LOG = logging.getLogger("sluice.ledger")
_TURNS = 20
"""How often others may be faster at one witness before this one gives up."""


class Witness(Protocol):
    """One second place. Belongs to one thread at a time; any number of processes may use the same place."""

    place: str
    """Where it is, for people: no password, no secret path."""
    readable: bool
    """Whether `latest` asks the place; otherwise it only knows what this process handed over, and `accept` tells."""
    note: str
    """The note of `latest`, with the witness's cosignature where it makes one; '' before that is known."""

    def latest(self) -> Checkpoint | None:
        """What it last accepted, verified with the log's keys. Raises Refused when that does not verify, StoreError
        when it cannot be reached.
        """
        ...

    def accept(self, note: str, old_size: int, proof: Sequence[bytes]) -> str:
        """Hands over a checkpoint, with the consistency proof from what the witness holds; durable when it returns.

        Returns the note, with the witness's cosignature where it makes one. Raises Refused when no known key signed
        it, or when it is older than or not a continuation of what the witness holds; Moved when `old_size` is not what
        it holds; StoreError when it cannot be reached.
        """
        ...


def publish(ledger: Ledger, witness: Witness) -> Checkpoint | None:
    """Hands the witness the newest checkpoint. Returns it, or None when the witness had it, or nothing is recorded.

    Raises Refused, loudly, when the witness holds what the log is not a continuation of; StoreError when the place
    cannot be reached, or the ledger's own end was changed.
    """
    return _hand_over(ledger, witness).checkpoint


def compare(ledger: Ledger, witness: Witness) -> tuple[LedgerProblem, ...]:
    """Whether the ledger goes on from what the witness holds; for `sluice audit verify`.

    Leaves a readable witness as it is; another one answers only when it is handed the newest checkpoint. A witness that
    holds nothing is a problem too: nothing was compared. Raises StoreError when it cannot be reached, or the ledger's
    own end was changed.
    """
    try:
        if not witness.readable:
            handed = _hand_over(ledger, witness)
            return _nothing_held(witness) if handed.checkpoint and not handed.held else ()
        last = witness.latest()
        with ledger.proofs() as proofs:
            if last is None:
                return _nothing_held(witness) if proofs.size else ()
            return _disagreement(witness, last, proofs)
    except Refused as refused:
        return (LedgerProblem(None, refused.what),)


def open_witness(
    settings: WitnessSettings, keys: Sequence[LogKey], origin: str, home: Home | None = None
) -> Witness | None:
    """The witness that the settings name, or None; nothing is asked of it yet.

    `home` is where the cosigned note of an HTTP witness is kept. Raises BadInput when the settings cannot be used or
    name a folder of that home, MissingPart when the place needs a part that is not installed.
    """
    log, place = KnownLog(origin, tuple(keys)), settings.witness
    if not place:
        return None
    if place.startswith(("http://", "https://")):
        from infra.ledger.witness_http import HttpWitness, read_witness_key

        kept = home.root / "witness" / "checkpoint" if home else None
        return HttpWitness(place, read_witness_key(settings.witness_key), log, kept)
    if place.startswith("s3://"):
        from infra.ledger.witness_s3 import S3Witness

        return S3Witness(place, log, endpoint=settings.witness_endpoint, retention_days=settings.witness_retention_days)
    from infra.ledger.witness_folder import FolderWitness

    folder = Path(place)
    if home and folder.resolve().is_relative_to(home.root.resolve()):
        raise BadInput(
            "the witness's folder lies inside the home that it shall watch",
            where="SLUICE_WITNESS",
            cure="name a folder on another disk or another machine",
        )
    return FolderWitness(folder, log)


@dataclass(frozen=True)
class _Handed:
    """What a hand-over came to."""

    checkpoint: Checkpoint | None
    """None: the witness had it, or there is none."""
    held: int
    """What the witness held before; 0: nothing."""


def _hand_over(ledger: Ledger, witness: Witness) -> _Handed:
    last = witness.latest()
    held = last.size if last else 0
    for _ in range(_TURNS):
        with ledger.proofs() as proofs:  # anew at each turn: who was faster may have a longer tree of this very ledger
            if held > proofs.size:
                raise forked(witness.place, held)
            ours, note = Checkpoint(ledger.origin, proofs.size, proofs.edge.frontier.root), proofs.edge.note
            if ours == last or not ours.size:
                return _Handed(None, held)
            proof = proofs.consistency(held)
        try:
            witness.accept(note, held, proof)
        except Moved as other:
            held, last = other.size, None
            continue
        if not held:
            _LOG.warning("the witness of %s knew nothing of this log until its %d entries", witness.place, ours.size)
        return _Handed(ours, held)
    raise StoreError("others were faster at the witness each time", where=witness.place, cure="try again")


def _disagreement(witness: Witness, last: Checkpoint, proofs: Proofs) -> tuple[LedgerProblem, ...]:
    what = forked(witness.place, last.size).what
    if last.size > proofs.size:
        return (LedgerProblem(proofs.size, f"{what}: from here on entries are missing"),)
    try:
        proof = proofs.consistency(last.size)
        check_consistency(last.size, proofs.size, last.root, proofs.edge.frontier.root, proof)
    except Wrong:
        return (LedgerProblem(0, what, last.size - 1),)
    return ()


def _nothing_held(witness: Witness) -> tuple[LedgerProblem, ...]:
    return (
        LedgerProblem(None, f"the witness of {witness.place} held no checkpoint of this log: nothing was compared"),
    )
