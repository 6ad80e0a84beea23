"""A witness that is an S3-compatible store with object lock: what it got, nobody can take away for so many days.

    PREFIX/HASH/checkpoint/NNN/NNN/NNN/NNN/NNN    a note, by its size; HASH is the SHA-256 of the log's name

A store checks nothing, so this client does: before it puts a checkpoint, and against the listing afterwards, since two
may put at once. Objects are read by their first version: whoever holds the store's credentials can put a delete marker
or a later version over one, and neither counts. The bucket must have been made with object lock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from infra.contracts.base import now
from infra.errors import Refused, StoreError
from infra.extras import need
from infra.ledger.verify import Checkpoint
from infra.ledger.witnessed_log import KnownLog, filed, forked, moved

_LONGEST_BYTES = 65_536
_GROUPS = 5
_TAKEN = ("PreconditionFailed", "ConditionalRequestConflict")
_CURE = (
    "check SLUICE_WITNESS, SLUICE_WITNESS_ENDPOINT and the store's credentials: the bucket needs object lock, and they "
    "the rights to list versions, to get and put objects, and to get and put their retention"
)


@dataclass(frozen=True)
class _Kept:
    checkpoint: Checkpoint
    note: str
    locked: bool


class S3Witness:
    """One prefix of a bucket. Any number of processes may use it at once."""

    readable = True

    def __init__(self, place: str, log: KnownLog, *, endpoint: str, retention_days: int) -> None:
        """`place` is s3://bucket/prefix. Raises MissingPart where boto3 is not installed."""
        parts = urlsplit(place)
        self.place = place
        self.note = ""
        self._bucket = parts.netloc
        inside = f"{hashlib.sha256(log.origin.encode()).hexdigest()}/checkpoint/"
        self._prefix = f"{parts.path.strip('/')}/{inside}".lstrip("/")
        self._log = log
        self._retention = timedelta(days=retention_days)
        self._client = _client(endpoint)
        self._last: Checkpoint | None = None

    def latest(self) -> Checkpoint | None:
        """The longest that was ever put there and that is there still."""
        with self._errors():
            return self._newest()

    def accept(self, note: str, old_size: int, proof: Sequence[bytes]) -> str:
        """Puts a checkpoint that goes on from the one of `old_size`, locked. Returns the note as it is."""
        with self._errors():
            base = self._base(old_size)
            new = self._log.judge(base, note, old_size, proof, self.place)
            self._only(new.size, old_size)
            if new.size != old_size:
                kept = self._put(new, note)
                self._only(new.size, old_size)
                self._last, self.note = new, kept.note
        return note

    def _newest(self) -> Checkpoint | None:
        sizes, more = self._beyond(self._last.size if self._last else 0)
        size = self._greatest(self._prefix) if more else max(sizes, default=0)
        if size and (kept := self._kept(size)):
            self._last, self.note = kept.checkpoint, kept.note
        return self._last

    def _base(self, size: int) -> Checkpoint | None:
        """What a hand-over goes on from. Raises Moved when it is not there."""
        if size == 0 or (self._last and self._last.size == size):
            return self._last if size else None
        kept = self._kept(size)
        if kept is None:
            newest = self._newest()
            raise moved(self.place, newest.size if newest else 0)
        return kept.checkpoint

    def _only(self, size: int, old_size: int) -> None:
        """Raises Moved when others stand beyond the checkpoint that was gone on from: no proof was given for them."""
        others = [other for other in self._beyond(old_size)[0] if other != size]
        if others:
            raise moved(self.place, min(others))

    def _put(self, new: Checkpoint, note: str) -> _Kept:
        """Puts it, unless one of its size is there, and looks at what is kept."""
        fresh = True
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=self._key(new.size),
                Body=note.encode(),
                ContentType="text/plain; charset=utf-8",
                IfNoneMatch="*",
                ObjectLockMode="COMPLIANCE",
                ObjectLockRetainUntilDate=now() + self._retention,
            )
        except self._client.exceptions.ClientError as error:
            if _code(error.response) not in _TAKEN:
                raise
            fresh = False
        kept = self._kept(new.size)
        if kept and kept.checkpoint != new:
            raise forked(self.place, new.size)
        if kept is None or (fresh and not kept.locked):  # some stores take the wish for a lock and do not lock
            raise StoreError("the store does not keep what it is given", where=self.place, cure=_CURE)
        return kept

    def _kept(self, size: int) -> _Kept | None:
        """The first version of the checkpoint of a size. Raises Refused when it is another one."""
        key = self._key(size)
        versions = [one for page in self._pages(Prefix=key) for one in page.get("Versions", ()) if one["Key"] == key]
        if not versions:
            return None
        first = versions[-1]["VersionId"]  # a listing begins with the latest
        found = self._client.get_object(Bucket=self._bucket, Key=key, VersionId=first)
        note = found["Body"].read(_LONGEST_BYTES).decode(errors="replace")
        checkpoint = self._log.open(note, self.place)
        if checkpoint.size != size:
            what = f"the witness's checkpoint of {size} is one of {checkpoint.size}"
            raise Refused(what, where=self.place, cure="find out who can write there; `sluice audit verify`")
        return _Kept(checkpoint, note, found.get("ObjectLockMode") == "COMPLIANCE")

    def _beyond(self, size: int) -> tuple[set[int], bool]:
        """Sizes of checkpoints beyond one that is there (0: the beginning), and whether there are more than these."""
        after = {"KeyMarker": self._key(size)} if size else {}
        page = self._client.list_object_versions(Bucket=self._bucket, Prefix=self._prefix, **after)
        found = {self._size(version["Key"]) for version in page.get("Versions", ())}
        return {other for other in found if other > size}, bool(page.get("IsTruncated"))

    def _greatest(self, folder: str, depth: int = 1) -> int:
        """The greatest size below a prefix; 0 where there is none. A request for each level."""
        if depth == _GROUPS:
            pages = self._pages(Prefix=folder)
            return max(
                (self._size(version["Key"]) for page in pages for version in page.get("Versions", ())), default=0
            )
        below = [
            one["Prefix"]
            for page in self._pages(Prefix=folder, Delimiter="/")
            for one in page.get("CommonPrefixes", ())
        ]
        return next((found for one in sorted(below, reverse=True) if (found := self._greatest(one, depth + 1))), 0)

    def _pages(self, **wanted: str) -> Iterator[Mapping[str, Any]]:
        yield from self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, **wanted)

    def _key(self, size: int) -> str:
        return f"{self._prefix}{filed(size)}"

    def _size(self, key: str) -> int:
        digits = key.removeprefix(self._prefix).replace("/", "")
        return int(digits) if digits.isdecimal() and key == self._key(int(digits)) else 0

    @contextmanager
    def _errors(self) -> Iterator[None]:
        faults = need("botocore.exceptions", extra="s3")
        try:
            yield
        except faults.ClientError as error:
            what = f"the store answered {_code(error.response)}"
            raise StoreError(what, where=self.place, cure=_CURE) from None
        except (faults.BotoCoreError, faults.HTTPClientError) as error:
            what = f"the store does not answer ({type(error).__name__})"
            raise StoreError(what, where=self.place, cure=_CURE) from None


def _client(endpoint: str) -> Any:
    """A client for one address: no proxy of the environment; with an endpoint of its own, AWS is not asked for keys."""
    need("boto3", extra="s3")
    session = need("botocore.session", extra="s3").get_session()
    if endpoint:
        session.get_component("credential_provider").remove("iam-role")
    config = need("botocore.config", extra="s3").Config(
        connect_timeout=5,
        read_timeout=10,
        retries={"mode": "standard", "max_attempts": 2},
        proxies={},
        s3={"addressing_style": "path" if endpoint else "auto"},
    )
    return (
        need("boto3", extra="s3")
        .Session(botocore_session=session)
        .client("s3", endpoint_url=endpoint or None, config=config)
    )


def _code(response: Mapping[str, Any]) -> str:
    return str(response.get("Error", {}).get("Code", "an error"))
