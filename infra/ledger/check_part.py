"""Walks over one part of a ledger in a process of its own, for check.py: the last line that it prints is the result.

python -m infra.ledger.check_part HOME FIRST UNTIL       (and SLUICE_LEDGER_*, as far as they are set)
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from infra.home import Home
from infra.ledger.archive.archived import Archive
from infra.ledger.check import counted
from infra.ledger.store import open_store
from infra.ledger.stored_tree import LedgerChanged
from infra.ledger.walk import LedgerProblem, Part, Walk
from infra.stores.trust import installation_key


def main() -> None:
    """Prints `+1000` for each thousand entries, then one line of JSON."""
    root, first, until = sys.argv[1:]
    home = Home(
        Path(root),
        ledger_url=os.environ.get("SLUICE_LEDGER_URL", ""),
        ledger_archive=os.environ.get("SLUICE_LEDGER_ARCHIVE", ""),
        ledger_archive_endpoint=os.environ.get("SLUICE_LEDGER_ARCHIVE_ENDPOINT", ""),
    )
    with open_store(home).database.reading() as connection:
        try:
            walk = Walk(connection, Archive(home), installation_key(home), Part(int(first), int(until)))
        except LedgerChanged as changed:
            problem = LedgerProblem(None, changed.what)
            print(
                json.dumps(
                    {"problem_count": 1, "payloads": 0, "fired": 0, "tiles": 0, "open": 0, "problems": [_row(problem)]}
                )
            )
            return
        found = counted(walk, walk.problems(lambda count: print(f"+{count}", flush=True)))
    print(json.dumps(asdict(found) | {"problems": [_row(problem) for problem in found.problems]}))


def _row(problem: LedgerProblem) -> list[object]:
    return [problem.index, problem.what, problem.last]


if __name__ == "__main__":
    main()
