"""The schemas that editors are offered: current, named in each shipped YAML file's first line, and agreeing with it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import typer
import yaml
from typer.testing import CliRunner

from flows.cli.show import schema, schema_name, schema_text
from infra.errors import BadInput

ROOT = Path(__file__).parents[3]
FOLDERS = {
    "pipeline": ROOT / "flows/pipelines",
    **{kind: ROOT / "policies/rules" / kind for kind in ("guardrails", "expectations", "gates", "access")},
}
SHIPPED = [(kind, path) for kind, folder in FOLDERS.items() for path in sorted(folder.glob("*.yaml"))]
BROKEN = {
    "pipeline": ["flows/broken/unknown-keys", "flows/broken/bad-words", "flows/broken/out-of-range"],
    "guardrails": ["policies/broken/guardrails-unknown-detector", "policies/broken/guardrails-out-of-range"],
    "gates": ["policies/broken/gate-typos"],
    "expectations": ["policies/broken/expectations-typos"],
    "access": ["policies/broken/access-typos"],
}


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    made.command()(schema)
    return made


@pytest.mark.parametrize("kind", FOLDERS)
def test_what_ships_is_current(kind: str) -> None:
    shipped = (FOLDERS[kind] / schema_name(kind)).read_text(encoding="utf-8")
    assert shipped == schema_text(kind), f"run: sluice schema {kind} --write {FOLDERS[kind].relative_to(ROOT)}"


@pytest.mark.parametrize(("kind", "path"), SHIPPED, ids=[f"{kind}-{path.stem}" for kind, path in SHIPPED])
def test_each_shipped_file_names_its_schema_and_fits_it(kind: str, path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    first, _, _ = text.partition("\n")
    assert first == f"# yaml-language-server: $schema={schema_name(kind)}"
    given = yaml.safe_load(text)
    if path.stem == "banking77" and kind == "pipeline":
        given["data"]["train"] = "given with --set"
    # YAML 1.1 reads the key `on` as true; editors read YAML 1.2.
    for rule in given.get("thresholds", []) if kind == "gates" else []:
        if True in rule:
            rule["on"] = rule.pop(True)
    jsonschema.validate(given, json.loads(schema_text(kind)))


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in BROKEN.items() for name in names])
def test_an_editor_finds_fault_with_a_broken_file(kind: str, name: str) -> None:
    given = yaml.safe_load((ROOT / f"tests/{name}.yaml").read_text(encoding="utf-8"))
    checker = jsonschema.Draft202012Validator(json.loads(schema_text(kind)))
    assert not checker.is_valid(given)


def test_keys_carry_the_text_that_stands_below_them_in_the_code() -> None:
    fields = json.loads(schema_text("guardrails"))["$defs"]["PiiCheck"]["properties"]
    assert fields["threshold"]["description"] == "A score below it is no finding."
    assert "held back" in json.loads(schema_text("guardrails"))["properties"]["stream"]["description"]


def test_all_are_written_where_somebody_wants_them(app: typer.Typer, tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["--write", str(tmp_path)])
    assert ran.exit_code == 0 and ran.stdout.split() == [str(tmp_path / schema_name(kind)) for kind in FOLDERS]
    assert {path.name for path in tmp_path.iterdir()} == {schema_name(kind) for kind in FOLDERS}
    for wrong in ([], ["nonsense"], ["nonsense", "--write", str(tmp_path)]):
        assert isinstance(CliRunner().invoke(app, wrong).exception, BadInput)
