"""The part of JSON Schema that every engine enforces. What lies outside is refused by name, never ignored.

OpenVINO GenAI compiles schemas with xgrammar, which skips keywords that it does not know, writes numbers with bounds
wrongly (`0,75`), takes minutes over long bounded strings, and fails inside a step of generation, where every other
answer would fail with it. So a schema is read here first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from infra.errors import BadInput

TYPES = frozenset({"string", "integer", "number", "boolean", "null", "object", "array"})
_NOTES = frozenset({"title", "description", "default", "examples", "$schema", "$comment", "$defs"})
_BY_TYPE: Mapping[str, frozenset[str]] = {
    "string": frozenset({"minLength", "maxLength"}),
    "integer": frozenset({"minimum", "maximum"}),
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "minItems", "maxItems"}),
}
_MAX_DEPTH = 12
_MAX_BYTES = 32_768
_MAX_CHARACTERS = 256
"""Sum of all `minLength` and `maxLength`: the grammar has a state for each (128 take four seconds to compile)."""
_MAX_ITEMS = 64
_MAX_INTEGER = 2**53 - 1


def check_schema(text: str) -> None:
    """Raises BadInput, naming the place and the keyword, when a JSON schema cannot be enforced exactly."""
    problem = _problem(text)
    if problem:
        raise BadInput(f"the JSON schema cannot be enforced: {problem}", where="json_schema", cure=_CURE)


_CURE = (
    "use type, properties, required, additionalProperties, items, minItems, maxItems, enum, const, anyOf, minLength, "
    "maxLength, $ref to #/$defs, and minimum and maximum of integers"
)


@lru_cache(maxsize=64)
def _problem(text: str) -> str:
    """What is wrong with a schema, or ''."""
    if len(text.encode("utf-8", "surrogatepass")) > _MAX_BYTES:
        return f"it is longer than {_MAX_BYTES} bytes"
    try:
        root = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return "it is not JSON"
    try:
        _Reader(root).read(root, "#", 0)
    except _NotEnforced as found:
        return str(found)
    return ""


def _no_constant(name: str) -> None:
    raise ValueError(name)


class _NotEnforced(Exception):
    """Where, and what."""


@dataclass
class _Reader:
    root: Any
    characters: int = 0
    refs: list[str] = field(default_factory=list)

    def read(self, schema: Any, where: str, depth: int) -> None:
        if not isinstance(schema, dict):
            raise _NotEnforced(f"{where} is not an object")
        if depth > _MAX_DEPTH:
            raise _NotEnforced(f"{where} lies more than {_MAX_DEPTH} deep")
        kinds = _kinds(schema, where)
        self._keywords(schema, kinds, where)
        if "$ref" in schema:
            self._reference(schema["$ref"], where, depth)
        for index, choice in enumerate(_list(schema.get("anyOf", [{}]), f"{where}/anyOf")):
            if "anyOf" in schema:
                self.read(choice, f"{where}/anyOf/{index}", depth + 1)
        if "enum" in schema:
            _list(schema["enum"], f"{where}/enum")
        self._bounds(schema, where)
        self._children(schema, where, depth)

    def _keywords(self, schema: dict[str, Any], kinds: tuple[str, ...], where: str) -> None:
        """One way to say what fits (`type`, `enum`, `const`, `anyOf`, `$ref`), and only the keywords of that way."""
        ways = [key for key in ("enum", "const", "anyOf", "$ref") if key in schema]
        if len(ways) > 1 or (ways and ways[0] in {"anyOf", "$ref"} and kinds):
            raise _NotEnforced(f"{where} has {' and '.join([*ways, 'type'][:2])} at once")
        allowed = _NOTES | {"type"} | set(ways)
        if not ways:
            allowed = allowed.union(*(_BY_TYPE.get(kind, frozenset()) for kind in kinds))
        if "number" in kinds:
            allowed -= _BY_TYPE["integer"]
        for key in schema:
            if key not in allowed:
                raise _NotEnforced(f"{where} has the keyword {key[:40]!r}")

    def _reference(self, target: Any, where: str, depth: int) -> None:
        name = target.removeprefix("#/$defs/") if isinstance(target, str) else ""
        definitions = self.root.get("$defs", {})
        if not isinstance(definitions, dict) or name not in definitions or target == name:
            raise _NotEnforced(f"{where}/$ref names nothing in #/$defs")
        if name in self.refs:
            raise _NotEnforced(f"{where}/$ref goes in a circle")
        self.refs.append(name)
        self.read(definitions[name], f"#/$defs/{name[:40]}", depth + 1)
        self.refs.pop()

    def _bounds(self, schema: dict[str, Any], where: str) -> None:
        for low, high, most in (
            ("minLength", "maxLength", _MAX_CHARACTERS),
            ("minItems", "maxItems", _MAX_ITEMS),
            ("minimum", "maximum", _MAX_INTEGER),
        ):
            least = -most if low == "minimum" else 0
            found = [schema[key] for key in (low, high) if key in schema]
            for value in found:
                if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
                    raise _NotEnforced(f"{where}: {low} and {high} are whole numbers from {least} to {most}")
            if len(found) == 2 and found[0] > found[1]:
                raise _NotEnforced(f"{where}: {low} is above {high}")
            self.characters += sum(found) if low == "minLength" else 0
        if self.characters > _MAX_CHARACTERS:
            raise _NotEnforced(f"all minLength and maxLength together exceed {_MAX_CHARACTERS}")

    def _children(self, schema: dict[str, Any], where: str, depth: int) -> None:
        properties = schema.get("properties", {})
        if not isinstance(properties, dict):
            raise _NotEnforced(f"{where}/properties is not an object")
        for name, child in properties.items():
            self.read(child, f"{where}/properties/{name[:40]}", depth + 1)
        required = schema.get("required", [])
        if not isinstance(required, list) or not all(name in properties for name in required):
            raise _NotEnforced(f"{where}/required names something that is not in properties")
        if not isinstance(schema.get("additionalProperties", False), bool):
            self.read(schema["additionalProperties"], f"{where}/additionalProperties", depth + 1)
        if "items" in schema:
            self.read(schema["items"], f"{where}/items", depth + 1)


def _kinds(schema: dict[str, Any], where: str) -> tuple[str, ...]:
    found = schema.get("type", [])
    kinds = (found,) if isinstance(found, str) else tuple(found) if isinstance(found, list) else ("",)
    if not set(kinds) <= TYPES:
        raise _NotEnforced(f"{where}/type is none of {', '.join(sorted(TYPES))}")
    return kinds


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise _NotEnforced(f"{where} is not a list with something in it")
    return value
