"""Compiles a suite to Great Expectations, checks rows batch by batch, and keeps one tally per rule over all batches.

The context is ephemeral and in memory. Nothing that this file hands on holds a value of a row: counts and lines only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from infra.errors import BadInput, PartFailed
from infra.extras import need
from policies.expectations.measures import Measures
from policies.expectations.rows import Place, RawRow, Role, UnreadableRow
from policies.expectations.suite import Answer, InSet, Length, Matches, Present, RowRule, Suite
from policies.guardrails.patterns import compiled

_FORMAT = {
    "result_format": "COMPLETE",
    "partial_unexpected_count": 0,
    "include_unexpected_rows": False,
    "return_unexpected_index_query": False,
}
_BLANKS = dict.fromkeys(map(ord, "\x0b\x0c\x1c\x1d\x1e\x1f\x85\u00a0\u1680\u2028\u2029\u202f\u205f\u3000"), " ")
_BLANKS |= dict.fromkeys(range(0x2000, 0x200B), " ")
"""RE2's `\\s` knows ASCII's blanks."""
_COLUMNS = ("text", "answer", "label", "language", "subject", "row_id")


@dataclass(frozen=True)
class Tally:
    """How one rule fared over the rows of one source."""

    rule: RowRule
    mostly: float
    expectation: Any
    """The Great Expectations object, for the Data Docs."""
    rows: int = 0
    missing: int = 0
    failed: int = 0
    first: Place | None = None
    """The first row that failed."""

    @property
    def met(self) -> bool:
        """Whether the share of rows with a value that meet the rule is at least `mostly`."""
        asked = self.rows if isinstance(self.rule, Present) else self.rows - self.missing
        return self.failed <= (1 - self.mostly) * asked + 1e-9

    def plus(self, rows: int, missing: int, failed: Sequence[Place]) -> Tally:
        """The tally after one more batch."""
        first = self.first or (failed[0] if failed else None)
        counts = (self.rows + rows, self.missing + missing, self.failed + len(failed))
        return replace(self, rows=counts[0], missing=counts[1], failed=counts[2], first=first)


@dataclass
class Validator:
    """One suite at work. `check` every batch, then ask for the tallies."""

    suite: Suite
    answer_schema: str = ""
    """The pipeline's `prompt.json_schema`, for rules that ask for it."""
    _tallies: dict[Role, list[Tally]] = field(init=False)
    _engine: _Engine = field(init=False)

    def __post_init__(self) -> None:
        schema = _schema(self.answer_schema) if self.answer_schema else None
        if schema is None and any(isinstance(rule, Answer) for rule in self.suite.rows):
            raise BadInput(
                "the suite asks for answers that meet prompt.json_schema, and the pipeline has none",
                where=self.suite.name,
                cure="add prompt.json_schema to the pipeline, or take the answer_schema rule out of the suite",
            )
        self._engine = _Engine(schema)
        fresh = [
            Tally(rule, self._mostly(rule), self._engine.compile(rule, self._mostly(rule))) for rule in self.suite.rows
        ]
        self._tallies = {"train": list(fresh), "test": list(fresh)}

    def check(self, rows: Sequence[RawRow | UnreadableRow]) -> list[tuple[str, ...]]:
        """For each row, the ids of the rules that it does not meet. Rows of both sources may be mixed.

        Raises PartFailed when Great Expectations itself fails.
        """
        failures: list[list[str]] = [[] for _ in rows]
        for role in ("train", "test"):
            positions = [n for n, row in enumerate(rows) if row.place.role == role and isinstance(row, RawRow)]
            if positions:
                self._check_role(role, rows, positions, failures)
        return [tuple(ids) for ids in failures]

    def tallies(self, role: Role) -> tuple[Tally, ...]:
        """One tally per row rule, in the suite's order."""
        return tuple(self._tallies[role])

    def check_whole(self, measures: Measures) -> Any:
        """Checks the suite's `whole` rules on the figures; Great Expectations' own result object."""
        return self._engine.whole(self.suite, measures)

    def _mostly(self, rule: RowRule) -> float:
        return self.suite.mostly if rule.mostly is None else rule.mostly

    def _check_role(
        self, role: Role, rows: Sequence[RawRow | UnreadableRow], positions: list[int], failures: list[list[str]]
    ) -> None:
        columns = {name: [getattr(rows[n], name) for n in positions] for name in _COLUMNS}
        found = self._engine.failing(self._tallies[role], columns)
        for index, (tally, failing) in enumerate(zip(self._tallies[role], found, strict=True)):
            missing = sum(value is None for value in columns[tally.rule.column])
            places = [rows[positions[at]].place for at in failing]
            self._tallies[role][index] = tally.plus(len(positions), missing, places)
            for at in failing:
                failures[positions[at]].append(tally.rule.id)


class _Engine:
    """The only part that touches Great Expectations."""

    def __init__(self, schema: dict[str, object] | None) -> None:
        self._gx = need("great_expectations", extra="train")
        self._pandas = need("pandas", extra="train")
        self._schema = schema
        self._context = self._gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = _no_bars()
        source = self._context.data_sources.add_pandas("rows")
        self._batches = source.add_dataframe_asset("rows").add_batch_definition_whole_dataframe("rows")

    def compile(self, rule: RowRule, mostly: float) -> Any:
        """The expectation of one row rule."""
        kinds = self._gx.expectations
        common = {"column": rule.column, "mostly": mostly}
        match rule:
            case Present():
                return kinds.ExpectColumnValuesToNotBeNull(**common)
            case Length():
                return kinds.ExpectColumnValueLengthsToBeBetween(min_value=rule.min, max_value=rule.max, **common)
            case Matches(expect="matches"):
                return kinds.ExpectColumnValuesToMatchRegex(regex=rule.pattern, **common)
            case Matches():
                return kinds.ExpectColumnValuesToNotMatchRegex(regex=rule.pattern, **common)
            case InSet():
                return kinds.ExpectColumnValuesToBeInSet(value_set=list(rule.values), **common)
            case Answer():
                return kinds.ExpectColumnValuesToMatchJsonSchema(json_schema=self._schema, **common)

    def failing(self, tallies: Sequence[Tally], columns: dict[str, list[str | None]]) -> list[list[int]]:
        """For each rule, the positions that fail it, in order."""
        plain = [tally for tally in tallies if not isinstance(tally.rule, Answer | Matches)]
        found = iter(self._unexpected(columns, [tally.expectation for tally in plain]))
        return [self._failing_one(tally, columns[tally.rule.column], found) for tally in tallies]

    def _failing_one(self, tally: Tally, values: list[str | None], found: Iterator[list[int]]) -> list[int]:
        match tally.rule:
            case Answer():
                return self._failing_answers(values, tally.expectation)
            case Matches():
                return _failing_pattern(tally.rule, values)
        return next(found)

    def _failing_answers(self, values: list[str | None], expectation: Any) -> list[int]:
        """Asked of distinct answers only: there are few, and a schema costs a millisecond each.

        The schema expectation stops at a text that is no JSON, so that one goes first.
        """
        distinct = list(dict.fromkeys(value for value in values if value is not None))
        column = expectation.column
        parseable = self._gx.expectations.ExpectColumnValuesToBeJsonParseable(column=column)
        [broken] = self._unexpected({column: distinct}, [parseable]) if distinct else [[]]
        bad = {distinct[at] for at in broken}
        rest = [value for value in distinct if value not in bad]
        [refused] = self._unexpected({column: rest}, [expectation]) if rest else [[]]
        bad |= {rest[at] for at in refused}
        return [position for position, value in enumerate(values) if value in bad]

    def _unexpected(self, columns: dict[str, list[Any]], expectations: list[Any]) -> list[list[int]]:
        if not expectations:
            return []
        frame = self._pandas.DataFrame(
            {name: self._pandas.Series(values, dtype="object") for name, values in columns.items()}
        )
        for number, expectation in enumerate(expectations):
            expectation.meta = {"number": number}
        suite = self._gx.ExpectationSuite(name="rows", expectations=expectations)
        result = self._batches.get_batch({"dataframe": frame}).validate(suite, result_format=_FORMAT)
        _raise_failed(result.results)
        found: list[list[int]] = [[] for _ in expectations]
        for one in result.results:
            found[one.expectation_config.meta["number"]] = sorted(one.result["unexpected_index_list"])
        return found

    def whole(self, suite: Suite, measures: Measures) -> Any:
        """The result over one row of figures."""
        kinds = self._gx.expectations
        expectations = [
            kinds.ExpectColumnMaxToBeBetween(
                column=rule.measure, min_value=rule.min, max_value=rule.max, meta={"id": rule.id}
            )
            for rule in suite.whole
        ]
        frame = self._pandas.DataFrame({rule.measure: [getattr(measures, rule.measure)] for rule in suite.whole})
        batch = self._batches.get_batch({"dataframe": frame})
        result = batch.validate(self._gx.ExpectationSuite(name=suite.name, expectations=expectations))
        _raise_failed(result.results)
        for one in result.results:
            one.result["observed_value"] = one.result["observed_value"].item()  # pages cannot show numpy's types
        return result


def _failing_pattern(rule: Matches, values: list[str | None]) -> list[int]:
    """Asked of RE2, and not of Great Expectations: its engine is Python's, which a pattern can hold up for ever."""
    pattern = compiled(rule.pattern)
    wanted = rule.expect == "matches"
    return [
        position
        for position, value in enumerate(values)
        if value is not None and (pattern.search(value.translate(_BLANKS)) is not None) != wanted
    ]


def _schema(text: str) -> dict[str, object]:
    jsonschema = need("jsonschema", extra="train")
    try:
        schema: dict[str, object] = json.loads(text)
        jsonschema.Draft202012Validator.check_schema(schema)
    except (ValueError, jsonschema.SchemaError):
        cure = "write a JSON schema as one JSON object"
        raise BadInput("not a JSON schema", where="prompt.json_schema", cure=cure) from None
    return schema


def _no_bars() -> Any:
    """Great Expectations' own progress bars off: ours show where the stage is."""
    from great_expectations.data_context.types.base import ProgressBarsConfig

    return ProgressBarsConfig(globally=False)


def _raise_failed(results: Iterable[Any]) -> None:
    """Raises PartFailed when an expectation could not be computed, without its cause: that may hold values of rows."""
    for one in results:
        if one.exception_info and one.exception_info.get("raised_exception"):
            kind, column = one.expectation_config.type, one.expectation_config.kwargs.get("column")
            raise PartFailed(
                f"Great Expectations could not compute {kind} on the column {column!r}",
                cure="check that rule of the suite against the column",
            )
