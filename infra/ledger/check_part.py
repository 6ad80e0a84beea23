"""Walks over one part of a ledger in a process of its own, for check.py: the last line that it prints is the result.

python -m infra.ledger.check_part HOME FIRST UNTIL ARCHIVED       (and SLUICE_LEDGER_*, as far as they are set)
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path

from infra.errors import StoreError
from infra.home import Home
from infra.ledger.archive.archived import Archive
from infra.ledger.check import Walked, counted, expired_now
from infra.ledger.store import open_store
from infra.ledger.stored_tree import LedgerChanged
from infra.ledger.walk import LedgerProblem, Part, Walk
from infra.stores.trust import installation_key


def main() -> None:
    """Prints `+1000` for each thousand entries, then one line of JSON: what was found, or why nothing could be read."""
    root, first, until, archived = sys.argv[1:]
    home = Home(
        Path(root),
        ledger_url=os.environ.get("SLUICE_LEDGER_URL", ""),
        ledger_archive=os.environ.get("SLUICE_LEDGER_ARCHIVE", ""),
        ledger_archive_endpoint=os.environ.get("SLUICE_LEDGER_ARCHIVE_ENDPOINT", ""),
    )
    try:
        found = _walk(home, Part(int(first), int(until), int(archived)))
    except StoreError as error:
        print(json.dumps({"error": [error.what, error.where, error.cure]}))
        return
    print(json.dumps(asdict(found) | {"problems": [_row(problem) for problem in found.problems]}))


def _walk(home: Home, part: Part) -> Walked:
    store = open_store(home)
    with store.database.reading() as connection:
        try:
            walk = Walk(connection, Archive(home), installation_key(home), part, partial(expired_now, store))
        except LedgerChanged as changed:
            return Walked((LedgerProblem(None, changed.what),), 1)
        return counted(walk, walk.problems(lambda count: print(f"+{count}", flush=True)))


def _row(problem: LedgerProblem) -> list[object]:
    return [problem.index, problem.what, problem.last]


if __name__ == "__main__":
    main()
