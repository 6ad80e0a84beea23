"""How the home's master key is kept: as it is, in a file of mode 0600, or wrapped by a command with keys elsewhere.

A command (`SLUICE_LEDGER_KEY_COMMAND`) stands before a key management service, a smart card, another machine. It is run
without a shell, in the home's folder, is handed one JSON object and answers with one:

    {"op": "rotate"}                                                          {"id": TEXT}     makes a new key
    {"op": "wrap", "id": TEXT, "key": BASE64, "bound": BASE64}                {"wrapped": BASE64}
    {"op": "unwrap", "id": TEXT, "wrapped": BASE64, "bound": BASE64}          {"key": BASE64}
    {"op": "destroy", "id": TEXT}                                             {}               of one that is gone, too

What was wrapped with `bound` must not open with another one. Each master has a key of the command's own: once that is
destroyed, no copy of the master's file and of the vault opens anything, wherever it lies, backups included. A process
asks once for each master and keeps it in memory.
"""

from __future__ import annotations

import base64
import json
import os
import shlex
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from infra.digest import canonical_json
from infra.errors import StoreError
from infra.home import Home
from infra.quiet import child_environment

KEY_BYTES = 32
_SCHEMA = "sluice/wrapped-master/1"
_BOUND = base64.b64encode(_SCHEMA.encode()).decode()
_TIMEOUT_S = 60.0
_SETTING = "SLUICE_LEDGER_KEY_COMMAND"


class KeyProvider(Protocol):
    """What stands between a master key and the bytes of its file."""

    def wrap(self, master: bytes) -> bytes:
        """What the file of a new master key holds. Raises StoreError."""

    def unwrap(self, kept: bytes) -> bytes | None:
        """The master key that a file holds; None when it holds none. Raises StoreError when that cannot be known."""

    def destroy(self, kept: bytes) -> None:
        """Makes what a file held open nothing any more, wherever a copy of it lies. Repeatable. Raises StoreError."""


def provider_of(home: Home) -> KeyProvider:
    """The one that the home's settings name."""
    return CommandKeys(home.ledger_key_command, home.root) if home.ledger_key_command else FileKeys()


@dataclass(frozen=True)
class FileKeys:
    """The file holds the key itself; a copy of it opens for ever what a copy of the vault holds."""

    def wrap(self, master: bytes) -> bytes:
        """The key."""
        return master

    def unwrap(self, kept: bytes) -> bytes | None:
        """The key; None for anything of another length. Raises StoreError when a command had wrapped it."""
        if _read(kept) is not None:
            raise StoreError(
                "the master key is wrapped by a key command", cure=f"set {_SETTING} to the command that wrapped it"
            )
        return kept if len(kept) == KEY_BYTES else None

    def destroy(self, kept: bytes) -> None:
        """Nothing: whoever replaces the file overwrites it."""


@dataclass(frozen=True)
class CommandKeys:
    """The file holds the key as the command wrapped it. One that was kept in the clear before is used until it goes."""

    command: str
    folder: Path

    def wrap(self, master: bytes) -> bytes:
        """Asks for a new key and lets it wrap the master. Raises StoreError."""
        key_id = self._text(self._ask({"op": "rotate"}), "id")
        try:
            asked = {"op": "wrap", "id": key_id, "key": base64.b64encode(master).decode(), "bound": _BOUND}
            wrapped = self._text(self._ask(asked), "wrapped")
        except StoreError:
            with suppress(StoreError):  # the first one says what is wrong
                self._ask({"op": "destroy", "id": key_id})
            raise
        return canonical_json({"schema": _SCHEMA, "id": key_id, "wrapped": wrapped})

    def unwrap(self, kept: bytes) -> bytes | None:
        """Lets the command unwrap it. Raises StoreError."""
        fields = _read(kept)
        if fields is None:
            return kept if len(kept) == KEY_BYTES else None
        asked = {"op": "unwrap", "id": fields["id"], "wrapped": fields["wrapped"], "bound": _BOUND}
        try:
            return base64.b64decode(self._text(self._ask(asked), "key"), validate=True)
        except ValueError:
            raise self._wrong("answered with something that is no key") from None

    def destroy(self, kept: bytes) -> None:
        """Lets the command destroy the key that wrapped it. Raises StoreError."""
        fields = _read(kept)
        if fields is not None:
            self._ask({"op": "destroy", "id": fields["id"]})

    def _ask(self, question: dict[str, str]) -> dict[str, Any]:
        try:
            process = subprocess.Popen(
                shlex.split(self.command),
                cwd=self.folder,
                env=child_environment(add={"SLUICE_HOME": str(self.folder)}),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise self._wrong(f"cannot be started: {getattr(error, 'strerror', None) or 'no command'}") from None
        try:
            answer, _ = process.communicate(canonical_json(question), timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise self._wrong(f"did not answer within {_TIMEOUT_S:g} s") from None
        finally:
            if process.poll() is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.returncode != 0:
            raise self._wrong(f"ended with status {process.returncode} when asked to {question['op']}")
        try:
            found = json.loads(answer)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise self._wrong(f"answered with something that is no JSON object when asked to {question['op']}")
        return found

    def _text(self, answer: dict[str, Any], name: str) -> str:
        value = answer.get(name)
        if not isinstance(value, str) or not value:
            raise self._wrong(f"answered without {name!r}")
        return value

    def _wrong(self, what: str) -> StoreError:
        return StoreError(f"the key command {what}", where=_SETTING, cure="try it by hand with the same JSON on stdin")


def _read(kept: bytes) -> dict[str, str] | None:
    """What a command had wrapped, or None where the bytes are something else."""
    if len(kept) == KEY_BYTES:
        return None
    try:
        fields = json.loads(kept)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) and fields.get("schema") == _SCHEMA else None
