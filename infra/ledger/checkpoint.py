"""Checkpoints: a log's size and root, signed as a note (c2sp.org/signed-note, c2sp.org/tlog-checkpoint).

Signed here, read by `verify.open_checkpoint`. The key's name in the note is the log's origin.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from infra.digest import Digest, sha256
from infra.errors import Refused
from infra.ledger.verify import Checkpoint, LogKey, Wrong, open_checkpoint
from infra.signing import Signer, TrustedKeys, VerifyKey


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> str:
    """The signed note of a checkpoint. Raises StoreError when the private key cannot be read."""
    key = log_key(checkpoint.origin, signer.verify_key)
    signature = base64.b64encode(key.id + signer.sign_bytes(checkpoint.text.encode())).decode()
    return f"{checkpoint.text}\n— {key.name} {signature}\n"


def log_key(origin: str, key: VerifyKey) -> LogKey:
    """A key as the log's checkpoints name it."""
    return LogKey(origin, key.raw)


def signed_digest(note: str) -> Digest:
    """By which name the list of what a retired key had signed holds a checkpoint."""
    text, _, _ = note.rpartition("\n\n")
    return sha256(f"{text}\n".encode())


def open_trusted(note: str, origin: str, keys: TrustedKeys) -> Checkpoint:
    """The newest checkpoint of this log: signed by the present key, or by one before it that is known to have done so.

    Raises Refused.
    """
    counting = [keys.current, *keys.that_signed(signed_digest(note))]
    return _open(note, origin, counting)


def open_earlier(note: str, origin: str, keys: TrustedKeys) -> Checkpoint:
    """A checkpoint of before, by any key that this log had: only good for a root that the tree itself confirms.

    Raises Refused.
    """
    return _open(note, origin, keys.all)


def _open(note: str, origin: str, keys: Sequence[VerifyKey]) -> Checkpoint:
    try:
        found = open_checkpoint(note, [log_key(origin, key) for key in keys])
    except Wrong as wrong:
        raise Refused(f"the checkpoint does not verify: {wrong}", cure="sluice audit verify") from None
    if found.origin != origin:
        raise Refused("the checkpoint is another log's", cure="sluice audit verify")
    return found
