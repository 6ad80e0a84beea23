"""A suite of data expectations: YAML text (policies/rules/expectations) read into one frozen type with a digest.

`rows` are asked of every row of the training source: what fails is quarantined with the expectation's id as its reason,
and more failures than `mostly` allows stop the run. `whole` are asked of figures over all of them.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from infra.contracts.base import Contract, Frozen, Name
from infra.typed_yaml import parse_yaml
from infra.yaml_problem import BadValue, BadValues
from policies.guardrails.patterns import REFUSED_CURE, refused

Column = Literal["text", "answer", "label", "language", "subject", "row_id"]
"""The columns as Sluice names them, whatever the source calls them (`data.columns` in the pipeline)."""

Measure = Literal[
    "rows",
    "unreadable_share",
    "quarantined_share",
    "labels",
    "smallest_label_share",
    "largest_label_share",
    "repeated_text_share",
    "repeated_row_ids",
    "test_rows",
    "test_unreadable",
    "spanish_share",
]
"""Figures over all rows; policies/expectations/measures.py says what each one is."""


class RowExpectation(Frozen):
    """What every kind has."""

    id: Name
    """The reason that stands beside a quarantined row."""
    column: Column
    """As Sluice names it, whatever the source calls it (`data.columns` in the pipeline)."""
    mostly: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of the rows that must meet it, or the run stops; without it the suite's own."""


class Present(RowExpectation):
    """The column has a value."""

    expect: Literal["present"]


class Length(RowExpectation):
    """So many code points."""

    expect: Literal["length"]
    min: Annotated[int, Field(ge=0)] = 0
    """Fewer are too few."""
    max: Annotated[int, Field(ge=1)]
    """More are too many."""

    @model_validator(mode="after")
    def _ordered(self) -> Length:
        if self.min > self.max:
            raise BadValue("min is more than max", cure="make min the smaller one", key=("min",))
        return self


class Matches(RowExpectation):
    """The pattern is found in the value."""

    expect: Literal["matches", "matches_not"]
    pattern: str
    """A regular expression in RE2's syntax, looked for anywhere in the value; blanks of every kind count as blanks."""

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        reason = refused(pattern)
        if reason:
            raise BadValue(reason, cure=REFUSED_CURE)
        return pattern


class InSet(RowExpectation):
    """The value is one of these."""

    expect: Literal["in_set"]
    values: Annotated[tuple[str, ...], Field(min_length=1)]
    """What is allowed."""


class Answer(RowExpectation):
    """The value is JSON and meets the pipeline's own `prompt.json_schema`."""

    expect: Literal["answer_schema"]


RowRule = Annotated[Present | Length | Matches | InSet | Answer, Field(discriminator="expect")]


class WholeRule(Frozen):
    """A figure over all rows lies between two bounds, both inclusive; at least one of them is given."""

    id: Name
    """Named when the run stops for it."""
    measure: Measure
    """Which figure; policies/expectations/measures.py says what each one is."""
    min: float | None = None
    """It must not be lower."""
    max: float | None = None
    """It must not be higher."""

    @model_validator(mode="after")
    def _bounded(self) -> WholeRule:
        if self.min is None and self.max is None:
            raise BadValue("neither min nor max is given", cure="give min, max or both", key=("measure",))
        if self.min is not None and self.max is not None and self.min > self.max:
            raise BadValue("min is more than max", cure="make min the smaller one", key=("min",))
        return self


class Suite(Contract):
    """What must hold of the data."""

    schema_id: ClassVar[str] = "sluice/expectation-suite/1"

    name: Name
    """Stands in the reasons and the report."""
    mostly: Annotated[float, Field(ge=0, le=1)]
    """Share of the rows that must meet each row expectation, or the run stops."""
    rows: tuple[RowRule, ...]
    """Asked of each row; one that fails is quarantined with the reason."""
    whole: tuple[WholeRule, ...] = ()
    """Asked of figures over all rows; one that fails stops the run."""

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Suite:
        places = [("rows", index, rule.id) for index, rule in enumerate(self.rows)]
        places += [("whole", index, rule.id) for index, rule in enumerate(self.whole)]
        ids = [name for _, _, name in places]
        cure = "give each expectation an id of its own"
        found = [
            BadValue("two expectations have the same id", cure=cure, key=(part, index, "id"))
            for position, (part, index, name) in enumerate(places)
            if name in ids[:position]
        ]
        if found:
            raise BadValues(*found)
        return self


def parse_suite(text: str, *, source: str) -> Suite:
    """Reads a suite's YAML. Raises ConfigError with every problem of the file, headed by `source`."""
    return parse_yaml(text, Suite, source=source)
