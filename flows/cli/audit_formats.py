"""Entries for other programs: CSV on stdout, or Parquet in a file; one row each, the whole entry in the last column."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from infra.contracts.base import utc_text
from infra.errors import BadInput
from infra.extras import need
from infra.ledger.query import Entry

_COLUMNS = (
    *("index", "at", "kind", "event_id", "pipeline", "response_id", "tenant", "subject", "outcome", "version"),
    *("guardrails", "trace_id", "leaf", "entry"),
)


def write_csv(entries: Sequence[Entry]) -> None:
    """Writes a header and a row for each entry to stdout."""
    writer = csv.writer(sys.stdout)
    writer.writerow(_COLUMNS)
    writer.writerows(_rows(entries))


def write_parquet(entries: Sequence[Entry], out: Path | None) -> Path:
    """Writes a Parquet file, which must not exist. Raises BadInput, MissingPart."""
    if out is None or out.exists():
        raise BadInput(
            "Parquet goes into a new file" if out is None else "the file exists; nothing was written",
            where=str(out or ""),
            cure="--format parquet --out FILE",
        )
    arrow, parquet = need("pyarrow", extra="sql"), need("pyarrow.parquet", extra="sql")
    rows = list(_rows(entries))
    columns = {name: [row[place] for row in rows] for place, name in enumerate(_COLUMNS)}
    kinds = {name: arrow.int64() if name in ("index", "version") else arrow.string() for name in _COLUMNS}
    parquet.write_table(arrow.table({name: arrow.array(columns[name], kinds[name]) for name in _COLUMNS}), out)
    return out


def _rows(entries: Sequence[Entry]) -> Iterator[tuple[object, ...]]:
    for entry in entries:
        event = entry.event
        fields = (getattr(event, name, None) for name in _COLUMNS[4:12])
        at = utc_text(event.at)
        yield (entry.index, at, event.kind, event.event_id, *fields, entry.leaf, event.to_json().decode())
