"""The installation's own signing key, made once per home, race-free between processes.

Its public half is what manifests, releases and the ledger's tip are checked against.
"""

from __future__ import annotations

from filelock import FileLock

from infra.errors import SluiceError, StoreError
from infra.home import Home, write_atomic
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
    """The key pair `keys/NAME.key` and `.pub`, made on first use.

    Two processes that ask at once get the same pair. Raises StoreError when only the private half is missing, or when
    the disk refuses.
    """
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
