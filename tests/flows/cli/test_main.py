"""The command's frame: it answers at once, and every expected failure is one sentence with an exit code."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

SLUICE = Path(sys.executable).parent / "sluice"


def run(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [str(SLUICE), *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **environment},
        timeout=120,
    )


def test_help_answers_in_a_third_of_a_second() -> None:
    run("--help")
    times = []
    for _ in range(5):
        started = time.perf_counter()
        done = run("--help")
        times.append(time.perf_counter() - started)
    assert done.returncode == 0
    assert "Pipelines:" in done.stdout and "retrain" in done.stdout
    # The best of five: what the command needs, not what else the machine does.
    assert min(times) < 0.3


def test_help_imports_no_rich() -> None:
    code = "import sys; from flows.cli.main import main; sys.argv = ['sluice', '--help']\ntry:\n main()\nfinally:\n"
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"{code} print({{'rich', 'pydantic', 'yaml'}} & set(sys.modules))"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.rstrip().endswith("set()"), done.stdout[-300:]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["plan", "no-such-pipeline"], 2, "no such pipeline file"),
        (["plan", "support-triage", "--set", "training.epochs=-1"], 2, "training.epochs"),
        (["plan", "support-triage", "--set", "nonsense"], 2, "--set needs KEY=VALUE"),
        (["plan", "banking77"], 2, "data.train"),
        (["schema", "nonsense"], 2, "no file kind"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], code: int, sentence: str, tmp_path: Path) -> None:
    done = run(*arguments, SLUICE_HOME=str(tmp_path))
    assert done.returncode == code
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_works_from_a_folder_with_rooms_of_the_same_names(tmp_path: Path) -> None:
    for room in ("flows", "services", "policies", "infra"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").write_text("raise SystemExit('the wrong room')\n")
    done = run("plan", "support-triage", cwd=tmp_path, SLUICE_HOME=str(tmp_path / "home"))
    assert done.returncode == 0, done.stderr
    assert "finetune" in done.stdout
