"""What a kill -9 leaves: every acknowledged record, a tree that verifies, cut-off requests as interrupted."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from typing import Any

from infra.contracts.request_events import RequestCompleted
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter

BOTH_STORES = True
_WRITER = """
    import sys
    from pathlib import Path
    from infra.contracts.request_events import RequestAdmitted, RequestCompleted
    from infra.contracts.base import now
    from infra.digest import sha256
    from infra.home import Home
    from infra.ledger.log import Ledger

    ledger, name = Ledger.open(Home(Path(sys.argv[1]), sys.argv[3])), sys.argv[2]
    for number in range(100_000):
        response = f"{name}-{number}"
        ledger.append(RequestAdmitted(
            event_id=f"{response}/admitted", at=now(), pipeline="p", response_id=response, tenant="t", key_id="k",
            subject="s", engine="e", scripted=True, version=0, release=None, manifest=None, guardrails=sha256(b""),
            streamed=False))
        print(f"{response}/admitted", flush=True)
        if number % 4 == 3:
            continue  # this one never ends
        sealed = b"x" * (number % 3_000)
        ledger.append(RequestCompleted(
            event_id=f"{response}/completed", at=now(), pipeline="p", response_id=response, tenant="t",
            key_id="k", subject="s", version=0, manifest=None, guardrails=sha256(b""), outcome="answered",
            refusal_rule="", checks=(), prompt_tokens=1, completion_tokens=1, seconds=0.1, sealed=sha256(sealed)),
            payload=sealed)
        print(f"{response}/completed", flush=True)
"""


def _start(home: Home, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_WRITER), str(home.root), name, home.ledger_url],
        stdout=subprocess.PIPE,
        text=True,
    )


def _kill_after(writer: subprocess.Popen[str], lines: int) -> list[str]:
    """Kills without warning after so many acknowledgements; returns all that were given."""
    assert writer.stdout is not None
    seen = [writer.stdout.readline() for _ in range(lines)]
    assert writer.poll() is None, "a writer gave up by itself"
    writer.kill()
    seen += writer.stdout.readlines()
    writer.wait()
    writer.stdout.close()
    return [line.strip() for line in seen if line.endswith("\n")]


def test_two_writers_are_killed_again_and_again_and_nothing_acknowledged_is_lost(home: Home) -> None:
    acknowledged: list[str] = []
    for turn, lines in enumerate((5, 20, 60)):
        first, second = _start(home, f"a{turn}"), _start(home, f"b{turn}")
        acknowledged += _kill_after(first, lines)
        acknowledged += _kill_after(second, lines // 2)
        assert Ledger.open(home).verify().problems == ()
    ledger = Ledger.open(home)
    kept = {entry.event.event_id for entry in ledger.query(AuditFilter(limit=1_000_000))}
    assert len(acknowledged) > 100
    assert set(acknowledged) <= kept
    admitted = {name.removesuffix("/admitted") for name in kept if name.endswith("/admitted")}
    ended = {name.removesuffix("/completed") for name in kept if name.endswith("/completed")}
    assert ledger.close_interrupted() == len(admitted - ended) > 0
    assert ledger.close_interrupted() == 0
    closed = ledger.query(AuditFilter(outcome="interrupted", limit=1_000_000))
    assert {getattr(entry.event, "response_id", "") for entry in closed} == admitted - ended
    assert ledger.verify().problems == ()


def test_requests_of_writers_that_still_run_are_left_alone(home: Home, events: Any) -> None:
    running = _start(home, "other")
    assert running.stdout is not None
    for _ in range(8):
        running.stdout.readline()
    mine, beside = Ledger.open(home), Ledger.open(home)
    mine.append(events.admitted(1))
    beside.append(events.admitted(2))
    assert mine.close_interrupted() == 0
    beside.close()
    assert mine.close_interrupted() == 1
    entry = mine.get("resp-2/completed")
    assert entry is not None and isinstance(entry.event, RequestCompleted)
    assert (entry.event.outcome, entry.event.pipeline, entry.event.sealed) == ("interrupted", "support-triage", None)
    assert mine.get("resp-1/completed") is None
    _kill_after(running, 0)
    # Its fourth request never ended; one more may have been under way when it was killed. A database server takes a
    # moment to notice that a client is gone.
    assert any(mine.close_interrupted() or time.sleep(0.1) for _ in range(100))
    mine.append(events.completed(1))
    assert mine.verify().problems == ()
