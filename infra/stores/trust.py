"""The installation's own signing key: made once per home, race-free between processes. Its public half is what manifests, releases and the ledger are checked against."""

from __future__ import annotations

from filelock import FileLock

from infra.errors import SluiceError, StoreError
from infra.home import Home
from infra.signing import Signer, VerifyKey


def installation_signer(home: Home) -> Signer:
    """The key that signs manifests, releases and the ledger's tip, made on first use. Raises StoreError."""
    return create_signer(home, "installation")


def installation_key(home: Home) -> VerifyKey:
    """The trusted public key. Raises StoreError when its file is missing or damaged."""
    path = home.keys / "installation.pub"
    try:
        return VerifyKey.from_text(path.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError):
        raise StoreError(
            "the installation's public key cannot be read", where=str(path), cure="restore the file from a backup"
        ) from None


def create_signer(home: Home, name: str) -> Signer:
    """The key pair `keys/NAME.key` and `.pub`, made on first use. Two processes that ask at once get the same pair. Raises StoreError."""
    path = home.keys / f"{name}.key"
    public = path.with_suffix(".pub")
    if path.exists() and public.exists():
        return Signer(path)
    home.folder(path.parent)
    try:
        with FileLock(path.with_name(f".{path.name}.lock")):
            if public.exists() and not path.exists():
                # A new private key would silently stop everything signed so far from verifying.
                raise StoreError("the private key is gone", where=str(path), cure="restore the file from a backup")
            if path.exists() and not public.exists():
                raise StoreError("the public key is gone", where=str(public), cure="restore the file from a backup")
            return Signer.load_or_create(path)
    except OSError as error:
        if isinstance(error, SluiceError):
            raise
        raise StoreError(
            f"the key cannot be made: {error.strerror}", where=str(path), cure="make the folder writable"
        ) from None
