"""A file of a hundred megabytes is redacted in memory that stays flat, whatever its format."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pyarrow
import pyarrow.parquet as parquet
import pytest

from flows.progress import Silent
from flows.steps.redact_file import plan_jobs, redact_file
from flows.steps.redact_texts import InTurn

_BYTES = 100 << 20
_GROWS_BYTES = 150 << 20
_TEXT = "Write to ana@example.com. " + "nothing to see here " * 500


@dataclass(frozen=True)
class Same:
    """A text in which nothing was found."""

    text: str
    spans: tuple[()] = ()


class Nothing:
    """Finds nothing: the memory is that of reading, batching and writing."""

    policy: Any = None

    def redact_rows(self, texts: Sequence[str], languages: Sequence[str]) -> list[Same]:
        return [Same(text) for text in texts]


def write(path: Path) -> None:
    """About 100 MB of rows; Parquet in a single row group, as careless writers make it."""
    rows = _BYTES // len(_TEXT)
    if path.suffix == ".parquet":
        with parquet.ParquetWriter(path, pyarrow.schema([("text", pyarrow.string())])) as writer:
            writer.write_table(pyarrow.table({"text": [f"{number} {_TEXT}" for number in range(rows)]}), rows)
        return
    line = f"{_TEXT},1\n" if path.suffix == ".csv" else json.dumps({"text": _TEXT}) + "\n"
    with path.open("w") as file:
        file.write("text,n\n" if path.suffix == ".csv" else "")
        for _ in range(rows):
            file.write(line)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_memory_stays_flat_over_a_hundred_megabytes(tmp_path: Path, suffix: str) -> None:
    source, out = tmp_path / f"large{suffix}", tmp_path / "out"
    out.mkdir()
    write(source)
    pyarrow.default_memory_pool().release_unused()
    [job] = plan_jobs([source], out, force=False)
    before, peaks, done = psutil.Process().memory_info().rss, [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            peaks.append(psutil.Process().memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        made = redact_file(job, InTurn(Nothing()), Silent())
    finally:
        done.set()
        watcher.join()
    assert made.rows == _BYTES // len(_TEXT)
    assert max(peaks) - before < _GROWS_BYTES
