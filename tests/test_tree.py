"""The tree keeps its promises: one README line per file, small files, honest names, no pickle."""

import re
import runpy
import subprocess
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CODE = ("flows", "services", "policies", "infra")
FORBIDDEN = {"utils", "helpers", "manager", "common", "util", "helper", "misc", "constants"}


def tracked(*suffixes: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [Path(line) for line in listed.splitlines() if not suffixes or line.endswith(suffixes)]


def test_the_readme_has_one_line_for_each_file() -> None:
    """`make index` writes it anew."""
    index = runpy.run_path(str(ROOT / "tests" / "readme_index.py"))
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert index["rewritten"](text) == text
    assert not [path for path, about in index["index_lines"](text).items() if not about]


def test_the_guides_list_every_key_as_the_types_have_it() -> None:
    """`make index` writes it anew."""
    reference = runpy.run_path(str(ROOT / "tests" / "guide_reference.py"))
    for guide in reference["SCHEMAS"]:
        text = (ROOT / guide).read_text(encoding="utf-8")
        assert reference["rewritten"](guide, text) == text


@pytest.mark.parametrize("path", tracked(".py"), ids=str)
def test_no_file_is_over_400_lines(path: Path) -> None:
    assert len((ROOT / path).read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", tracked(".py"), ids=str)
def test_names_say_what_is_inside(path: Path) -> None:
    assert not FORBIDDEN & {*path.parts, path.stem}


@pytest.mark.parametrize("path", tracked(".py"), ids=str)
def test_a_file_says_what_lives_in_it(path: Path) -> None:
    with tokenize.open(ROOT / path) as file:
        assert file.read(3) == '"""'


@pytest.mark.parametrize("path", [path for path in tracked(".py") if path.parts[0] in CODE], ids=str)
def test_nothing_is_unpickled(path: Path) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    assert not re.search(
        r"\b(pickle|cloudpickle|joblib|dill)\b\.|import (pickle|cloudpickle|joblib|dill)|torch\.load\(", text
    )


def test_nothing_below_the_top_level_names_a_path_of_this_machine() -> None:
    for path in tracked(".py", ".yaml", ".toml", ".lock", ".md", "Makefile", "run"):
        text = (ROOT / path).read_text(encoding="utf-8")
        if path.name != "test_tree.py":
            assert not re.search(r"/opt/(wheels|pypi)|/work/(main|shared)", text), path
