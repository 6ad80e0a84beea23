"""YAML text -> plain values that know their lines: the part of YAML that people type, without tags, aliases or dates.

Whatever the text is, it ends in a Document or in a ConfigError: an alias can repeat a node without end, deep nesting
exhausts the stack, and a long text takes minutes, so each is refused with its line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from infra.errors import ConfigError, Problem

Path = tuple[str | int, ...]

_LONGEST = 262_144
"""Characters of one file. The largest that ships has 20,000."""
_DEEPEST = 32
_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(f"{_TAG}{name}" for name in ("str", "int", "float", "bool", "null"))
_TEXT_TAGS = frozenset(f"{_TAG}{name}" for name in ("timestamp", "value", "merge"))
"""What YAML would make a date, or has no use for here: text, as it stands in the file."""

# What PyYAML says -> what it means to a person, and the cure. The first sign that is found decides.
_SYNTAX: tuple[tuple[str, str, str], ...] = (
    ("'\\t'", "a tab where spaces must stand", "indent with spaces"),
    ("unknown escape", "a backslash that double quotes do not allow", "put the value in single quotes: 'a\\b'"),
    ("quoted scalar", "a quote is opened and never closed", "close the quote"),
    ("mapping values are not allowed", "a colon where no key can stand", "put a value that holds ': ' in quotes"),
    ("expected <block end>", "the line is not indented as its neighbours are", "start keys of one level in one column"),
    ("flow sequence", "a `[` is opened and never closed, or a comma is missing", "close it with `]`"),
    ("flow mapping", "a `{` is opened and never closed, or a comma is missing", "close it with `}`"),
    ("could not find expected ':'", "a line that is no `key: value`", "add the colon, or indent what goes on"),
    ("cannot start any token", "a value begins with a character that YAML keeps for itself", "put it in quotes"),
    ("single document", "a second document begins", "delete the `---` and what follows it"),
    ("alias", "a value begins with `*`", "put it in quotes"),
    ("anchor", "a value begins with `&`", "put it in quotes"),
    ("tag", "a value begins with `!`", "put it in quotes"),
)
_OPENED = ("quoted scalar", "flow sequence", "flow mapping", "could not find expected ':'")
"""Here the line that matters is the one where it began, not the one where YAML noticed."""


@dataclass
class Document:
    """One file's mapping, the line of every key, and what is wrong so far."""

    value: dict[str, Any]
    lines: dict[Path, int]
    problems: list[Problem]

    @classmethod
    def read(cls, text: str, source: str) -> Document:
        """Reads a file's text. Raises ConfigError where it is no YAML mapping at all; smaller things are `problems`."""
        try:
            node = _compose(text)
        except _NotPlain as found:
            raise ConfigError(source, (found.problem,)) from None
        if not isinstance(node, yaml.MappingNode):
            what = "the file is empty" if node is None else "the file is a list or a text, not a mapping of keys"
            cure = "write `key: value` lines; see the files in flows/pipelines and policies/rules"
            raise ConfigError(source, (Problem(1, "-", what, cure),))
        document = cls({}, {(): 1}, [])
        value = document._build(node, ())
        document.value = value if isinstance(value, dict) else {}
        return document

    def override(self, dotted: str, text: str) -> None:
        """Puts a value in the place of a key (`--set data.train=x.csv`); its line is 0."""
        path = tuple(dotted.split("."))
        target: Any = self.value
        for key in path[:-1]:
            target = target.setdefault(key, {}) if isinstance(target, dict) else None
        if not isinstance(target, dict) or not all(path):
            cure = "use a key as the file writes it, e.g. --set training.epochs=2"
            self.problems.append(Problem(0, name_of(path), "--set names no key of the file", cure))
            return
        for length in range(1, len(path)):
            self.lines.setdefault(path[:length], 0)
        target[path[-1]] = self._given(text, path)
        self.lines[path] = 0

    def _given(self, text: str, path: Path) -> Any:
        """A value from the command line: YAML where it is that, else the text itself."""
        try:
            node = _compose(text)
        except _NotPlain:
            return text
        return "" if node is None else self._build(node, path, line=0)

    def _build(self, node: yaml.Node, path: Path, line: int | None = None) -> Any:
        self.lines[path] = node.start_mark.line + 1 if line is None else line
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, path, line)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self._build(item, (*path, index), line) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag in _TEXT_TAGS:
            return node.value
        try:
            if isinstance(node, yaml.ScalarNode) and node.tag in _PLAIN_TAGS:
                return yaml.constructor.SafeConstructor().construct_object(node)
        except (yaml.YAMLError, ValueError, LookupError, AttributeError):
            pass  # a tag that its value does not fit (`!!int x`), or a number of more digits than Python reads
        what, cure = "a value that plain YAML does not have", "write text, a number or true/false, without a `!` tag"
        self.problems.append(Problem(self.lines[path], name_of(path), what, cure))
        return None

    def _mapping(self, node: yaml.MappingNode, path: Path, line: int | None) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            at = key_node.start_mark.line + 1 if line is None else line
            if not isinstance(key_node, yaml.ScalarNode):
                what = "a key is a list or a mapping"
                self.problems.append(Problem(at, name_of(path), what, "write keys as plain words"))
                continue
            key = str(key_node.value)
            if key in result:
                first = self.lines[(*path, key)]
                what = f"the key stands twice (first on line {first})"
                self.problems.append(Problem(at, name_of((*path, key)), what, "delete one of the two"))
            result[key] = self._build(value_node, (*path, key), line)
            self.lines[(*path, key)] = at
        return result


def name_of(path: Path) -> str:
    """A key as messages write it: `data.columns.text`; '-' for the file itself. Never long, never a control sign."""
    name = ".".join(str(part) for part in path) or "-"
    shown = name if name.isprintable() else ascii(name)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


class _NotPlain(Exception):
    """The text is not YAML, or more of YAML than is read here."""

    def __init__(self, line: int, what: str, cure: str) -> None:
        super().__init__(what)
        self.problem = Problem(line, "-", what, cure)


class _Composer(yaml.SafeLoader):
    """PyYAML's composer, which stops at the first alias and at what is nested too deep."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            raise _NotPlain(line, "an alias (*name)", "write the value out; a text that begins with `*` needs quotes")
        if self.depth >= _DEEPEST:
            raise _NotPlain(line, f"nested more than {_DEEPEST} deep", "no file here needs that: mend the brackets")
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def _compose(text: str) -> yaml.Node | None:
    if len(text) > _LONGEST:
        cure = "rules and pipelines are short: put data into files of their own"
        raise _NotPlain(1, f"the file has {len(text):,} characters, at most {_LONGEST:,} are read", cure)
    try:
        return _Composer(text).get_single_node()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _NotPlain(line, "a control character that YAML does not allow", "save the file as plain text") from None
    except yaml.MarkedYAMLError as error:
        raise _syntax(error) from None
    except (yaml.YAMLError, ValueError, LookupError, AttributeError):
        raise _NotPlain(1, "not YAML", "save the file as UTF-8 YAML") from None


def _syntax(error: yaml.MarkedYAMLError) -> _NotPlain:
    said = f"{error.context or ''} {error.problem or ''}"
    mark = error.problem_mark or error.context_mark
    for sign, what, cure in _SYNTAX:
        if sign in said:
            if sign in _OPENED and error.context_mark:
                mark = error.context_mark
            return _NotPlain(mark.line + 1 if mark else 1, what, cure)
    return _NotPlain(mark.line + 1 if mark else 1, f"not YAML: {error.problem}", "mend the syntax on that line")
