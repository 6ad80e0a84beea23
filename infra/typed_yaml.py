"""YAML text -> one frozen type, or every problem of the file at once with its line, key and cure.

Reads text, never a disk, so that every room may use it. How values and their lines are read: yaml_document.py.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from infra.errors import ConfigError, Problem
from infra.yaml_document import Document, Path, name_of
from infra.yaml_problem import BadValue, BadValues, describe

ModelT = TypeVar("ModelT", bound=BaseModel)
_LOOKS = 4
"""How often a file is looked at again with its unknown keys put right, for what they hid."""


def parse_yaml(
    text: str,
    model: type[ModelT],
    *,
    source: str,
    overrides: Mapping[str, str] | None = None,
    also: Callable[[ModelT], Iterable[BadValue]] = lambda _: (),
) -> ModelT:
    """Reads YAML into `model`.

    `overrides` are dotted keys with YAML values (`--set data.train=x.csv`), applied before validation. `also` says what
    is wrong with a value that fits the type: a file that it names and that is not there. Raises ConfigError, headed by
    `source`, with every problem: syntax, repeated keys, unknown keys, wrong types, values out of range.
    """
    document = Document.read(text, source)
    for key, given in (overrides or {}).items():
        document.override(key, given)
    return parse_document(document, model, source=source, also=also)


def parse_document(
    document: Document,
    model: type[ModelT],
    *,
    source: str,
    also: Callable[[ModelT], Iterable[BadValue]] = lambda _: (),
) -> ModelT:
    """Reads a document that is there already into `model`, with its own problems. As `parse_yaml`."""
    reading = _Reading(document, model, list(document.problems))
    value = reading.value()
    if value is not None:
        reading.problems += [_at(bad, (), document.lines) for bad in also(value)]
    if value is None or reading.problems:
        raise ConfigError(source, tuple(sorted(reading.problems, key=lambda problem: (problem.line, problem.key))))
    return value


@dataclass
class _Reading(Generic[ModelT]):
    """One validation, which finds also what pydantic leaves out while something smaller is wrong.

    A type's own checks (two keys that contradict each other) run only where its keys are good, so a file is looked at
    again without its bad values. What is found then counts unless it follows from what was taken away.
    """

    document: Document
    model: type[ModelT]
    problems: list[Problem]
    _taken: set[Path] = field(default_factory=set)

    def value(self) -> ModelT | None:
        """The value, or None where anything of it is wrong; `problems` then says what."""
        given, first = copy.deepcopy(self.document.value), True
        for _ in range(_LOOKS):
            try:
                read = self.model.model_validate(given, strict=False)
            except ValidationError as error:
                details = error.errors(include_url=False)
            else:
                return read if first else None
            if not self._note(details) or not self._mend(given, details):
                return None
            first = False
        return None

    def _note(self, details: list[ErrorDetails]) -> bool:
        """Keeps what is new; whether anything was."""
        known = {(problem.line, problem.key) for problem in self.problems}
        new = [detail for detail in details if not self._follows(detail) and not _short_of_bad(detail, details)]
        fresh = [found for detail in new for found in _problems(detail, self.document.lines, self.model)]
        self.problems += [problem for problem in fresh if (problem.line, problem.key) not in known]
        return bool(fresh)

    def _follows(self, detail: ErrorDetails) -> bool:
        """Whether an error comes from what was taken away: the place is empty, or its own type misses it."""
        path = _written(detail, self.document.lines)
        return path in self._taken or path in {taken[:-1] for taken in self._taken}

    def _mend(self, given: dict[str, Any], details: list[ErrorDetails]) -> bool:
        """Takes away what is wrong, and gives an unknown key the name that was meant; whether anything could be."""
        mended = False
        for detail in details:
            path = _written(detail, self.document.lines)
            holder: Any = given
            if detail["type"] == "missing":
                continue
            while len(path) > 2 and isinstance(path[-1], int):
                path = path[:-1]  # one bad entry of a list that a key below the top holds: the list is taken away
            for part in path[:-1]:
                # A key that was renamed or taken a moment ago has nothing below it any more.
                holder = _inside(holder, part)
            if not path or not isinstance(holder, dict) or path[-1] not in holder:
                continue
            value, mended = holder.pop(path[-1]), True
            near = _near(self.model, path) if detail["type"] == "extra_forbidden" else ""
            if near and near not in holder:
                holder[near] = value
                self.document.lines.setdefault((*path[:-1], near), self.document.lines[path])
            elif detail["type"] != "extra_forbidden":
                self._taken.add(path)
        return mended


def _short_of_bad(detail: ErrorDetails, details: list[ErrorDetails]) -> bool:
    """Whether a list is too short only because its entries are bad, which is told of each."""
    place = detail["loc"]
    return detail["type"] == "too_short" and any(
        len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in details
    )


def _inside(holder: Any, part: str | int) -> Any:
    if isinstance(holder, dict):
        return holder.get(part)
    return holder[part] if isinstance(holder, list) and isinstance(part, int) else None


def _problems(detail: ErrorDetails, lines: Mapping[Path, int], model: type[BaseModel]) -> list[Problem]:
    path = _written(detail, lines)
    error = detail.get("ctx", {}).get("error")
    if isinstance(error, BadValue | BadValues):
        found = error.found if isinstance(error, BadValues) else (error,)
        return [_at(bad, path, lines) for bad in found]
    return [_problem(detail, path, lines, model)]


def _problem(detail: ErrorDetails, path: Path, lines: Mapping[Path, int], model: type[BaseModel]) -> Problem:
    if detail["type"] == "extra_forbidden":
        near, names = _near(model, path), _field_names(model, path[:-1])
        cure = f"did you mean {near!r}?" if near else f"delete it; the keys here are: {', '.join(names)}"
        return Problem(lines[path], name_of(path), "unknown key", cure)
    found = describe(detail)
    if found.key:
        path = (*path, found.key)
    return Problem(_line(path, lines), name_of(path), found.what, found.cure)


def _at(bad: BadValue, path: Path, lines: Mapping[Path, int]) -> Problem:
    """A problem that a check of ours found, at the key that it names below its own type."""
    path = (*path, *bad.key)
    return Problem(_line(path, lines), name_of(path), bad.what, bad.cure)


def _line(path: Path, lines: Mapping[Path, int]) -> int:
    """The line of a key, or of the nearest key above it that the file has."""
    while path not in lines:
        path = path[:-1]
    return lines[path]


def _written(detail: ErrorDetails, lines: Mapping[Path, int]) -> Path:
    """The path as the file writes it: union members and validators add parts to an error's path that no key has."""
    missing = detail["type"] == "missing"
    path: Path = ()
    for part in detail["loc"][:-1] if missing else detail["loc"]:
        if (*path, part) in lines:
            path = (*path, part)
    return (*path, detail["loc"][-1]) if missing else path


def _near(model: type[BaseModel], path: Path) -> str:
    near = difflib.get_close_matches(str(path[-1]), _field_names(model, path[:-1]), n=1)
    return near[0] if near else ""


def _field_names(model: type[BaseModel], path: Path) -> list[str]:
    """The keys that stand where an unknown one was found, for the suggestion; those of every member of a union."""
    models = [model]
    for part in path:
        annotations = [found.model_fields[part].annotation for found in models if part in found.model_fields]
        models = [found for annotation in annotations for found in _models_in(annotation)] or models
    return list(dict.fromkeys(name for found in models for name in found.model_fields))


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _models_in(part)]
