"""A segment: entries of the log from a multiple of 256 to before another one, as one Parquet file in their order.

    idx, entry, payload     the index, the canonical JSON that the leaf is the hash of, what is sealed beside it
    event_id ... trace_id   what queries look for (schema.COLUMNS), out of the entry
    fired                   what its checks found: "VERDICT NAME" with the name of a rule or an entity

Of an entry that has expired only the index is left. `sluice audit verify` holds every value against the leaves. In the
file's metadata stands a Bloom filter of what queries look for; a file without one is read for each of them.
"""

from __future__ import annotations

import io
import json
from base64 import b64decode, b64encode
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from infra.errors import StoreError
from infra.extras import need
from infra.ledger.archive.bloom import Bloom, Value
from infra.ledger.archive.place import ArchivePlace, DamagedFile
from infra.ledger.record import fired_of
from infra.ledger.schema import COLUMNS

KINDS = ("feedback.given", "request.admitted", "request.completed", "request.refused")
"""Of these entries only the archive is left. The few others stay in the ledger's tables as well: what governs the
ledger (releases, holds, keys, expiries) is found there without asking another place."""
SEGMENTS = "segments"
MOST_ENTRIES = 65_536
MOST_BYTES = 64 * 2**20
"""Of entries and payloads; a segment ends with the tile in which it has so many."""
_ROWS, _GROUP_BYTES = 4_096, 8 * 2**20
"""Of one row group: what is read for one entry."""
_NUMBERS = ("version",)
_BLOOM = b"sluice.bloom"
_NOT_IN_BLOOM = ("event_id", "at", "kind", "manifest")
"""The columns whose values are not in the filter: event ids would double it; segments have most kinds, and their times
are known; for a manifest nobody asks."""
_IN_BLOOM = tuple(n for n, name in enumerate(COLUMNS) if name not in _NOT_IN_BLOOM)
_COLUMNS = ["idx", "entry", "payload", "fired", *COLUMNS]


class Row(NamedTuple):
    """One entry as a segment has it; `entry` is None once it has expired."""

    idx: int
    entry: bytes | None
    payload: bytes | None = None


class Derived(NamedTuple):
    """What queries look for in an entry."""

    fields: tuple[str | int | None, ...]
    """The columns of schema.COLUMNS."""
    fired: tuple[str, ...]

    @property
    def kind(self) -> str | int | None:
        """The event's kind; None once it has expired."""
        return self.fields[_KIND]

    @property
    def values(self) -> list[Value]:
        """What of them stands in a segment's filter."""
        return [(COLUMNS[n], value) for n in _IN_BLOOM if (value := self.fields[n]) is not None]

    @classmethod
    def of(cls, entry: bytes | None) -> Derived:
        """Out of an entry's own bytes. Raises ValueError when they are no event's."""
        if entry is None:
            return cls((None,) * len(COLUMNS), ())
        found = json.loads(entry)
        fired = tuple(f"{verdict} {name}" for name, verdict in fired_of(found))
        return cls(tuple([None if (value := found.get(name)) == "" else value for name in COLUMNS]), fired)


class StoredRow(NamedTuple):
    """A row with the columns as the file has them."""

    row: Row
    derived: Derived


_KIND = COLUMNS.index("kind")


def segment_name(first: int) -> str:
    """The file of the segment that begins with an entry: what is written again takes the place of what was there."""
    return f"{SEGMENTS}/{first:012d}.parquet"


def encode(rows: Iterable[Row]) -> bytes:
    """The Parquet file of rows in their order. Raises ValueError when an entry is no event."""
    arrow, parquet = need("pyarrow", extra="archive"), need("pyarrow.parquet", extra="archive")
    schema, target, values = _schema(arrow), io.BytesIO(), set[Value]()
    with parquet.ParquetWriter(target, schema, compression="zstd") as writer:
        for batch in _batches(rows):
            derived = [Derived.of(row.entry) for row in batch]
            fields = list(zip(*(one.fields for one in derived), strict=True))
            columns: dict[str, Any] = {
                "idx": [row.idx for row in batch],
                "entry": [row.entry for row in batch],
                "payload": [row.payload for row in batch],
                **dict(zip(COLUMNS, fields, strict=True)),
                "fired": [one.fired for one in derived],
            }
            writer.write_table(arrow.table(columns, schema=schema), row_group_size=_ROWS)
            values.update(value for one in derived for value in one.values)
        writer.add_key_value_metadata({_BLOOM: b64encode(Bloom.of(values).data)})
    return target.getvalue()


class SegmentFile:
    """One segment's file, read in parts. Columns that are not asked for are not read.

    Which rows lie where follows from their number alone: the file's own statistics, which nothing vouches for, are
    not looked at.
    """

    def __init__(self, place: ArchivePlace, name: str, first: int, until: int) -> None:
        """Raises MissingFile, StoreError when it does not answer, DamagedFile when it is no segment of so many rows."""
        parquet = need("pyarrow.parquet", extra="archive")
        self._where = f"{place.address}/{name}"
        self._stream = place.open(name)
        try:
            with _damage(self._where):
                self._file = parquet.ParquetFile(self._stream)
                metadata = self._file.metadata
                if not self._file.schema_arrow.equals(_schema(need("pyarrow", extra="archive"))):
                    raise TypeError("other columns")
                self._bloom = Bloom(b64decode((metadata.metadata or {}).get(_BLOOM, b""), validate=True))
                ends = list(accumulate(metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)))
                if (ends[-1] if ends else 0) != until - first:
                    raise ValueError("another number of rows")
        except BaseException:
            self._stream.close()
            raise
        self._bounds = [(first + low, first + high) for low, high in pairwise([0, *ends])]
        """Of each row group the first index, and the one after the last."""

    def __enter__(self) -> SegmentFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._stream.close()

    def denies(self, value: Value) -> bool:
        """Whether its filter says that a column has a value nowhere."""
        return value[0] not in _NOT_IN_BLOOM and self._bloom.denies(value)

    def denies_any(self, values: Collection[Value]) -> bool:
        """Whether its filter denies one of many values."""
        return self._bloom.denies_any(values)

    def stored(self, first: int, until: int) -> Iterator[StoredRow]:
        """Whole rows of indices from `first` to before `until`, in the file's order, as they are."""
        for number, (low, high) in enumerate(self._bounds):
            if low < until and high > first:
                with _damage(self._where):
                    stored = list(_stored(self._file.read_row_group(number, _COLUMNS)))
                yield from stored[max(0, first - low) : until - low]

    def rows(self, indices: Sequence[int], *, payloads: bool = True) -> Iterator[Row]:
        """The rows of some ascending indices, in their order; without their payloads where nobody needs them."""
        columns = ["idx", "entry", *(["payload"] if payloads else [])]
        for number, (low, high) in enumerate(self._bounds):
            asked = indices[bisect_left(indices, low) : bisect_left(indices, high)]
            if not asked:
                continue
            with _damage(self._where):
                found = self._file.read_row_group(number, columns).take([index - low for index in asked]).to_pylist()
                if [values["idx"] for values in found] != list(asked):
                    raise ValueError("rows are not in their places")
            for values in found:
                yield Row(values["idx"], values["entry"], values.get("payload"))

    def columns(self, names: Sequence[str], where: Any, read: Sequence[str], first: int, until: int) -> Iterator[Any]:
        """Some columns of the rows between two indices that meet an expression over columns that are read for it."""
        asked = list(dict.fromkeys([*names, *read]))
        for number, (low, high) in enumerate(self._bounds):
            if low < until and high > first:
                with _damage(self._where):
                    found = self._file.read_row_group(number, asked).filter(where).select(list(names))
                yield found


def _schema(arrow: Any) -> Any:
    return arrow.schema(
        [
            ("idx", arrow.int64()),
            ("entry", arrow.binary()),
            ("payload", arrow.binary()),
            *((name, arrow.int64() if name in _NUMBERS else arrow.string()) for name in COLUMNS),
            ("fired", arrow.list_(arrow.string())),
        ]
    )


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows of each row group: so many, or so many bytes."""
    batch: list[Row] = []
    size_bytes = 0
    for row in rows:
        batch.append(row)
        size_bytes += len(row.entry or b"") + len(row.payload or b"")
        if len(batch) == _ROWS or size_bytes >= _GROUP_BYTES:
            yield batch
            batch, size_bytes = [], 0
    if batch:
        yield batch


def _stored(table: Any) -> Iterator[StoredRow]:
    columns = [column.to_pylist() for column in table.select(_COLUMNS).columns]
    for index, entry, payload, fired, *fields in zip(*columns, strict=True):
        yield StoredRow(Row(index, entry, payload), Derived(tuple(fields), tuple(fired or ())))


@contextmanager
def _damage(where: str) -> Iterator[None]:
    """Turns what Arrow raises over a damaged file into StoreError."""
    arrow = need("pyarrow", extra="archive")
    try:
        yield
    except StoreError:
        raise
    except (ValueError, KeyError, IndexError, TypeError, OSError, arrow.ArrowException) as error:
        raise DamagedFile(
            f"a file of the archive is damaged: {type(error).__name__}",
            where=where,
            cure="restore it from a backup of the archive; `sluice audit verify` checks it",
        ) from None
