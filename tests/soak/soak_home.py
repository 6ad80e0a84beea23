"""The home that the soak breaks: tiny base model, small pipeline, scripted engine; and what is read from it."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from flows.pipeline import Pipeline, read_pipeline
from flows.stage_inputs import dataset_inputs
from infra.base_model import SMOLLM2
from infra.contracts.adapter import Adapter
from infra.contracts.lifecycle_events import StageFinished, StageReused
from infra.digest import Digest
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter, Entry
from infra.stores.blobs import Blobs

STEPS, CHECKPOINT_EVERY = 120, 8
_TINY_BASE = Path(__file__).parents[1] / "tiny_base.py"
_SLUICE = Path(sys.executable).with_name("sluice")
_LONGEST_S = 600.0
"""A command that takes longer hangs: the soak says so and ends it."""
_FILES = {
    "soak.yaml": """
name: soak
description: Two intents, to be broken.
data: {kind: files, train: HOME/train.csv, test: HOME/test.csv, language: en, expectations: HOME/suite.yaml}
prompt: {system: Name the intent., answer_format: text, max_new_tokens: 6}
training: {rank: 4, alpha: 8, batch_rows: 4, epochs: EPOCHS, precision: fp32, checkpoint_every_steps: EVERY}
evaluation: {bootstrap: 100}
gate: HOME/gate.yaml
guardrails: HOME/guards.yaml
access: open
""",
    "gate.yaml": """
name: lenient
minimum_items: 1
outcomes: {error_at_most: 1, truncated_at_most: 1}
thresholds: [{metric: exact_match, at_least: 0}]
""",
    "guards.yaml": "name: open\nstream: holdback\ninput: []\noutput: []\n",
    "suite.yaml": "name: loose\nmostly: 0.9\nrows: [{id: not-blank, column: text, expect: matches, pattern: '\\S'}]\n",
}
_THINGS = ("card", "transfer", "top up", "exchange rate", "passcode", "refund", "cash withdrawal", "direct debit")
_TRAIN_ROWS, _TEST_ROWS = 40, 12


@dataclass
class Attempt:
    """One `sluice retrain` under way, with what it wrote so far."""

    process: subprocess.Popen[bytes]
    out: Path
    checkpoint: int
    """The step of the newest checkpoint when it began, 0 without one."""
    events: int
    """How many events the ledger held when it began."""
    begun_s: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    """How long it took, once it was waited for."""

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def said(self) -> str:
        """Its standard error."""
        return self.out.with_suffix(".err").read_text(encoding="utf-8", errors="replace")

    @property
    def trained_from(self) -> int | None:
        """The step after which its training began; None where it did not get so far."""
        begun = re.search(r"^Training: (?:goes on after step (\d+)|[\d,]+ rows), ", self.said, flags=re.MULTILINE)
        return int(begun.group(1) or 0) if begun else None

    @property
    def reused(self) -> list[str]:
        """The stages that it found done."""
        return re.findall(r"^([a-z ]+): nothing changed since ", self.said, flags=re.MULTILINE)

    def wait(self) -> int | None:
        """Its exit status, None when it had to be ended."""
        try:
            return self.process.wait(timeout=_LONGEST_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None
        finally:
            self.seconds = time.monotonic() - self.begun_s


@dataclass(frozen=True)
class SoakHome:
    """One home, and the commands that a user would type in it."""

    home: Home
    spec: Pipeline

    @classmethod
    def make(cls, root: Path) -> SoakHome:
        """Writes the pipeline, its data and the tiny base model."""
        home = Home.open(root)
        for name, text in _FILES.items():
            filled = text.replace("HOME", str(root)).replace("EVERY", str(CHECKPOINT_EVERY))
            filled = filled.replace("EPOCHS", str(4 * STEPS / _TRAIN_ROWS))
            (root / name).write_text(filled, encoding="utf-8")
        _write_rows(root / "train.csv", _TRAIN_ROWS, 100)
        _write_rows(root / "test.csv", _TEST_ROWS, 700)
        base = home.folder(home.models / SMOLLM2)
        subprocess.run([sys.executable, "-P", str(_TINY_BASE), str(base)], check=True, capture_output=True)
        return cls(home, read_pipeline(str(root / "soak.yaml")))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A `sluice` command to its end."""
        command = [str(_SLUICE), *arguments]
        return subprocess.run(command, env=self._environment(), capture_output=True, text=True, timeout=_LONGEST_S)

    def up(self) -> str:
        """`sluice up` on the scripted engine: what is down is started again. Returns the gateway's address."""
        done = self.run("up", "--engine", "scripted", "--json")
        if done.returncode:
            raise SystemExit(f"sluice up ended with status {done.returncode}: {done.stderr[-600:]}")
        services = json.loads(done.stdout)["services"]
        return str(next(service["url"] for service in services if service["name"] == "gateway"))

    def retrain(self) -> Attempt:
        """Starts `sluice retrain`, always the same command."""
        out = self.home.root / "attempt.json"
        with out.open("wb") as stdout, out.with_suffix(".err").open("wb") as stderr:
            checkpoint, events = self.checkpoint(), len(self.recorded())
            command = [str(_SLUICE), "retrain", str(self.home.root / "soak.yaml"), "--json"]
            process = subprocess.Popen(command, env=self._environment(), stdout=stdout, stderr=stderr)
        return Attempt(process, out, checkpoint, events)

    def begin_anew(self, *, keep_data: bool) -> None:
        """Forgets what the next run would find done, with or without the data set."""
        kept = dataset_inputs(self.spec).digest.replace(":", "-") if keep_data else ""
        for path in (path for path in self.home.stages.rglob("*") if path.is_file() and path.name != kept):
            path.unlink()
        for folder in ("training", "answers"):
            shutil.rmtree(self.home.runs / folder, ignore_errors=True)

    def recorded(self) -> tuple[Entry, ...]:
        """Everything that the ledger holds."""
        return Ledger.open(self.home).query(AuditFilter(limit=10_000_000))

    def stages_since(self, events: int) -> list[str]:
        """The stages that were recorded after so many events, done or found done."""
        kinds = (StageFinished, StageReused)
        return [entry.event.stage for entry in self.recorded()[events:] if isinstance(entry.event, kinds)]

    def checkpoint(self) -> int:
        """The step of the newest checkpoint of a training that is not finished, 0 without one."""
        places = (self.home.runs / "training").glob("*/step-*")
        return max((int(place.name.removeprefix("step-")) for place in places), default=0)

    def adapter_files(self, adapter: str) -> dict[str, Digest]:
        """The digest of each file of an adapter."""
        contract = Adapter.from_json(Blobs(self.home.blobs).get(Digest(adapter)))
        return {file.name: file.digest for file in contract.files}

    def _environment(self) -> dict[str, str]:
        own = {
            "SLUICE_HOME": str(self.home.root),
            "SLUICE_ENGINE_NAME": "scripted",
            "SLUICE_START_TIMEOUT_S": f"{_LONGEST_S:.0f}",
        }
        return {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")} | own


def _write_rows(path: Path, count: int, start: int) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "answer"))
        for n in range(start, start + count):
            begun, intent = ("where is", "find") if n % 2 else ("please cancel", "cancel")
            writer.writerow((f"{begun} my {_THINGS[n % len(_THINGS)]} of day {n} at branch {n * n}", intent))
