"""The guide of the room (infra/README.md): every command and setting in it exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from flows.cli.main import app
from infra.settings import read_settings

_GUIDE = (Path(__file__).parents[2] / "infra" / "README.md").read_text(encoding="utf-8")
_BLOCKS = re.findall(r"^```sh\n(.*?)^```", _GUIDE, re.DOTALL | re.MULTILINE)
_LINES = sorted({line for block in _BLOCKS for line in block.splitlines() if line.startswith("sluice ")})


@pytest.mark.parametrize("line", _LINES)
def test_a_command_of_the_guide_is_one(line: str) -> None:
    words = line.split()[1:]
    path = []
    command = typer.main.get_command(app)
    while words and isinstance(command, typer.core.TyperGroup):
        path.append(words.pop(0))
        command = command.commands[path[-1]]
    options = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options
    assert CliRunner().invoke(app, [*path, "--help"]).exit_code == 0


def test_every_setting_of_the_guide_is_one(tmp_path: Path) -> None:
    known = {setting.name: setting.value for setting in read_settings({"SLUICE_HOME": str(tmp_path)}).sources}
    named = set(re.findall(r"SLUICE_[A-Z_]+", _GUIDE))
    assert named <= set(known) and len(_LINES) > 8
    for name, value in re.findall(r"^\| `(SLUICE_\w+)` \| (\d+) \|", _GUIDE, re.MULTILINE):
        assert float(known[name]) == float(value)
