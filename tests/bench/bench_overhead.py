"""What Prefect, MLflow, caching and the ledger cost per stage: the chain against the same stages as plain functions.

.venv/bin/python tests/bench/bench_overhead.py [ROUNDS]

Both run the support-triage pipeline on few rows: the scripted engine, a training of two steps on a tiny random base
model. Each run is a process of its own with data of its own, the two kinds in turn; the servers are up before. The
plain stages have no Prefect task and flow, no MLflow, no stage cache, no spans and a ledger that keeps nothing.
"""

from __future__ import annotations

import json
import os
import runpy
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from rich.console import Console
from rich.table import Table

from flows.pipeline import Pipeline, read_pipeline
from flows.progress import Silent
from flows.stage_inputs import StageInputs
from flows.workshop import Workshop
from infra import processes
from infra.base_model import SMOLLM2
from infra.contracts.ids import new_id
from infra.home import Home
from infra.quiet import hush
from infra.server_state import ServerName, read_state
from infra.settings import read_settings

_JOB_S, _JOB_TRAINING_S = 488.0, 256.0
"""`support-triage` by `make demo` on two idle cores: the whole, and its training."""
_TOLD_EVERY_S = 5.0
"""How often a training under way is told to the servers (flows/observe.py)."""
_LIMIT = 0.15
_AROUND = "around the stages"
_STAGES = ("dataset", "finetune", "evaluate", "gate", "log refused", _AROUND)
_ROWS, _ITEMS, _STEPS = 300, 30, 2
_SERVERS: tuple[ServerName, ...] = ("prefect", "mlflow")


@dataclass
class Measured:
    """One run: wall and processor seconds by stage, and what one telling of the training's progress took."""

    wall_s: dict[str, float] = field(default_factory=dict)
    cpu_s: dict[str, float] = field(default_factory=dict)
    telling_s: float = 0.0
    steps: int = 0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Takes the times of a block, the processes that ended in it included."""
        wall_s, cpu_s = time.perf_counter(), _cpu_s()
        yield
        self.wall_s[name] = time.perf_counter() - wall_s
        self.cpu_s[name] = _cpu_s() - cpu_s

    @contextmanager
    def run(self) -> Iterator[None]:
        """Takes the times of the whole: what belongs to no stage is around them."""
        with self.stage(_AROUND):
            yield
        for times in (self.wall_s, self.cpu_s):
            times[_AROUND] -= sum(seconds for name, seconds in times.items() if name != _AROUND)


def _cpu_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class _Row(NamedTuple):
    stage: str
    chain_s: float
    plain_s: float
    chain_cpu_s: float
    plain_cpu_s: float


class _NoLedger:
    """Keeps nothing and knows nothing."""

    def get(self, event_id: str) -> None:
        return None

    def append(self, event: object, *, payload: bytes | None = None) -> int:
        return 0


def _pipeline(seed: int) -> Pipeline:
    few = {"data.rows": str(_ROWS), "data.seed": str(seed), "evaluation.max_items": str(_ITEMS)}
    tiny = {
        "training.epochs": "0.05",
        "training.batch_rows": "8",
        "training.max_tokens": "0",
        "training.precision": "fp32",
    }
    return read_pipeline("support-triage", few | tiny)


def chain(seed: int) -> Measured:
    """The real thing, its stages timed from outside."""
    import flows.lifecycle
    from flows.retraining import retrain_pipeline

    measured, watch_training, stages = Measured(), flows.lifecycle.watch_training, flows.lifecycle.Stages

    def timed(pipeline: Pipeline, shop: Workshop) -> Callable[[Any], None]:
        told = watch_training(pipeline, shop)

        def step(line: Any) -> None:
            begun_s = time.perf_counter()
            told(line)
            measured.telling_s = time.perf_counter() - begun_s

        return step

    class Timed(stages):  # type: ignore[valid-type, misc]
        def run(self, inputs: StageInputs, *rest: Any) -> Any:
            with measured.stage(inputs.stage):
                return super().run(inputs, *rest)

    flows.lifecycle.watch_training, flows.lifecycle.Stages = timed, Timed  # type: ignore[misc]
    with measured.run():
        done = retrain_pipeline(_pipeline(seed), progress=Silent())
    measured.steps = done.adapter.figures.steps
    return measured


def plain(seed: int) -> Measured:
    """The same stages as functions; `log refused` is MLflow alone, so that nothing is left of it here."""
    from flows.evaluate import evaluate
    from flows.finetune import finetune, plan_training, tidy_training
    from flows.gate import gate
    from flows.ingest import ingest

    measured = Measured()
    with measured.run():
        pipeline = _pipeline(seed)
        shop = Workshop.open(read_settings(), run_id=new_id("run"), progress=Silent(), mlflow_url="")
        shop = replace(shop, ledger=_NoLedger())  # type: ignore[arg-type]
        with measured.stage("dataset"):
            snapshot = ingest(pipeline, shop).snapshot
        recipe = plan_training(pipeline, snapshot, shop)
        with measured.stage("finetune"):
            adapter = finetune(recipe, snapshot, shop)
        tidy_training(recipe, shop)
        with measured.stage("evaluate"):
            report = evaluate(pipeline, snapshot, adapter, None, shop)
        with measured.stage("gate"):
            gate(pipeline, report, shop)
        with measured.stage("log refused"):
            pass
    measured.steps = adapter.figures.steps
    return measured


def _in_a_process(kind: str, home: Home, seed: int) -> Measured:
    environment = {**os.environ, "SLUICE_HOME": str(home.root), "SLUICE_ENGINE_NAME": "scripted"}
    command = [sys.executable, "-P", __file__, kind, str(seed)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the {kind} run failed: {done.stderr[-2_000:]}")
    measured = Measured(**json.loads(done.stdout.splitlines()[-1]))
    if measured.steps != _STEPS:
        raise SystemExit(f"the {kind} run trained {measured.steps} steps, not {_STEPS}")
    return measured


def _servers_cpu_s(home: Home) -> float:
    """Processor seconds of Prefect and MLflow so far."""
    total = 0.0
    for name in _SERVERS:
        state = read_state(home, name)
        assert state is not None  # they were started
        leader = psutil.Process(state.pid)
        for process in (leader, *leader.children(recursive=True)):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def _table(chains: list[Measured], plains: list[Measured], servers_s: list[float]) -> tuple[Table, float]:
    """The table, and how many seconds more the chain takes."""

    def row(stage: str) -> _Row:
        wall_s = (statistics.median(run.wall_s[stage] for run in runs) for runs in (chains, plains))
        cpu_s = (statistics.median(run.cpu_s[stage] for run in runs) for runs in (chains, plains))
        return _Row(stage, *wall_s, *cpu_s)

    rows = [row(stage) for stage in _STAGES]
    told_s = _JOB_TRAINING_S / _TOLD_EVERY_S * statistics.median(run.telling_s for run in chains)
    rows.append(_Row(f"progress, told for {_JOB_TRAINING_S:.0f} s", told_s, 0.0, 0.0, 0.0))
    rows.append(_Row("in the servers", 0.0, 0.0, statistics.median(servers_s), 0.0))
    rows.append(_Row("all", *(sum(getattr(one, name) for one in rows) for name in _Row._fields[1:])))
    table = Table("stage", "chain s", "plain s", "more s", "share of the job", "CPU: chain s", "plain s", "more s")
    for one in rows:
        more_s, more_cpu_s = one.chain_s - one.plain_s, one.chain_cpu_s - one.plain_cpu_s
        figures = (f"{one.chain_s:.2f}", f"{one.plain_s:.2f}", f"{more_s:+.2f}", f"{more_s / _JOB_S:+.2%}")
        table.add_row(one.stage, *figures, f"{one.chain_cpu_s:.2f}", f"{one.plain_cpu_s:.2f}", f"{more_cpu_s:+.2f}")
    return table, rows[-1].chain_s - rows[-1].plain_s


def main() -> int:
    """Starts the servers, measures, prints, and ends them; 1 when it is more than the limit."""
    hush()
    if len(sys.argv) == 3:
        print(json.dumps(asdict({"chain": chain, "plain": plain}[sys.argv[1]](int(sys.argv[2])))))
        return 0
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        homes = {kind: Home.open(Path(folder) / kind) for kind in ("chain", "plain")}
        write_tiny_base = runpy.run_path(str(Path(__file__).parents[1] / "tiny_base.py"))["write_tiny_base"]
        for home in homes.values():
            write_tiny_base(home.folder(home.models / SMOLLM2))
        processes.ensure(
            read_settings({"SLUICE_HOME": str(homes["chain"].root), "SLUICE_START_TIMEOUT_S": "600"}), _SERVERS
        )
        runs: dict[str, list[Measured]] = {"chain": [], "plain": []}
        servers_s: list[float] = []
        try:
            for number in range(rounds):
                for kind in ("chain", "plain") if number % 2 else ("plain", "chain"):
                    before_s = _servers_cpu_s(homes["chain"])
                    runs[kind].append(_in_a_process(kind, homes[kind], number))
                    if kind == "chain":
                        servers_s.append(_servers_cpu_s(homes["chain"]) - before_s)
                    print(f"{kind} {number}: {sum(runs[kind][-1].wall_s.values()):.1f} s", file=sys.stderr)
        finally:
            processes.stop(homes["chain"])
    table, more_s = _table(runs["chain"], runs["plain"], servers_s)
    console = Console(width=120)
    console.print(table)
    console.print(
        f"{more_s:.1f} s more, {more_s / _JOB_S:.1%} of support-triage's {_JOB_S:.0f} s (limit {_LIMIT:.0%}); "
        f"medians of {rounds} rounds, load {psutil.getloadavg()[0]:.1f}"
    )
    return 1 if more_s > _LIMIT * _JOB_S else 0


if __name__ == "__main__":
    sys.exit(main())
