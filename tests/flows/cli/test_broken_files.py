"""Broken pipelines and policies, by the commands that people run: what is printed stands beside each file (.txt).

After a change that is meant: SLUICE_TEST_WRITE=1 python -m pytest tests/flows/cli/test_broken_files.py, then read the
difference.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

from flows.cli import main

ROOT = Path(__file__).parents[3]
BROKEN = sorted([*(ROOT / "tests/flows/broken").glob("*.yaml"), *(ROOT / "tests/policies/broken").glob("*.yaml")])
_RULE_KEYS = {"gate": "gate", "expectations": "data.expectations", "access": "access"}


def command_for(path: Path) -> list[str]:
    """The command by which a person would meet this file."""
    name, kind = str(path.relative_to(ROOT)), path.stem.split("-")[0]
    if path.is_relative_to(ROOT / "tests/flows"):
        return ["sluice", "plan", name]
    if kind == "guardrails":
        return ["sluice", "guard", "scan", "tests/policies/broken/rows.jsonl", "--policy", name]
    return ["sluice", "retrain", "support-triage", "--set", f"{_RULE_KEYS[kind]}={name}"]


@pytest.fixture
def at_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "home"))
    return tmp_path


def told(command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """The command, what it printed, and its exit code, as the text beside a file holds them."""
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        main.main()
    out, err = capsys.readouterr()
    assert out == ""
    return f"$ {shlex.join(command)}\n{err.replace(f'{ROOT}/', '')}exit {ended.value.code}\n"


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_a_broken_file_is_told_with_line_key_and_cure(
    path: Path, at_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("infra.processes.ensure", _no_server)
    said = told(command_for(path), monkeypatch, capsys)
    expected = path.with_suffix(".txt")
    if os.environ.get("SLUICE_TEST_WRITE"):
        expected.write_text(said, encoding="utf-8")
    assert said == expected.read_text(encoding="utf-8")
    assert said.endswith("exit 2\n") and "cure: " in said


def _no_server(*_: object, **__: object) -> None:
    raise AssertionError("a server would have been started for a broken file")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "line 1, key -: the file is empty"),
        (b"# nothing yet\n", "line 1, key -: the file is empty"),
        ("name: mine\ndescription: Clasificación\n".encode("latin-1"), "line 2, key -: byte 0xf3 is not UTF-8"),
        ("name: mine\n".encode("utf-16"), "line 1, key -: the file is UTF-16"),
        (b"name: mine\ndescription: \x07\n", "line 2, key -: a control character"),
        (b"name: " + b"[" * 200_000, "nested more than 32 deep"),
        (b"name: " + b"x" * 300_000, "at most 262,144 are read"),
        (b"name: " + b"x" * 2_000_000, "more than 1 MiB"),
        (b"name: a\n---\nname: b\n", "line 2, key -: a second document begins"),
        (b"? [a, b]\n: c\n", "a key is a list or a mapping"),
    ],
    ids=["empty", "comment", "latin-1", "utf-16", "control", "deep", "long", "huge", "two", "key"],
)
def test_bytes_that_are_no_pipeline_are_told(
    data: bytes, sentence: str, at_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = at_root / "broken.yaml"
    path.write_bytes(data)
    said = told(["sluice", "plan", str(path)], monkeypatch, capsys)
    assert sentence in said and str(path) in said and "cure: " in said and said.endswith("exit 2\n")


def test_a_folder_a_device_and_a_name_that_is_nearly_right_are_told(
    at_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (at_root / "folder.yaml").mkdir()
    os.mkfifo(at_root / "pipe.yaml")
    assert "a folder, not a pipeline file" in told(["sluice", "plan", f"{at_root}/folder.yaml"], monkeypatch, capsys)
    assert "no such pipeline file" in told(["sluice", "plan", f"{at_root}/pipe.yaml"], monkeypatch, capsys)
    assert "did you mean 'support-triage'" in told(["sluice", "plan", "suport-triage"], monkeypatch, capsys)
