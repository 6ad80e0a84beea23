"""The JSON schema of a YAML file, for editors: each key with the text that stands below it in the code.

Pydantic could read those texts itself, but would do so at every import of every type: here it is done when asked.
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel


def yaml_schema(model: type[BaseModel], title: str) -> str:
    """The JSON schema as text, with its last line end."""
    schema = model.model_json_schema()
    for one in _models_in(model):
        place = schema if one is model else schema["$defs"].get(one.__name__, {})
        for name, text in _texts(one):
            place.get("properties", {}).get(name, {}).setdefault("description", text)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return json.dumps({**head, **schema, "title": title}, indent=2, ensure_ascii=False) + "\n"


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """A type and every one that its fields hold, each once."""
    found: dict[type[BaseModel], None] = {}
    waiting = [annotation]
    while waiting:
        one = waiting.pop()
        waiting += get_args(one)
        if isinstance(one, type) and issubclass(one, BaseModel) and one not in found:
            found[one] = None
            waiting += [field.annotation for field in one.model_fields.values()]
    return list(found)


def _texts(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Each field that has a text below it, the nearest class first."""
    for kind in model.__mro__:
        if not issubclass(kind, BaseModel) or kind is BaseModel:
            return
        (node,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
        assert isinstance(node, ast.ClassDef)
        for field, text in zip(node.body, node.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
                and isinstance(text.value.value, str)
            ):
                yield field.target.id, inspect.cleandoc(text.value.value).replace("\n", " ")
