"""The reference of a file's keys: every key once with its meaning, and choices told apart by what tells them apart."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from flows.cli.show import file_kinds, schema_text
from infra.yaml_reference import yaml_reference
from infra.yaml_schema import yaml_schema


class Inner(BaseModel):
    """What stands inside."""

    depth: Annotated[int, Field(ge=1, lt=10)] = 2
    """How deep."""


class Base(BaseModel):
    """What both have."""

    name: str
    """How it is | called."""


class Cat(Base):
    """Says miaow."""

    kind: Literal["cat"]
    inner: Inner = Inner()


class Dog(Base):
    """Says woof."""

    kind: Literal["dog"]
    words: tuple[Literal["woof", "wau"], ...] | None = None
    """What it says."""


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


class Zoo(BaseModel):
    """A file."""

    pets: tuple[Pet, ...]
    """Who lives there."""
    best: Dog | None = None
    """The best one."""
    house: Inner
    """Where."""
    signs: dict[str, int] = {}
    """At the door."""


def test_each_kind_of_key_is_told() -> None:
    reference = yaml_reference(json.loads(yaml_schema(Zoo, "zoo")))
    lines = reference.splitlines()
    assert "| `pets` | a list: keys, below | must be given | Who lives there. |" in lines
    assert "### `pets[]`" in lines
    assert (
        "| `name` | text | must be given | How it is &#124; called. |" in lines and reference.count("| `name` |") == 2
    )
    assert "#### `pets[]`, `kind`: `cat`" in lines and "Says miaow." in lines
    assert "| `inner.depth` | whole number, at least 1, less than 10 | `2` | How deep. |" in lines
    assert "| `words` | a list: `woof`, `wau` | none | What it says. |" in lines
    assert "| `signs` | keys with values, of any names | as below | At the door. |" in lines
    assert "### `best`" in lines
    assert "### `house`" in lines and "| `depth` | whole number, at least 1, less than 10 | `2` | How deep. |" in lines


@pytest.mark.parametrize("kind", file_kinds())
def test_every_key_that_ships_has_a_meaning(kind: str) -> None:
    rows = [line for line in yaml_reference(json.loads(schema_text(kind))).splitlines() if line.startswith("| `")]
    assert rows and not [row for row in rows if row.endswith("|  |")]
