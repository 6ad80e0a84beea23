"""The training process as the flow starts it: it fails in one sentence, and it never stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from flows.training import launch
from flows.training.launch import run_training
from flows.training.lines import Failed, Said, Stepped, read_line, write_line
from flows.training.step_line import StepLine
from infra.errors import PartFailed, StoreError

_FLOW = """
import sys
from pathlib import Path
from flows.training.launch import run_training
from flows.training.lines import Stepped
from flows.training.spec import Job

def follow(line):
    if isinstance(line, Stepped) and line.line.step == 2:
        print("two steps", flush=True)

job = Job.model_validate_json(Path(sys.argv[1]).read_bytes())
run_training(job, Path(sys.argv[1]).with_name("log"), follow)
"""


def test_lines_are_read_back_and_others_are_not() -> None:
    step = StepLine(step=1, of=2, loss=0.5, learning_rate=0.1, tokens=9, tokens_per_s=3.0, eta_s=1.0, epoch=0.5)
    for line in (Said(sentence="niño"), Stepped(line=step), Failed(what="a", cure="b")):
        assert read_line(write_line(line)) == line
        assert write_line(line).count("\n") == 1
    assert read_line("Loading weights: 100%\n") is None
    assert read_line("sluice-training {not JSON\n") is None
    assert read_line('sluice-training {"kind":"other"}\n') is None


def test_a_failure_is_one_sentence_and_a_foreign_flows_folder_changes_nothing(bench, tmp_path: Path) -> None:
    job = bench.job()
    shadow = Path(job.folder) / "flows"
    shadow.mkdir()
    (shadow / "__init__.py").write_text("raise SystemExit('the wrong flows')", encoding="utf-8")
    for rows in (bench.home.datasets / "made-up").glob("*.rows"):
        rows.write_bytes(rows.read_bytes()[:-40])
    (tmp_path / "log").write_text("an earlier training\n", encoding="utf-8")
    with pytest.raises(PartFailed) as caught:
        run_training(job, tmp_path / "log", lambda line: None)
    said = str(caught.value)
    assert "training failed: " in said
    assert str(tmp_path / "log") in said
    assert "Traceback" not in said
    assert "wrong flows" not in said + (tmp_path / "log").read_text(encoding="utf-8")
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "log").read_text(encoding="utf-8").startswith("an earlier training\n")


def test_a_killed_flow_leaves_no_training_behind(bench, tmp_path: Path) -> None:
    job = bench.job(epochs=100_000.0)
    spec = tmp_path / "job.json"
    spec.write_text(job.model_dump_json(), encoding="utf-8")
    flow = subprocess.Popen([sys.executable, "-c", _FLOW, str(spec)], stdout=subprocess.PIPE)
    assert flow.stdout is not None
    assert flow.stdout.readline() == b"two steps\n"
    workers = [process for process in psutil.Process(flow.pid).children(recursive=True) if _trains(process)]
    assert workers
    os.kill(flow.pid, signal.SIGKILL)
    flow.wait()
    _, alive = psutil.wait_procs(workers, timeout=20)
    for process in alive:
        process.kill()
    assert not alive


def _trains(process: psutil.Process) -> bool:
    return "flows.training.worker" in process.cmdline() and "deepspeed.launcher.launch" not in process.cmdline()


def test_the_process_group_is_gone_when_the_follower_fails(bench, tmp_path: Path) -> None:
    begun = time.time()

    def follow(line: Said | Stepped) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_training(bench.job(), tmp_path / "log", follow)
    mine = [process for process in psutil.Process().children(recursive=True) if process.create_time() >= begun]
    assert not [process for process in mine if process.status() != psutil.STATUS_ZOMBIE]


def test_a_killed_rank_is_told_apart_from_one_that_the_system_killed(monkeypatch, tmp_path: Path, bench) -> None:
    counter = tmp_path / "vmstat"
    counter.write_text("pgfault 7\noom_kill 2\n")
    monkeypatch.setattr(launch, "_OOM_COUNTERS", (counter, tmp_path / "not-there"))
    job = bench.job()
    for program, sentence in {
        "import os; os.kill(os.getpid(), 9)": "the training was killed from outside",
        "import sys; sys.exit(-9)": "the training was killed from outside",
        "import sys; sys.exit(5)": "the training ended with status 5",
        f"import os; open({str(counter)!r}, 'w').write('oom_kill 3'); os.kill(os.getpid(), 9)": "ran out of memory",
    }.items():
        monkeypatch.setattr(launch, "_command", lambda *_, program=program: [sys.executable, "-P", "-c", program])
        with pytest.raises(PartFailed, match=sentence) as caught:
            run_training(job, tmp_path / "log", lambda line: None)
        assert "the same command goes on after the last checkpoint" in caught.value.cure


def test_a_full_disk_costs_the_log_and_not_the_training(monkeypatch, tmp_path: Path, bench) -> None:
    told: list[str] = []
    program = 'print(\'chatter\'); print(\'sluice-training {"kind":"said","sentence":"on"}\'); print(\'more\')'
    monkeypatch.setattr(launch, "_command", lambda *_: [sys.executable, "-P", "-c", program])
    monkeypatch.setattr(launch, "_begin", lambda log: Path("/dev/full").open("wb", buffering=0))  # noqa: SIM115
    with pytest.raises(PartFailed, match="status 0"):
        run_training(bench.job(), tmp_path / "log", lambda line: told.append(line.sentence))
    assert told == ["on"]


def test_a_log_that_cannot_be_written_is_told(tmp_path: Path, bench) -> None:
    (tmp_path / "log").mkdir()
    with pytest.raises(StoreError, match="cannot write the training's log: Is a directory"):
        run_training(bench.job(), tmp_path / "log", lambda line: None)
