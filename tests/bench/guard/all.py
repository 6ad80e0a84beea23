"""Every table of the guardrails' benchmarks, one after the other in a process of its own: `make bench-guard`.

.venv/bin/python tests/bench/guard/all.py [--data ../shared/data] [--quick]

A table is a file of this folder with a `main()`. One that fails does not keep the others from running; the end says
which failed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

_FOLDER = Path(__file__).parent
_FIRST = ("pii", "injection", "speed", "streams", "pseudonyms", "content")
"""The order in which the tables are told; others follow by name."""


def tables(folder: Path = _FOLDER) -> tuple[Path, ...]:
    """The files with a table, in order."""
    found = {
        path.stem: path
        for path in sorted(folder.glob("*.py"))
        if path.stem != Path(__file__).stem
        and not path.stem.startswith("test_")
        and "\ndef main(" in path.read_text(encoding="utf-8")
    }
    first = [found.pop(name) for name in _FIRST if name in found]
    return (*first, *found.values())


def command(table: Path, data: Path, *, quick: bool) -> list[str]:
    """How a table is run; `--quick` goes to those that know it."""
    words = [sys.executable, "-P", str(table), "--data", str(data)]
    return [*words, "--quick"] if quick and '"--quick"' in table.read_text(encoding="utf-8") else words


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs all; 1 when one fails."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SLUICE_TEST_DATA", "../shared/data")))
    parser.add_argument("--quick", action="store_true", help="few rows, where a table can do with few")
    chosen = parser.parse_args(arguments)
    failed: list[str] = []
    for table in tables():
        print(f"== {table.stem}", flush=True)
        started_s = time.monotonic()
        if subprocess.run(command(table, chosen.data, quick=chosen.quick), check=False).returncode:
            failed.append(table.stem)
        print(f"   {time.monotonic() - started_s:.0f} s", flush=True)
    print(f"failed: {', '.join(failed)}" if failed else "all tables ran, and kept their limits")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
