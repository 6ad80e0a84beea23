"""When is an answer right, and which class does it name? The one rule for every subject, engine and report."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flows.steps.class_names import is_hidden
from infra.contracts.model_version import PromptSpec
from infra.contracts.row import SnapshotRow
from infra.digest import canonical_json
from infra.errors import BadInput

OTHER = "<other>"
"""The class of an answer that names none of the known ones."""


@dataclass(frozen=True)
class Reading:
    """What was read out of one answer."""

    exact: bool
    predicted: str
    """One of the known classes or OTHER; '' where the row has no class."""
    json_valid: bool | None
    """Whether it parses and satisfies the schema; None for a pipeline whose answers are text."""


@dataclass(frozen=True)
class AnswerReader:
    """Reads answers of one pipeline.

    Text: right when it equals the expected answer, blanks at both ends aside; it names the class that it is.
    JSON: right when it parses to the same value (order of keys and form of numbers aside); it names the class that
    stands in its field `intent`, or in the first field of the schema where there is no `intent`.
    """

    labels: frozenset[str]
    schema: Mapping[str, Any] | None
    """The JSON schema of the answers; None where answers are text."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """What the rows' own answers name -> their label, where the class stands under another name than its own."""

    @classmethod
    def of(cls, prompt: PromptSpec, rows: Iterable[SnapshotRow]) -> AnswerReader:
        """A reader for a pipeline's answers; the known classes are those of `rows`. Raises BadInput for a schema that
        is none.
        """
        known = tuple(rows)
        labels = frozenset(row.label for row in known if row.label)
        reader = cls(labels, _schema(prompt.json_schema) if prompt.answer_format == "json" else None)
        hidden = (row for row in known if is_hidden(row.label))
        aliases = {named: row.label for row in hidden if isinstance(named := reader._named(row.answer), str)}
        return replace(reader, aliases=aliases)

    def read(self, row: SnapshotRow, text: str) -> Reading:
        """Reads an answer to a row. Raises BadInput when the row's own answer does not fit the pipeline."""
        if self.schema is None:
            return Reading(text.strip() == row.answer.strip(), self._known(row, self._named(text)), None)
        expected = _parse(row.answer)
        if expected is _NOT_JSON:
            cure = "mend the row's answer, or set prompt.answer_format to text"
            raise BadInput("the expected answer is not JSON", where=f"test row {row.row_id}", cure=cure)
        found = _parse(text)
        if found is _NOT_JSON:
            return Reading(False, self._known(row, OTHER), False)
        return Reading(_same(found, expected), self._known(row, self._named(text)), _satisfies(found, self.schema))

    def _named(self, text: str) -> object:
        """What an answer says in the place of the class."""
        if self.schema is None:
            return text.strip()
        found = _parse(text)
        return found.get(self._class_field) if isinstance(found, dict) else None

    @property
    def _class_field(self) -> str:
        fields = list((self.schema or {}).get("properties", {}))
        return "intent" if "intent" in fields or not fields else str(fields[0])

    def _known(self, row: SnapshotRow, name: object) -> str:
        if not row.label:
            return ""
        if not isinstance(name, str):
            return OTHER
        return name if name in self.labels else self.aliases.get(name, OTHER)


class _NotJson:
    """The absence of a JSON value (null is one)."""


_NOT_JSON = _NotJson()


def _parse(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return _NOT_JSON


def _refuse(_: str) -> None:
    raise ValueError("NaN and Infinity are not JSON")


def _same(one: object, other: object) -> bool:
    try:
        return canonical_json(one) == canonical_json(other)
    except ValueError:
        # An integer beyond 2**53 or half a surrogate pair: no canonical form, so never the expected answer's.
        return False


def _schema(text: str) -> Mapping[str, Any]:
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped,unused-ignore]
    from jsonschema.exceptions import SchemaError  # type: ignore[import-untyped,unused-ignore]

    try:
        schema = json.loads(text)
        Draft202012Validator.check_schema(schema)
    except (ValueError, SchemaError):
        raise BadInput(
            "not a JSON schema (draft 2020-12)", where="prompt.json_schema", cure="mend it in the pipeline file"
        ) from None
    if not isinstance(schema, dict):
        raise BadInput("the schema must be a JSON object", where="prompt.json_schema", cure="write {...}")
    return schema


def _satisfies(value: object, schema: Mapping[str, Any]) -> bool:
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped,unused-ignore]
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    try:
        # An empty registry: without one, jsonschema would fetch a schema that is named by an address.
        return bool(Draft202012Validator(schema, registry=Registry()).is_valid(value))
    except Unresolvable:
        raise BadInput(
            "the schema refers to another one", where="prompt.json_schema", cure="write what it refers to under $defs"
        ) from None
