"""The reference of a YAML file's keys, in Markdown: made from its JSON schema, so that it cannot say something else.

One table for each object that the file may hold. Where a key takes one of several objects, told apart by a key of
theirs (a check's `detector`), what all of them have stands once, and each is listed with what is its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

_WORDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
_BOUNDS = (
    ("minimum", "at least {}"),
    ("exclusiveMinimum", "more than {}"),
    ("maximum", "at most {}"),
    ("exclusiveMaximum", "less than {}"),
)
_HEAD = "| key | value | default | meaning |\n|---|---|---|---|"

_BELOW = "told below"
_Row = tuple[str, str, str, str]
"""Key, value, default and meaning."""

Schema = dict[str, Any]
"""A node of a JSON schema, as pydantic writes it."""


@dataclass(frozen=True)
class _Place:
    """Where objects may stand: the dotted key, the definitions that fit there, and the key that tells them apart."""

    key: str
    fitting: tuple[str, ...]
    told_by: str


def yaml_reference(schema: Schema) -> str:
    """Markdown tables of every key, without a heading for the whole. `schema` is what `yaml_schema` made."""
    definitions: dict[str, Schema] = schema.get("$defs", {})
    parts = [_table(_rows(schema, {}))]
    for places in _grouped(_places(schema, definitions)):
        if places[0].told_by:
            parts += _choice(places, definitions)
        else:
            body = definitions[places[0].fitting[0]]
            parts.append(f"### {_named(places)}\n\n{_about(body)}\n\n{_table(_rows(body, {}))}")
    return "\n\n".join(parts) + "\n"


def _choice(places: list[_Place], definitions: Mapping[str, Schema]) -> Iterator[str]:
    """What all that may stand there have, then each with what is its own, its nested keys written with a dot."""
    told_by = places[0].told_by
    names = list(dict.fromkeys(name for place in places for name in place.fitting))
    rows = {name: _rows(definitions[name], definitions) for name in names}
    shared = [row for row in map(partial(_shared, rows), rows[names[0]]) if row and row[0] != told_by]
    said = {row[0]: row for row in shared}
    head = f"### {_named(places)}\n\nThe key `{told_by}` tells which of the following it is."
    yield f"{head} Each of them has:\n\n{_table(shared)}" if shared else head
    for name in names:
        where = _named([place for place in places if name in place.fitting])
        which = _value(definitions[name]["properties"][told_by])
        own = [_own(row, said) for row in rows[name] if row not in shared and row[0] != told_by]
        about = f"#### {where}, `{told_by}`: {which}\n\n{_about(definitions[name])}"
        yield f"{about}\n\n{_table(own)}" if own else about


def _shared(rows: Mapping[str, list[_Row]], row: _Row) -> _Row | None:
    """A row that all have: as it is, or, where only what may stand there differs, with a hint at what follows."""
    key, _, default, meaning = row
    same = [[one for one in others if (one[0], *one[2:]) == (key, default, meaning)] for others in rows.values()]
    if not all(same):
        return None
    return row if all(one == [row] for one in same) else (key, _BELOW, default, meaning)


def _own(row: _Row, said: Mapping[str, _Row]) -> _Row:
    """A row without the meaning that stands with the shared ones."""
    return (*row[:3], "As above.") if said.get(row[0], row)[1] == _BELOW else row


def _places(schema: Schema, definitions: Mapping[str, Schema], above: str = "") -> Iterator[_Place]:
    """Every place below a node that has tables of its own, in the order of the keys."""
    for key, node in schema["properties"].items():
        node = _optional(node)
        inner = node.get("items", node)
        place = f"{above}{key}" + ("[]" if inner is not node else "")
        if "oneOf" in inner:
            fitting = tuple(_definition(one) for one in inner["oneOf"])
            yield _Place(place, fitting, inner["discriminator"]["propertyName"])
        elif "$ref" in inner:
            yield _Place(place, (_definition(inner),), "")
            yield from _places(definitions[_definition(inner)], definitions, f"{place}.")


def _grouped(places: Iterator[_Place]) -> list[list[_Place]]:
    """Places that hold the same kind of object go together."""
    groups: dict[str, list[_Place]] = {}
    for place in places:
        groups.setdefault(place.told_by or place.fitting[0], []).append(place)
    return list(groups.values())


def _rows(body: Schema, definitions: Mapping[str, Schema], above: str = "") -> list[_Row]:
    """Key, value, default and meaning of each key; of an object whose definition is given, its own keys instead."""
    rows: list[_Row] = []
    for key, node in body["properties"].items():
        one = _optional(node)
        name = f"{above}{key}"
        nested = "$ref" in one and _definition(one) in definitions
        if not nested or one is not node:
            default = "must be given" if key in body.get("required", ()) else _default(node)
            rows.append((name, _value(node), default, str(node.get("description", ""))))
        if nested:
            rows += _rows(definitions[_definition(one)], definitions, f"{name}.")
        entries = one.get("items", {})
        for entry in (entries, *entries.get("oneOf", ())):
            if "$ref" in entry and _definition(entry) in definitions:
                rows += _rows(definitions[_definition(entry)], definitions, f"{name}[].")
    return rows


def _optional(node: Schema) -> Schema:
    """What a key takes when it is given at all."""
    return next((one for one in node.get("anyOf", ()) if one.get("type") != "null"), node)


def _table(rows: list[_Row]) -> str:
    lines = [_HEAD]
    for key, *others in rows:
        lines.append(f"| `{key}` | {' | '.join(cell.replace('|', '&#124;') for cell in others)} |")
    return "\n".join(lines)


def _default(node: Schema) -> str:
    """A default as it would be typed; an object's own defaults stand in its own table."""
    default = node.get("default")
    if isinstance(default, dict):
        return "as below"
    if default in (None, "", []):
        return "none"
    return f"`{default if isinstance(default, str) else json.dumps(default, ensure_ascii=False)}`"


def _value(node: Schema) -> str:
    """What may stand behind a key, in words."""
    if "anyOf" in node:
        return " or ".join(_value(one) for one in node["anyOf"] if one.get("type") != "null")
    if "const" in node or "enum" in node:
        return ", ".join(f"`{one}`" for one in node.get("enum", [node.get("const")]))
    if "oneOf" in node:
        return " or ".join(dict.fromkeys(map(_value, node["oneOf"])))
    if "$ref" in node:
        return "keys, below"
    if node["type"] == "array":
        return f"a list: {_value(node['items'])}"
    word = "a name" if str(node.get("pattern", "")).startswith("^[a-z0-9]") else _WORDS[node["type"]]
    return ", ".join([word, *(words.format(f"{node[bound]:,}") for bound, words in _BOUNDS if bound in node)])


def _named(places: list[_Place]) -> str:
    return " and ".join(f"`{place.key}`" for place in places)


def _about(body: Schema) -> str:
    return " ".join(str(body.get("description", "")).split())


def _definition(node: Schema) -> str:
    return str(node["$ref"]).rpartition("/")[2]
