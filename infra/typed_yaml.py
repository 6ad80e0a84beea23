"""YAML text -> one frozen type, or every problem of the file at once with its line, key and cure.

Reads text, never a disk, so that every room may use it. YAML's own tags and aliases to Python objects are refused.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from infra.errors import ConfigError, Problem

ModelT = TypeVar("ModelT", bound=BaseModel)
_Path = tuple[str | int, ...]


def parse_yaml(text: str, model: type[ModelT], *, source: str, overrides: Mapping[str, str] | None = None) -> ModelT:
    """Reads YAML into `model`.

    `overrides` are dotted keys with YAML values (`--set data.train=x.csv`), applied before validation.
    Raises ConfigError, headed by `source`, with every problem: syntax, repeated keys, unknown keys, wrong types,
    values out of range.
    """
    document = _Document.read(text, source)
    for key, value in (overrides or {}).items():
        document.override(key, value)
    if document.problems:
        raise ConfigError(source, tuple(document.problems))
    try:
        return model.model_validate(document.value, strict=False)
    except ValidationError as error:
        problems = [_problem(detail, document.lines, model) for detail in error.errors(include_url=False)]
        raise ConfigError(source, tuple(sorted(problems, key=lambda problem: problem.line))) from None


@dataclass
class _Document:
    source: str
    value: dict[str, Any]
    lines: dict[_Path, int]
    problems: list[Problem]

    @classmethod
    def read(cls, text: str, source: str) -> _Document:
        try:
            # An alias can repeat a node without end, or hold itself; nothing here needs one.
            for event in yaml.parse(text, Loader=yaml.SafeLoader):
                if isinstance(event, yaml.AliasEvent):
                    line = event.start_mark.line + 1 if event.start_mark else 1
                    raise ConfigError(source, (Problem(line, "-", "an alias (*name)", "write the value out"),))
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            problem = Problem(line, "-", f"not YAML: {error.problem}", "mend the syntax on that line")
            raise ConfigError(source, (problem,)) from None
        except yaml.YAMLError:
            raise ConfigError(source, (Problem(1, "-", "not YAML text", "save the file as UTF-8 YAML"),)) from None
        if not isinstance(node, yaml.MappingNode):
            problem = Problem(
                1, "-", "the file must be a mapping of keys", "see the files in flows/pipelines and policies/rules"
            )
            raise ConfigError(source, (problem,))
        document = cls(source, {}, {(): 1}, [])
        value = document._build(node, ())
        document.value = value if isinstance(value, dict) else {}
        return document

    def _build(self, node: yaml.Node, path: _Path) -> Any:
        self.lines[path] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._build(item, (*path, index)) for index, item in enumerate(node.value)]
        loader = yaml.SafeLoader("")
        try:
            return loader.construct_object(node)
        except (yaml.YAMLError, ValueError):
            key = ".".join(map(str, path))
            self.problems.append(
                Problem(
                    self.lines[path], key, "a value that plain YAML does not have", "write text, a number or true/false"
                )
            )
            return None

    def _mapping(self, node: yaml.MappingNode, path: _Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            line = key_node.start_mark.line + 1
            if key in result:
                self.problems.append(
                    Problem(line, ".".join(map(str, (*path, key))), "the key stands twice", "delete one of the two")
                )
            result[key] = self._build(value_node, (*path, key))
            self.lines[(*path, key)] = line
        return result

    def override(self, dotted: str, value: str) -> None:
        path = dotted.split(".")
        target: Any = self.value
        for key in path[:-1]:
            target = target.setdefault(key, {}) if isinstance(target, dict) else None
        if not isinstance(target, dict) or not all(path):
            self.problems.append(
                Problem(
                    0,
                    dotted,
                    "--set names no key of the file",
                    "use a key as the file writes it, e.g. --set training.epochs=2",
                )
            )
            return
        try:
            target[path[-1]] = yaml.safe_load(value)
        except yaml.YAMLError:
            target[path[-1]] = value
        for length in range(1, len(path)):
            self.lines.setdefault(tuple(path[:length]), 0)
        self.lines[tuple(path)] = 0


def _problem(detail: ErrorDetails, lines: Mapping[_Path, int], model: type[BaseModel]) -> Problem:
    path = _written(detail, lines)
    key = ".".join(map(str, path)) or "-"
    line = lines[path] if path in lines else lines[path[:-1]]
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(path[-1]), _field_names(model, path[:-1]), n=1)
        return Problem(
            line, key, "unknown key", f"did you mean {near[0]!r}?" if near else "delete it; no key is ignored here"
        )
    if detail["type"] == "missing":
        return Problem(line, key, "the key is missing", f"add `{path[-1]}:`")
    return Problem(
        line,
        key,
        detail["msg"][:1].lower() + detail["msg"][1:],
        "give a value that fits; `sluice schema` prints every key",
    )


def _written(detail: ErrorDetails, lines: Mapping[_Path, int]) -> _Path:
    """The path as the file writes it: union members and validators add parts to an error's path that no key has."""
    path: _Path = ()
    for part in detail["loc"]:
        if (*path, part) in lines:
            path = (*path, part)
    return (*path, detail["loc"][-1]) if detail["type"] == "missing" else path


def _field_names(model: type[BaseModel], path: _Path) -> list[str]:
    """The keys that stand where an unknown one was found, for the suggestion; those of every member of a union."""
    models = [model]
    for part in path:
        annotations = [found.model_fields[part].annotation for found in models if part in found.model_fields]
        models = [found for annotation in annotations for found in _models_in(annotation)] or models
    return [name for found in models for name in found.model_fields]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _models_in(part)]
