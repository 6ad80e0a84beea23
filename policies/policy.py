"""A guardrail policy: YAML text (policies/rules/guardrails) read into one frozen type, every error at once.

No rule means no: a detector that the policy does not name is not run, a key that is not known is refused, and a check
that fails blocks unless the policy says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from infra.contracts.base import Contract, Frozen, Name
from infra.typed_yaml import parse_yaml
from infra.yaml_problem import BadValue, BadValues
from policies.checks import (
    Direction,
    InjectionCheck,
    JsonCheck,
    Language,
    PiiCheck,
    SecretsCheck,
    SizeCheck,
    SystemPromptCheck,
)
from policies.installed_checks import InstalledCheck

InputCheck = Annotated[
    PiiCheck | SecretsCheck | InjectionCheck | SizeCheck | InstalledCheck, Field(discriminator="detector")
]
OutputCheck = Annotated[
    PiiCheck | SecretsCheck | SystemPromptCheck | JsonCheck | SizeCheck | InstalledCheck,
    Field(discriminator="detector"),
]


class Example(Frozen):
    """One text with what must happen to it; `tests/policies/guardrails/test_examples.py` runs them."""

    name: str
    """Named when the example fails."""
    direction: Direction
    """Through which of the two lists of checks it goes."""
    language: Language | None = None
    """Of the text; without it, it is detected."""
    text: str
    """What goes in."""
    verdict: Literal["allow", "redact", "block"]
    """What must come of it."""
    rule: str = ""
    """Id of the check that blocks; '' where none does."""
    becomes: str | None = None
    """The text that goes on, where the example says it."""


class GuardrailPolicy(Contract):
    """Ordered checks of what goes in and what comes out."""

    schema_id: ClassVar[str] = "sluice/guardrail-policy/1"

    name: Name
    """Stands in every record of a request."""
    stream: Literal["holdback", "buffer", "buffer_when_needed"]
    """holdback: text leaves as soon as it is checked. buffer: all at the end. buffer_when_needed: held back, but all at
    the end in a pipeline where a check needs the whole message (JSON structure)."""
    input: tuple[InputCheck, ...]
    """What goes in, in this order."""
    output: tuple[OutputCheck, ...]
    """What comes out, in this order."""
    examples: tuple[Example, ...] = ()
    """Texts with what must become of them."""

    @model_validator(mode="after")
    def _consistent(self) -> GuardrailPolicy:
        found = tuple(_contradictions(self))
        if found:
            raise BadValues(*found)
        return self


def _contradictions(policy: GuardrailPolicy) -> Iterator[BadValue]:
    """What does not go together, though each key is well formed."""
    named: tuple[tuple[Direction, list[str]], ...] = (
        ("input", [check.id for check in policy.input]),
        ("output", [check.id for check in policy.output]),
    )
    for direction, ids in named:
        for index, check_id in enumerate(ids):
            if check_id in ids[:index]:
                what = f"two {direction} checks have the same id"
                yield BadValue(what, cure="give each check an id of its own", key=(direction, index, "id"))
    if policy.stream == "holdback" and any(
        check.whole or check.detector == "json_structure" for check in policy.output
    ):
        cure = "say `stream: buffer` or `stream: buffer_when_needed`"
        first = next(check for check in policy.output if check.whole or check.detector == "json_structure")
        yield BadValue(f"{first.detector} needs the whole message", cure=cure, key=("stream",))
    known = {check_id for _, ids in named for check_id in ids}
    for index, example in enumerate(policy.examples):
        if example.rule and example.rule not in known:
            what = f"the example names a check that is not there: {example.rule[:60]}"
            cure = f"one of: {', '.join(sorted(known))}"
            yield BadValue(what, cure=cure, key=("examples", index, "rule"))


def parse_guardrails(text: str, *, source: str) -> GuardrailPolicy:
    """Reads a policy's YAML. Raises ConfigError with every problem of the file, headed by `source`."""
    return parse_yaml(text, GuardrailPolicy, source=source)
