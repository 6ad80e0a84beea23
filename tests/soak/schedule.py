"""A scheduled retrain, every minute on small data: three runs by the clock through one restart, then a backfill.

Run it by hand: `.venv/bin/python -P tests/soak/schedule.py FOLDER`. FOLDER is made; a base model that lies in
FOLDER/home/models is used. It takes about ten minutes, prints what Prefect shows, and exits 1 when that is not as it
must be: the first run waits for a review without a process, the restart keeps it, the later runs find no new data, and
the approval after the restart ends the first one as released. Then two days are run again, and the worker is killed
with everything that it started while it does so: `sluice up` goes on with both.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from infra.home import Home
from infra.server_state import read_state

_PIPELINE = """
name: cards
description: Two intents.
data: {kind: files, train: train.csv, test: test.csv, language: en, expectations: suite.yaml}
prompt: {system: Name the intent., answer_format: text, max_new_tokens: 6}
training: {max_tokens: 300, batch_rows: 8}
evaluation: {max_items: 4, bootstrap: 100}
gate: gate.yaml
guardrails: default
access: open
"""
_GATE = """
name: lenient
minimum_items: 1
outcomes: {error_at_most: 1, truncated_at_most: 1}
thresholds: [{metric: exact_match, at_least: 0}]
"""
_SUITE = "name: loose\nmostly: 0.5\nrows:\n  - {id: text-not-blank, column: text, expect: matches, pattern: '\\S'}\n"
_PATIENCE_S = 900.0


def main(folder: Path) -> int:
    """Runs the whole; 0 when everything was as it must be."""
    (folder / "home").mkdir(parents=True, exist_ok=True, mode=0o700)
    write_inputs(folder)
    sluice(folder, "up")
    try:
        sluice(folder, "schedule", "cards.yaml", "--cron", "* * * * *")
        wait_for(folder, "the first run waits for a review", lambda runs: ended(runs, "Waiting for review") >= 1)
        sluice(folder, "down")
        sluice(folder, "up")
        wait_for(folder, "two more runs by the clock", lambda runs: ended(runs, "No new data") >= 2)
        sluice(folder, "schedule", "pause", "cards")
        sluice(folder, "reviewer", "add", "ana")
        sluice(folder, "review", "approve", "cards", "1", "--by", "ana", "--reason", "soak")
        wait_for(folder, "the waiting run goes on and ends", lambda runs: ended(runs, "Released") >= 1)
        by_the_clock = len(scheduled_runs(folder))
        days = [(datetime.now(UTC) - timedelta(days=ago)).strftime("%Y-%m-%d") for ago in (2, 1)]
        sluice(folder, "backfill", "cards.yaml", "--from", days[0], "--to", days[1], "--cron", "0 3 * * *")
        wait_for(folder, "the backfill is under way", lambda runs: len(runs) > by_the_clock)
        kill_worker(folder)
        sluice(folder, "up")
        wait_for(folder, "both days were run", lambda runs: ended(runs[by_the_clock:], "No new data") == len(days))
        return 0
    except TimeoutError as error:
        print(f"NOT AS IT MUST BE: {error}", flush=True)
        return 1
    finally:
        sluice(folder, "down")


def write_inputs(folder: Path) -> None:
    """The pipeline with its data, gate and suite."""
    for name, count, start in (("train", 40, 100), ("test", 6, 500)):
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("text", "answer"))
            for n in range(count):
                asks = "where is" if n % 2 else "please cancel"
                writer.writerow(
                    (f"{asks} my order of day {start + n} at branch {n * n}", "find" if n % 2 else "cancel")
                )
    for name, text in {"cards": _PIPELINE, "gate": _GATE, "suite": _SUITE}.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


def sluice(folder: Path, *words: str) -> str:
    """Runs a command as a person does, in the folder; shows it with what it took."""
    begun = time.monotonic()
    environment = {**os.environ, "SLUICE_HOME": str(folder / "home")}
    command = [str(Path(sys.executable).parent / "sluice"), *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    print(f"$ sluice {' '.join(words)}   [{done.returncode}, {time.monotonic() - begun:.0f} s]", flush=True)
    if done.returncode:
        raise TimeoutError(f"sluice {words[0]} ended with {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


def wait_for(folder: Path, what: str, met: Any) -> None:
    """Waits until Prefect's runs are so; shows them. Raises TimeoutError."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        runs = scheduled_runs(folder)
        if met(runs):
            print(f"{time.strftime('%H:%M:%S')} {what}:", flush=True)
            for run in runs:
                print(f"    {run['name']}: {run['state_name']}: {run['state']['message']}", flush=True)
            return
        time.sleep(5)
    raise TimeoutError(f"{what}: not within {_PATIENCE_S:.0f} s; {[run['state_name'] for run in runs]}")


def kill_worker(folder: Path) -> None:
    """`kill -9` of the worker and of the runs that it started."""
    state = read_state(Home(folder / "home"), "worker")
    assert state is not None
    worker = psutil.Process(state.pid)
    for process in [worker, *worker.children(recursive=True)]:
        process.kill()
    print(f"{time.strftime('%H:%M:%S')} the worker and what it started: kill -9", flush=True)


def ended(runs: list[dict[str, Any]], name: str) -> int:
    """How many runs show that state."""
    return sum(run["state_name"] == name for run in runs)


def scheduled_runs(folder: Path) -> list[dict[str, Any]]:
    """The scheduled runs that began, oldest first, as Prefect's API tells them."""
    import httpx

    state = json.loads((folder / "home" / "processes" / "prefect.json").read_text())
    wanted = {
        "flows": {"name": {"any_": ["scheduled retrain"]}},
        "flow_runs": {"start_time": {"is_null_": False}},
        "sort": "EXPECTED_START_TIME_ASC",
    }
    answer = httpx.post(f"{state['url']}/api/flow_runs/filter", json=wanted, trust_env=False, timeout=30)
    found: list[dict[str, Any]] = answer.raise_for_status().json()
    return found


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute()))
