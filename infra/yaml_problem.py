"""What is wrong with one value of a YAML file, in words: pydantic's kinds of errors as sentences with a cure.

No value of the file is repeated (it may be a person's text); what a choice allows, and the nearest of it, is.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

from pydantic_core import ErrorDetails

from infra.yaml_document import Path

_TYPES: dict[str, tuple[str, str]] = {
    "int": ("a whole number is needed", "write digits only, e.g. 8"),
    "float": ("a number is needed", "write a number, e.g. 0.5"),
    "finite_number": ("a finite number is needed", "write a number, e.g. 0.5"),
    "bool": ("true or false is needed", "write true or false, without quotes"),
    "string": ("a text is needed", "write text; one that looks like a number, a date or yes/no needs quotes"),
    "tuple": ("a list is needed", "write [a, b], or one `- item` a line"),
    "list": ("a list is needed", "write [a, b], or one `- item` a line"),
    "model": ("a mapping of keys is needed", "write its keys below it, indented, or in braces: {key: value}"),
    "dict": ("a mapping of keys is needed", "write its keys below it, indented, or in braces: {key: value}"),
}
_BOUNDS = {
    "greater_than": ("gt", "must be more than"),
    "greater_than_equal": ("ge", "must be at least"),
    "less_than": ("lt", "must be less than"),
    "less_than_equal": ("le", "must be at most"),
}


class BadValue(ValueError):
    """What a type's own check says: which key below it is wrong (none: the type itself), why, and the cure."""

    def __init__(self, what: str, *, cure: str, key: Path = ()) -> None:
        super().__init__(what)
        self.what = what
        self.cure = cure
        self.key = key


class BadValues(ValueError):
    """Everything that a type's own check found wrong, at once."""

    def __init__(self, *found: BadValue) -> None:
        super().__init__("; ".join(bad.what for bad in found))
        self.found = found


@dataclass(frozen=True)
class Described:
    """One error in words; `key` is a key below the place where pydantic reports it, '' for the place itself."""

    what: str
    cure: str
    key: str = ""


def describe(detail: ErrorDetails) -> Described:
    """Says in words what pydantic found. Unknown keys and our own checks are told elsewhere: they need the file."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "missing":
        return Described("the key is missing", f"add `{detail['loc'][-1]}:`")
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return Described(f"{words} {context[name]}", "change the value")
    if kind in ("literal_error", "union_tag_invalid"):
        key = str(context.get("discriminator", "")).strip("'")
        given = context.get("tag", detail["input"])
        return _choice(given, context.get("expected", context.get("expected_tags", "")), key)
    if kind == "union_tag_not_found":
        key = str(context["discriminator"]).strip("'")
        return Described("the key is missing", f"add `{key}:`; it decides which other keys there are", key)
    if kind == "too_short":
        return Described(f"must hold at least {context['min_length']}", "add what is meant, or leave the key out")
    if kind == "string_pattern_mismatch":
        return Described(f"is not of the form {context['pattern']}", "use lower-case letters, digits, '.', '_' and '-'")
    for start, (what, cure) in _TYPES.items():
        if kind.startswith(start):
            return Described(what, cure)
    words = detail["msg"].removeprefix("Value error, ")
    return Described(words[:1].lower() + words[1:], "give a value that fits; `sluice schema` prints every key")


def _choice(given: Any, expected: Any, key: str) -> Described:
    """One of a few words. The nearest is named where the given one looks like it."""
    words = str(expected).replace(" or ", ", ").replace("'", "")
    near = difflib.get_close_matches(str(given), words.split(", "), n=1)
    return Described(
        "none of the values that are known here", f"did you mean {near[0]!r}?" if near else f"one of: {words}", key
    )
