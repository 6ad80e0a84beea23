"""The pipeline file: the shipped ones read, and what is wrong in one is named as the file writes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.pipeline import FileData, GeneratedData, read_pipeline
from infra.errors import BadInput, ConfigError
from infra.rules import read_rule

PATHS = {"data.train": "a/train.csv", "data.test": "a/test.csv"}
HEAD = "name: mine\ndescription: mine\n"
TAIL = "prompt: {system: x, answer_format: text, max_new_tokens: 4}\ngate: g\nguardrails: g\naccess: a\n"


def problems(tmp_path: Path, data: str, **overrides: str) -> dict[str, int]:
    file = tmp_path / "mine.yaml"
    file.write_text(HEAD + data + TAIL)
    with pytest.raises(ConfigError) as caught:
        read_pipeline(str(file), {key.replace("__", "."): value for key, value in overrides.items()})
    return {problem.key: problem.line for problem in caught.value.problems}


def test_the_shipped_pipelines_read_and_name_rules_that_are_there() -> None:
    triage, banking = read_pipeline("support-triage"), read_pipeline("banking77", PATHS)
    assert isinstance(triage.data, GeneratedData) and triage.data.rows == 3_000
    assert isinstance(banking.data, FileData) and (banking.data.train, banking.data.test) == tuple(PATHS.values())
    for pipeline in (triage, banking):
        read_rule("expectations", pipeline.data.expectations)
        read_rule("gates", pipeline.gate)
        read_rule("guardrails", pipeline.guardrails)
        read_rule("access", pipeline.access)


def test_banking77_without_its_files_says_how_to_give_them() -> None:
    with pytest.raises(ConfigError, match=r"--set data\.train=PATH"):
        read_pipeline("banking77")


def test_keys_and_lines_are_those_of_the_file(tmp_path: Path) -> None:
    data = "data:\n  kind: files\n  expectations: e\n  trian: x\n  columns:\n    txt: q\n"
    assert problems(tmp_path, data) == {"data.trian": 6, "data.columns.txt": 8}
    assert problems(tmp_path, data.replace("trian", "train").replace("txt", "text"), data__test_share="7") == {
        "data.test_share": 0
    }
    assert problems(tmp_path, "data: {kind: folders, expectations: e}\n") == {"data.kind": 3}
    assert problems(tmp_path, "data: {kind: support-tickets, rows: 5, expectations: e, train: x}\n") == {
        "data.rows": 3,
        "data.train": 3,
    }
    assert problems(tmp_path, "data: {kind: support-tickets, expectations: e}\n") == {"data.rows": 3}


def test_an_unknown_key_gets_the_nearest_of_its_own_place(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"{HEAD}data: {{kind: files, expectations: e, train: t, columns: {{langage: l}}}}\n{TAIL}")
    with pytest.raises(ConfigError, match="did you mean 'language'"):
        read_pipeline(str(file))


def test_no_such_pipeline() -> None:
    with pytest.raises(BadInput, match="support-triage"):
        read_pipeline("nothing")
