"""Reviewers: who may approve a version. Each has an Ed25519 key pair of their own under `keys/reviewers/`."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import TypeAdapter, ValidationError

from infra.contracts.base import Name
from infra.digest import Digest
from infra.errors import BadInput, StoreError
from infra.home import Home
from infra.signing import Signer, TrustedKeys, VerifyKey
from infra.stores.trust import Rotated, create_signer, rotate_signer, settle, trusted_keys


class Reviewers:
    """The reviewers of one home. A `.pub` file is what makes a reviewer trusted."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._folder = home.keys / "reviewers"

    def add(self, name: str) -> Signer:
        """Makes a reviewer's keys, or returns those that are there. Raises BadInput for a bad name, or StoreError."""
        return create_signer(self._home, f"reviewers/{_checked(name)}")

    def signer(self, name: str) -> Signer:
        """The key with which a reviewer signs. Raises BadInput when there is no such reviewer."""
        settle(self._home, f"reviewers/{_checked(name)}")
        path = self._folder / f"{name}.key"
        if not path.is_file() or self.key(name) is None:
            raise BadInput(f"there is no reviewer {name!r} here", cure=f"sluice reviewer add {name}")
        return Signer(path)

    def key(self, name: str) -> VerifyKey | None:
        """A reviewer's trusted public key, or None where there is none. Raises StoreError when the file is damaged."""
        settle(self._home, f"reviewers/{_checked(name)}")
        path = self._folder / f"{name}.pub"
        try:
            return VerifyKey.from_text(path.read_text(encoding="ascii"))
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError):
            raise StoreError(
                "a reviewer's public key cannot be read", where=str(path), cure="restore the file from a backup"
            ) from None

    def keys(self, name: str) -> TrustedKeys | None:
        """The reviewer's present key with those that it replaced, or None where there is none. Raises StoreError."""
        return trusted_keys(self._home, f"reviewers/{_checked(name)}") if self.key(name) is not None else None

    def by_key_id(self, key_id: str) -> tuple[str, TrustedKeys] | None:
        """The reviewer who has or had the key of this id, or None. Raises StoreError when a key file is damaged."""
        for name in self.names():
            keys = self.keys(name)
            if keys is not None and key_id in keys.key_ids:
                return name, keys
        return None

    def rotate(self, name: str, signed: Iterable[Digest]) -> Rotated:
        """Gives a reviewer a new key pair; the caller has the home alone. See `infra.stores.trust.rotate_signer`."""
        return rotate_signer(self._home, f"reviewers/{_checked(name)}", signed)

    def names(self) -> tuple[str, ...]:
        """All reviewers, sorted."""
        return tuple(sorted(path.stem for path in self._folder.glob("[!.]*.pub")))


def _checked(name: str) -> str:
    """Also what keeps a name from leaving the folder."""
    try:
        return TypeAdapter(Name).validate_python(name)
    except ValidationError:
        raise BadInput(
            "not a reviewer's name",
            cure="use 1 to 63 lower-case letters, digits, '.', '_' or '-', the first a letter or digit",
        ) from None
