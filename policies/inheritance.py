"""One policy on top of another, as documents that know their lines: `extends` and `without`. One level only.

What is inherited has the line of `extends`; what is the file's own keeps its line and the place where the file has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from infra.errors import ConfigError, Problem
from infra.yaml_document import Document, Path, name_of

_LISTS = (("input", "id"), ("output", "id"), ("examples", "name"))
"""The lists that are merged entry by entry, and the key that tells their entries apart."""


@dataclass(frozen=True)
class Merged:
    """A document with all that is inherited, and where each entry of a list stands in the file itself."""

    document: Document
    own_places: dict[tuple[str, int], int]


def inherit(own: Document, base: Document) -> Merged:
    """Lays a policy's document over a good one that it extends. What is wrong goes to the document's problems."""
    at = own.lines.get(("extends",), 1)
    problems = list(own.problems)
    dropped, found = _dropped(own, base)
    problems += found
    merging = _Merging(own, base, at, dropped)
    value = {**base.value, **own.value}
    for key in ("name", "extends", "without"):
        value.pop(key, None)
    if "name" in own.value:
        value = {"name": own.value["name"], **value}
    if not isinstance(own.value.get("without", []), list):
        value["without"] = own.value["without"]  # of the wrong type: to be told where types are
    for key, told_by in _LISTS:
        if key in value and isinstance(own.value.get(key, []), list):
            value[key] = merging.entries(key, told_by)
    return Merged(Document(value, merging.lines, problems), merging.own_places)


@contextmanager
def told_of_own(merged: Merged) -> Iterator[None]:
    """Makes problems of a merged document name the entries of lists by their places in the file itself."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(error.source, tuple(_own(problem, merged) for problem in error.problems)) from None


def _own(problem: Problem, merged: Merged) -> Problem:
    first, *rest = problem.key.split(".")
    if rest and rest[0].isdecimal() and (place := merged.own_places.get((first, int(rest[0])))) is not None:
        return Problem(problem.line, ".".join((first, str(place), *rest[1:])), problem.what, problem.cure)
    return problem


def _dropped(own: Document, base: Document) -> tuple[frozenset[str], list[Problem]]:
    """The ids that `without` names, and what is wrong with them."""
    named = own.value.get("without", [])
    if not isinstance(named, list):
        return frozenset(), []
    inherited, given = _ids(base), _ids(own)
    problems: list[Problem] = []
    for index, check_id in enumerate(named):
        path: Path = ("without", index)
        what = cure = ""
        if check_id not in inherited:
            what, cure = "no check with this id is inherited", f"one of: {', '.join(sorted(inherited)) or 'none'}"
        elif check_id in given:
            what = "this file has a check with the same id"
            cure = "delete it here: the file's own check takes the inherited one's place"
        if what:
            problems.append(Problem(own.lines.get(path, 1), name_of(path), what, cure))
    return frozenset(one for one in named if isinstance(one, str)), problems


def _ids(document: Document) -> set[str]:
    lists = (document.value.get(key, []) for key in ("input", "output"))
    entries = [entry for one in lists if isinstance(one, list) for entry in one]
    return {str(entry["id"]) for entry in entries if isinstance(entry, dict) and "id" in entry}


@dataclass
class _Merging:
    own: Document
    base: Document
    inherited_at: int
    dropped: frozenset[str]
    lines: dict[Path, int] = field(default_factory=dict)
    own_places: dict[tuple[str, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        at = self.inherited_at
        self.lines = dict.fromkeys(self.base.lines, at) | {p: line for p, line in self.own.lines.items() if p}
        self.lines[()] = self.own.lines[()]

    def entries(self, key: str, told_by: str) -> list[Any]:
        """One list: the inherited entries in their order, the file's own in their places or behind."""
        inherited = [entry for entry in self.base.value.get(key, []) if not self._is_dropped(entry, told_by)]
        names = [entry[told_by] for entry in inherited]
        result: list[Any] = list(inherited)
        places: dict[int, int] = {}
        for index, entry in enumerate(self.own.value.get(key, [])):
            name = entry.get(told_by) if isinstance(entry, dict) else None
            place = names.index(name) if name in names else -1
            if place in places or place < 0:
                place = len(result)
                result.append(entry)
            result[place] = entry
            places[place] = index
        self._place_lines(key, len(result), places)
        return result

    def _is_dropped(self, entry: dict[str, Any], told_by: str) -> bool:
        return str(entry.get("id" if told_by == "id" else "rule")) in self.dropped

    def _place_lines(self, key: str, length: int, places: dict[int, int]) -> None:
        for path in [path for path in self.lines if len(path) > 1 and path[0] == key]:
            del self.lines[path]
        for place in range(length):
            if place not in places:
                self.lines[(key, place)] = self.inherited_at
                continue
            self.own_places[key, place] = places[place]
            for path in _below(self.own.lines, (key, places[place])):
                self.lines[(key, place, *path[2:])] = self.own.lines[path]
        self.lines.setdefault((key,), self.inherited_at)


def _below(lines: dict[Path, int], place: Path) -> Sequence[Path]:
    return [path for path in lines if path[: len(place)] == place]
