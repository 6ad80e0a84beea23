"""A witness that speaks c2sp.org/tlog-witness: it gets each checkpoint by POST and answers with its cosignature.

Nothing but the address of the setting is contacted: no proxy, no redirect is followed. The witness must know the log's
name and key beforehand (`sluice audit key`). It cannot be asked what it holds without being handed a checkpoint.
"""

from __future__ import annotations

import base64
import http
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from infra.errors import BadInput, Refused, StoreError
from infra.home import write_atomic
from infra.ledger.cosignature import WitnessKey, find_cosignature
from infra.ledger.verify import Checkpoint, Wrong
from infra.ledger.witnessed_log import KnownLog, forked, moved

if TYPE_CHECKING:
    import httpx

_TIMEOUT_S = 10.0
_LONGEST_BYTES = 65_536
_CHECK = "check SLUICE_WITNESS and SLUICE_WITNESS_KEY"
_KNOWN = "have its operator add the log and its present key, which `sluice audit key` prints"


class HttpWitness:
    """One witness under one address. `latest` knows what this process handed over: the truth is in the answers."""

    readable = False

    def __init__(self, url: str, key: WitnessKey, log: KnownLog, kept: Path | None = None) -> None:
        """`kept` is a file that gets the cosigned note, for whoever wants to show it; it is never read."""
        parts = urlsplit(url)
        # Only the host: the path may hold a secret.
        self.place = parts.netloc.rpartition("@")[2]
        self.note = ""
        self._url = f"{url.rstrip('/')}/add-checkpoint"
        self._key = key
        self._log = log
        self._kept = kept
        self._last: Checkpoint | None = None
        self._client: httpx.Client | None = None

    def latest(self) -> Checkpoint | None:
        """What it cosigned for this process last; None does not say that it holds nothing."""
        return self._last

    def accept(self, note: str, old_size: int, proof: Sequence[bytes]) -> str:
        """Gets the witness's cosignature, which is checked, and puts it beneath the note."""
        new = self._log.open(note, self.place)
        hashes = "".join(f"{base64.b64encode(step).decode()}\n" for step in proof)
        answer = self._post(f"old {old_size}\n{hashes}\n{note}".encode())
        if answer.status != http.HTTPStatus.OK:
            raise self._refusal(answer, new, old_size)
        try:
            cosignature = find_cosignature(new.text, answer.text, self._key)
        except Wrong as wrong:
            raise Refused(f"the witness's answer does not verify: {wrong}", where=self.place, cure=_CHECK) from None
        self.note, self._last = f"{note}{cosignature.line}\n", new
        self._keep()
        return self.note

    def _refusal(self, answer: _Answer, new: Checkpoint, old_size: int) -> Exception:
        """What the witness's status means."""
        status = answer.status
        if status == http.HTTPStatus.CONFLICT:
            said = re.fullmatch(r"(0|[1-9][0-9]{0,14})\n?", answer.text)
            held = int(said[1]) if said else old_size
            if held == old_size == new.size:
                return forked(self.place, new.size)  # one size, two roots
            if held != old_size:
                self._last = None
                return moved(self.place, held)
        if status == http.HTTPStatus.UNPROCESSABLE_ENTITY:
            return forked(self.place, old_size)
        if status == http.HTTPStatus.NOT_FOUND:
            return Refused(f"the witness does not know the log {new.origin}", where=self.place, cure=_KNOWN)
        if status == http.HTTPStatus.FORBIDDEN:
            return Refused("the witness knows no key that signed the checkpoint", where=self.place, cure=_KNOWN)
        redirect = "; redirects are not followed" if 300 <= status < 400 else ""
        return StoreError(f"the witness answered {status}{redirect}", where=self.place, cure=_CHECK)

    def _post(self, body: bytes) -> _Answer:
        import httpx

        if self._client is None:
            self._client = httpx.Client(timeout=_TIMEOUT_S, trust_env=False, follow_redirects=False)
        headers = {"content-type": "text/plain; charset=utf-8"}
        try:
            with self._client.stream("POST", self._url, content=body, headers=headers) as response:
                found = b""
                for part in response.iter_bytes():
                    found += part
                    if len(found) > _LONGEST_BYTES:
                        raise StoreError("the witness's answer does not end", where=self.place, cure=_CHECK)
                return _Answer(response.status_code, found.decode(errors="replace"))
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            what = f"the witness does not answer ({type(error).__name__})"
            raise StoreError(what, where=self.place, cure=f"{_CHECK}, and whether it runs") from None

    def _keep(self) -> None:
        if self._kept is not None:
            self._kept.parent.mkdir(exist_ok=True, mode=0o700)
            write_atomic(self._kept, self.note.encode())


@dataclass(frozen=True)
class _Answer:
    status: int
    text: str


def read_witness_key(text: str) -> WitnessKey:
    """The key in a setting: its text, or the file that holds it. Raises BadInput."""
    cure = "write NAME+ID+BASE64 as the witness's operator publishes it, or the path of a file that holds it"
    try:
        return WitnessKey.read(text if "+" in text else Path(text).read_text("utf-8"))
    except (OSError, ValueError):
        raise BadInput("not the public key of a witness", where="SLUICE_WITNESS_KEY", cure=cure) from None
