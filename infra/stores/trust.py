"""The installation's own signing key, made once per home, race-free between processes; and how such a key is replaced.

    NAME.key            private, mode 0600
    NAME.pub            what signatures are checked against
    NAME.retired.json   the keys before it with what each had signed, signed by the present one; only after a rotation

A rotation writes `.NAME.next.key`, then `.NAME.next.json` (the new NAME.retired.json): from there on the new key
counts, and `settle` puts the three files in place. A crash before leaves the old key, one after it the new one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from infra.contracts.base import now
from infra.contracts.retired_keys import RetiredKey, RetiredKeys
from infra.contracts.signed import Signed
from infra.digest import Digest
from infra.errors import BadInput, Refused, SluiceError, StoreError
from infra.home import Home, write_atomic
from infra.signing import Signer, TrustedKeys, VerifyKey

INSTALLATION = "installation"
_RESTORE = "restore the file from a backup"
_SQLITE = b"SQLite format 3\0"


@dataclass(frozen=True)
class Rotated:
    """A key that took another's place."""

    old: VerifyKey
    new: VerifyKey


def installation_signer(home: Home) -> Signer:
    """The key that signs manifests, releases and the ledger's tip, made on first use.

    Raises StoreError, also when both halves are gone from a home that has a record: nothing could be verified any more.
    """
    settle(home, INSTALLATION)
    path = home.keys / f"{INSTALLATION}.key"
    if not path.exists() and not path.with_suffix(".pub").exists() and _has_record(home):
        raise StoreError("the installation's key pair is gone", where=str(path), cure=_RESTORE)
    return create_signer(home, INSTALLATION)


def installation_key(home: Home) -> TrustedKeys:
    """The trusted public keys. Raises StoreError when a file is missing or damaged."""
    return trusted_keys(home, INSTALLATION)


def trusted_keys(home: Home, name: str) -> TrustedKeys:
    """The present public key of `keys/NAME` with those that it replaced. Raises StoreError."""
    settle(home, name)
    current = _public(home.keys / f"{name}.pub")
    path = _retired_path(home, name)
    try:
        signed = Signed.from_json(path.read_bytes())
        retired = current.open(signed, RetiredKeys)
        if retired.owner != name:
            raise Refused("the retired keys are another owner's", where=str(path))
    except FileNotFoundError:
        return TrustedKeys(current)
    except (OSError, BadInput, Refused):
        raise StoreError("the list of retired keys cannot be read", where=str(path), cure=_RESTORE) from None
    return TrustedKeys(current, retired.keys)


def create_signer(home: Home, name: str) -> Signer:
    """The key pair `keys/NAME.key` and `.pub`, made on first use.

    Two processes that ask at once get the same pair. Raises StoreError when only the private half is missing, or when
    the disk refuses.
    """
    settle(home, name)
    path = home.keys / f"{name}.key"
    public = path.with_suffix(".pub")
    if path.exists() and public.exists():
        return Signer(path)
    home.folder(path.parent)
    try:
        with _lock(path):
            if public.exists() and not path.exists():
                # A new private key would silently stop everything signed so far from verifying.
                what = " ".join(name.replace("reviewers/", "reviewer ").split())
                raise StoreError(
                    "the private key is gone", where=str(path), cure=f"{_RESTORE}, or: sluice keys rotate {what}"
                )
            signer = Signer.load_or_create(path)
            if not public.exists():  # a crash between the two files
                write_atomic(public, signer.verify_key.to_text().encode() + b"\n", mode=0o644)
            return signer
    except OSError as error:
        if isinstance(error, SluiceError):
            raise
        raise StoreError(
            f"the key cannot be made: {error.strerror}", where=str(path), cure="make the folder writable"
        ) from None


def rotate_signer(home: Home, name: str, signed: Iterable[Digest]) -> Rotated:
    """Puts a new key pair in the place of `keys/NAME`; the caller has the home alone.

    `signed` is everything that the present key signed and that shall go on verifying. The private half need not be
    there: that is how a lost one is replaced. Raises StoreError; the old key is then still in force.
    """
    before = trusted_keys(home, name)
    following = _next_key(home, name)
    following.unlink(missing_ok=True)  # of a rotation that never counted
    signer = Signer.load_or_create(following)
    following.with_suffix(".pub").unlink()
    old = RetiredKey(
        key_id=before.key_id,
        public_key=before.current.to_text(),
        retired=now(),
        signed=tuple(sorted(set(signed))),
    )
    listed = signer.sign(RetiredKeys(owner=name, keys=(*before.retired, old)))
    new = signer.verify_key
    write_atomic(_next_list(home, name), listed.to_json())
    settle(home, name)
    return Rotated(before.current, new)


def settle(home: Home, name: str) -> None:
    """Finishes a rotation that was cut off after it counted. Costs one look where there was none. Raises StoreError."""
    listed, following, path = _next_list(home, name), _next_key(home, name), home.keys / f"{name}.key"
    if not listed.exists():
        return
    try:
        with _lock(path):
            if not listed.exists():
                return  # another process was faster
            if following.exists():
                following.replace(path)
            key = Signer(path).verify_key
            write_atomic(path.with_suffix(".pub"), key.to_text().encode() + b"\n", mode=0o644)
            listed.replace(_retired_path(home, name))
    except OSError as error:
        if isinstance(error, SluiceError):
            raise
        raise StoreError(
            f"the new key cannot be put in place: {error.strerror}", where=str(path), cure="make the folder writable"
        ) from None


def _has_record(home: Home) -> bool:
    try:
        with home.ledger.open("rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError:
        return False


def _public(path: Path) -> VerifyKey:
    try:
        return VerifyKey.from_text(path.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError):
        whose = "installation's" if path.stem == INSTALLATION else "owner's"
        raise StoreError(f"the {whose} public key cannot be read", where=str(path), cure=_RESTORE) from None


def _lock(path: Path) -> FileLock:
    return FileLock(path.with_name(f".{path.name}.lock"))


def _retired_path(home: Home, name: str) -> Path:
    path = home.keys / name
    return path.with_name(f"{path.name}.retired.json")


def _next_key(home: Home, name: str) -> Path:
    path = home.keys / name
    return path.with_name(f".{path.name}.next.key")


def _next_list(home: Home, name: str) -> Path:
    path = home.keys / name
    return path.with_name(f".{path.name}.next.json")
