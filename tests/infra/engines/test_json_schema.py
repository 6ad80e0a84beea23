"""Which JSON schemas every engine enforces, and that the rest is refused with its place."""

from __future__ import annotations

import json

import pytest

from infra.engines.json_schema import check_schema
from infra.errors import BadInput

ACCEPTED = (
    {"type": "object", "properties": {"intent": {"enum": ["billing", "login"]}}, "required": ["intent"]},
    {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1, "maximum": 5}}},
    {"type": "array", "items": {"type": ["string", "null"], "maxLength": 8}, "minItems": 1, "maxItems": 3},
    {"$defs": {"u": {"const": "hi"}}, "type": "object", "properties": {"a": {"$ref": "#/$defs/u"}}},
    {"anyOf": [{"type": "number"}, {"type": "boolean"}], "title": "a", "description": "b"},
    {"type": "object", "additionalProperties": {"type": "integer"}},
    {"type": "object", "properties": {"a": {}}, "additionalProperties": False},
)
REFUSED = (
    ({"type": "string", "pattern": "a+"}, "# has the keyword 'pattern'"),
    ({"type": "object", "properties": {"a": {"type": "string", "format": "email"}}}, "#/properties/a .*'format'"),
    ({"type": "number", "minimum": 0}, "'minimum'"),
    ({"type": ["integer", "number"], "minimum": 0}, "'minimum'"),
    ({"type": "integer", "minimum": 2, "maximum": 1}, "minimum is above maximum"),
    ({"type": "integer", "minimum": 0.5}, "whole numbers"),
    ({"type": "integer", "minimum": True}, "whole numbers"),
    ({"type": "string", "maxLength": 100_000}, "whole numbers from 0 to 256"),
    ({"type": "array", "items": {}, "maxItems": 1_000_000}, "whole numbers from 0 to 64"),
    (
        {"type": "object", "properties": {name: {"type": "string", "maxLength": 100} for name in "abc"}},
        "together exceed 256",
    ),
    ({"type": 5}, "#/type"),
    ({"type": "objekt"}, "#/type"),
    ({"enum": []}, "#/enum"),
    ({"anyOf": []}, "#/anyOf"),
    ({"anyOf": [{"type": "null"}], "type": "string"}, "anyOf and type at once"),
    ({"enum": [1], "const": 1}, "enum and const at once"),
    ({"oneOf": [{"type": "null"}]}, "'oneOf'"),
    ({"$ref": "#/$defs/nope"}, r"\$ref names nothing"),
    ({"$ref": "http://example.org/x"}, r"\$ref names nothing"),
    ({"$defs": {"a": {"type": "array", "items": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}, "circle"),
    ({"type": "object", "required": ["a"]}, "#/required"),
    ({"type": "object", "properties": []}, "#/properties"),
    ([], "# is not an object"),
)


@pytest.mark.parametrize("schema", ACCEPTED, ids=str)
def test_accepted(schema: object) -> None:
    check_schema(json.dumps(schema))


@pytest.mark.parametrize(("schema", "message"), REFUSED, ids=str)
def test_refused_with_place_and_keyword(schema: object, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        check_schema(json.dumps(schema))


def test_what_is_no_json_or_too_much_of_it_is_refused() -> None:
    deep = '{"type":"array","items":' * 500 + "{}" + "}" * 500
    wide = json.dumps({"enum": ["x" * 40_000]})
    for text in ("", "{", '{"const": NaN}', "[" * 100_000, deep, wide):
        with pytest.raises(BadInput):
            check_schema(text)
