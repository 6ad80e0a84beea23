"""YAML files: every problem of a file comes at once, with line, key and cure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.contracts.base import Frozen
from infra.errors import ConfigError
from infra.typed_yaml import parse_yaml


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
    assert problems("title: a\ncount: 1\ncount: 2\n")["count"] == (3, "the key stands twice", "delete one of the two")


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
