"""YAML files: every problem of a file comes at once, with line, key and cure."""

import contextlib
import functools
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from flows.pipeline import Pipeline
from infra.contracts.base import Frozen
from infra.errors import BadInput, ConfigError
from infra.typed_yaml import parse_yaml
from infra.yaml_text import read_yaml_text
from policies.access import AccessRules
from policies.expectations.suite import Suite
from policies.gates.gate import GateRules
from policies.policy import GuardrailPolicy

_ROOT = Path(__file__).parents[2]
_SHIPPED: tuple[tuple[Path, type[BaseModel]], ...] = (
    (_ROOT / "flows/pipelines", Pipeline),
    (_ROOT / "policies/rules/guardrails", GuardrailPolicy),
    (_ROOT / "policies/rules/expectations", Suite),
    (_ROOT / "policies/rules/gates", GateRules),
    (_ROOT / "policies/rules/access", AccessRules),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("yaml")


class Inner(Frozen):
    share: float = 0.5
    names: tuple[str, ...] = ()


class Outer(Frozen):
    title: str
    inner: Inner = Inner()
    count: int = 1


def problems(text: str, **overrides: str) -> dict[str, tuple[int, str, str]]:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, Outer, source="file.yaml", overrides=overrides)
    assert str(caught.value).startswith("file.yaml: ")
    return {problem.key: (problem.line, problem.what, problem.cure) for problem in caught.value.problems}


def test_a_good_file_is_read() -> None:
    text = "title: a\ninner:\n  share: 0.25\n  names: [x, y]\n"
    assert parse_yaml(text, Outer, source="f") == Outer(title="a", inner=Inner(share=0.25, names=("x", "y")))


def test_all_problems_come_at_once_with_their_lines() -> None:
    found = problems("titel: a\ninner:\n  share: much\n  extra: 1\ncount: 1.5\n")
    assert found["titel"][0] == 1 and "title" in found["titel"][2]
    assert found["title"][1] == "the key is missing"
    assert found["inner.share"][0] == 3
    assert found["inner.extra"][0] == 4
    assert found["count"][0] == 5


def test_a_repeated_key_is_refused() -> None:
    assert problems("title: a\ncount: 1\ncount: 2\n")["count"] == (
        3,
        "the key stands twice (first on line 2)",
        "delete one of the two",
    )


@pytest.mark.parametrize(
    "text",
    ["", "- a\n", "just text", "title: [", "title: 'a", "\t", "title: !!python/object:os.system x\n", "a: &x [*x]"],
)
def test_what_is_not_a_mapping_of_plain_values_is_refused(text: str) -> None:
    assert problems(text)


def test_overrides_replace_and_create() -> None:
    text = "title: a\n"
    got = parse_yaml(text, Outer, source="f", overrides={"title": "b", "inner.share": "0.1", "inner.names": "[q]"})
    assert got == Outer(title="b", inner=Inner(share=0.1, names=("q",)))


def test_an_override_of_an_unknown_key_is_refused() -> None:
    assert "count.deep" in problems("title: a\ncount: 1\n", **{"count.deep": "1"})
    assert "nothing" in problems("title: a\n", nothing="1")


def test_the_value_is_not_echoed() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_yaml("title: a\ncount: my-secret-value\n", Outer, source="f")
    assert "my-secret-value" not in str(caught.value)


@given(st.text(max_size=200))
def test_no_text_ends_in_anything_but_a_config_error(text: str) -> None:
    try:
        parse_yaml(text, Outer, source="f")
    except ConfigError as error:
        assert error.problems


@given(
    st.binary(max_size=200), st.sampled_from(["title: a\n", "inner: {share: ", "? ", "- ", "!!int ", "count: !!", ""])
)
def test_no_bytes_end_in_anything_but_a_sentence(folder: Path, data: bytes, head: str) -> None:
    (folder / "file.yaml").write_bytes(head.encode() + data)
    try:
        text, path = read_yaml_text(str(folder / "file.yaml"), folder, kind="test")
        parse_yaml(text, Outer, source=str(path))
    except BadInput as error:
        assert (str(error).startswith(str(folder)) and error.cure) or isinstance(error, ConfigError)


@given(st.sampled_from(["title", "inner.share", "inner.names", "count", "x", "inner.a.b"]), st.text(max_size=60))
@example("count", "!!int x")
@example("title", "2020-13-45")
@example("title", "*" + "a" * 9)
@example("count", "9" * 5_000)
@example("inner.share", "!!float ''")
def test_no_override_ends_in_anything_but_a_config_error(key: str, value: str) -> None:
    with contextlib.suppress(ConfigError):
        parse_yaml("title: a\n", Outer, source="f", overrides={key: value})


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inside for place in _places(item, (*path, key)))]


_ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.builds(list), st.builds(dict)
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_spoilt_good_file_ends_in_anything_but_a_config_error(data: st.DataObject) -> None:
    kind, model = data.draw(st.sampled_from(_SHIPPED))
    file = data.draw(st.sampled_from(sorted(kind.glob("*.yaml"))))
    value = yaml.safe_load(file.read_text(encoding="utf-8"))
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from(_places(value)[1:]))
        holder = functools.reduce(lambda found, key: found[key], way, value)
        if isinstance(holder, dict) and data.draw(st.booleans()):
            holder[data.draw(st.text(max_size=9))] = holder.pop(last)
        else:
            holder[last] = data.draw(_ODD)
        if not _places(value)[1:]:
            break
    text = yaml.safe_dump(value)
    try:
        parse_yaml(text, model, source=file.name)
    except ConfigError as error:
        lines = text.count("\n") + 1
        assert error.problems and all(1 <= one.line <= lines and one.what and one.cure for one in error.problems)
