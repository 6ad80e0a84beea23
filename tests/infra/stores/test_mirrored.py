"""What we remember to have set in MLflow: kept per pipeline, and a damaged memory counts as none."""

from __future__ import annotations

from infra.home import Home
from infra.stores.mirrored import Mirrored


def test_each_pipeline_has_a_memory_of_its_own(home: Home) -> None:
    memory = Mirrored(home)
    memory.remember("tickets", frozenset({2, 1}))
    memory.remember("banking77", frozenset())
    again = Mirrored(home)
    assert (again.champions("tickets"), again.champions("banking77")) == (frozenset({1, 2}), frozenset())
    assert again.champions("another") is None


def test_a_damaged_memory_is_as_none(home: Home) -> None:
    memory = Mirrored(home)
    memory.remember("tickets", frozenset({1}))
    for text in ("", "[]", '{"champion": 3}', '{"champion": ["x"]}'):
        (home.releases / "tickets" / "mirrored.json").write_text(text)
        assert memory.champions("tickets") is None
