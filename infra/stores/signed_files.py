"""Signed contracts as files: their names, reading and verifying one, making one that must be new."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from infra.contracts.signed import Signed
from infra.digest import Digest, parse_digest
from infra.errors import BadInput, Refused, StoreError
from infra.home import write_atomic
from infra.signing import ContractT, Verifier


def read_signed(path: Path) -> Signed:
    """An envelope as it lies on disk; nothing is verified yet. Raises Refused when it cannot be read."""
    try:
        return Signed.from_json(path.read_bytes())
    except (OSError, ValueError):
        raise Refused("the signed file cannot be read", where=str(path), cure="restore it from a backup") from None


def verified(path: Path, envelope: Signed, key: Verifier, kind: type[ContractT]) -> ContractT:
    """The contract in an envelope. Raises Refused, headed by the path, when it does not verify or is another noun."""
    try:
        return key.open(envelope, kind)
    except Refused as error:
        raise Refused(error.what, where=str(path), cure=error.cure) from None
    except ValueError:
        raise Refused(f"the signed text is not a {kind.schema_id}", where=str(path), cure="sluice doctor") from None


def create_new(path: Path, data: bytes) -> None:
    """Writes a whole file under a name that nobody has taken, durably. Raises StoreError when somebody has."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}.draft")
    write_atomic(draft, data)
    try:
        os.link(draft, path)
    except OSError as error:
        raise StoreError(
            f"the file cannot be made: {error.strerror}", where=str(path), cure="run the command again"
        ) from None
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def checked_name(pipeline: str) -> str:
    """A pipeline's name as a folder's name; it cannot leave its place. Raises BadInput."""
    if not pipeline or pipeline.startswith(".") or "/" in pipeline or "\0" in pipeline:
        raise BadInput("not the name of a pipeline", cure="sluice plan PIPELINE")
    return pipeline


def digits(digest: str) -> str:
    """A digest as a file's name. Raises BadInput when it is none."""
    try:
        return parse_digest(digest).removeprefix("sha256:")
    except ValueError:
        raise BadInput("not a digest", cure="give 'sha256:' and 64 hexadecimal digits") from None


def file_of(digest: str) -> str:
    """The name of the file of a digest."""
    return f"{digits(digest)}.json"


def digest_from(path: Path) -> Digest:
    """The digest that a file's name says."""
    return Digest(f"sha256:{path.stem}")
