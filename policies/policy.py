"""A guardrail policy: YAML text (policies/rules/guardrails) read into one frozen type, every error at once.

No rule means no: a detector that the policy does not name is not run, a key that is not known is refused, and a check
that fails blocks unless the policy says otherwise.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from infra.contracts.base import Contract, Frozen, Name
from infra.errors import ConfigError, Problem
from infra.guard_models import ModelName
from infra.rules import split_extended
from infra.typed_yaml import parse_document, parse_yaml
from infra.yaml_document import Document
from infra.yaml_problem import BadValues
from policies.checks import (
    KEYED,
    Direction,
    InjectionCheck,
    JsonCheck,
    Language,
    PiiCheck,
    SecretsCheck,
    SizeCheck,
    SystemPromptCheck,
)
from policies.content_checks import CONTENT_INPUT_CHECKS, CONTENT_OUTPUT_CHECKS
from policies.contradictions import contradictions
from policies.inheritance import inherit, told_of_own
from policies.stream_rules import HoldBack

# One line for each detector, or for each family of them; policies/guardrails/makers.py has the other line.
InputCheck = Annotated[
    PiiCheck | SecretsCheck | InjectionCheck | SizeCheck | CONTENT_INPUT_CHECKS,
    Field(discriminator="detector"),
]
OutputCheck = Annotated[
    PiiCheck | SecretsCheck | SystemPromptCheck | JsonCheck | SizeCheck | CONTENT_OUTPUT_CHECKS,
    Field(discriminator="detector"),
]


class Example(Frozen):
    """One text with what must happen to it: `sluice policy test` runs the examples of a policy, and so do the tests."""

    name: str
    """Named when the example fails."""
    direction: Direction
    """Through which of the two lists of checks it goes."""
    language: Language | None = None
    """Of the text; without it, it is detected."""
    text: str
    """What goes in."""
    verdict: Literal["allow", "flag", "redact", "block"]
    """What must come of it."""
    rule: str = ""
    """Id of the check that blocks; '' where none does."""
    becomes: str | None = None
    """The text that goes on, where the example says it."""


def _given_or_inherited(schema: dict[str, Any]) -> None:
    """In the schema for editors: what a policy that extends another may leave out."""
    schema["required"] = ["name"]
    schema["anyOf"] = [{"required": ["extends"]}, {"required": ["stream", "input", "output"]}]


class GuardrailPolicy(Contract):
    """Ordered checks of what goes in and what comes out."""

    model_config = ConfigDict(json_schema_extra=_given_or_inherited)
    schema_id: ClassVar[str] = "sluice/guardrail-policy/2"

    name: Name
    """Stands in every record of a request."""
    extends: str = ""
    """Name or path (from this file's folder) of a policy that this one builds on. A check of this file takes the place
    of the inherited one with the same id, a new one goes to the end, and so do examples, by name."""
    without: tuple[Name, ...] = ()
    """With `extends`: ids of inherited checks that are left out; their examples go with them."""
    stream: Literal["holdback", "buffer", "buffer_when_needed"]
    """Must be given or inherited. holdback: text leaves as soon as it is checked. buffer: all at the end.
    buffer_when_needed: held back, but all at the end in a pipeline where a check needs the whole message (JSON
    structure, or one that asks again)."""
    hold_back: HoldBack = HoldBack()
    """How much of an answer a stream may hold back, and for how long."""
    input: tuple[InputCheck, ...]
    """Must be given or inherited. What goes in, in this order."""
    output: tuple[OutputCheck, ...]
    """Must be given or inherited. What comes out, in this order."""
    examples: tuple[Example, ...] = ()
    """Texts with what must become of them."""

    @property
    def models(self) -> frozenset[ModelName]:
        """The models that its checks need, for `load_models`."""
        return frozenset[ModelName]().union(*(check.models for check in (*self.input, *self.output)))

    @property
    def needs_keys(self) -> bool:
        """Whether a check hashes or encrypts, so that `GuardKeys` must be handed in."""
        return any(check.actions & KEYED for check in (*self.input, *self.output))

    def unhurried(self) -> GuardrailPolicy:
        """The same without latency budgets: for examples and replays, whose outcome no busy machine may change."""
        directions = {"input": self.input, "output": self.output}
        free = {
            name: tuple(check.model_copy(update={"budget_ms": None}) for check in checks)
            for name, checks in directions.items()
        }
        return self.model_copy(update=free)

    @model_validator(mode="after")
    def _consistent(self) -> GuardrailPolicy:
        found = tuple(contradictions(self))
        if found:
            raise BadValues(*found)
        return self


def parse_guardrails(text: str, *, source: str) -> GuardrailPolicy:
    """Reads a policy's text, as `read_rule` gives it: with the text of the policy that it extends, if any.

    The result holds all that is inherited and names no other policy. Raises ConfigError with every problem of the file,
    headed by `source`; of the extended one first, if that is wrong itself.
    """
    own, base = split_extended(text)
    if base is None:
        return parse_yaml(own, GuardrailPolicy, source=source)
    document = Document.read(own, source)
    base_source = f"{base.name} (extended by {source})"
    beneath = Document.read(base.text, base_source)
    if "extends" in beneath.value:
        what = f"{base.name} itself extends another policy: only one level is read"
        problem = Problem(document.lines["extends",], "extends", what, "extend that other one, or write its checks out")
        raise ConfigError(source, (*document.problems, problem))
    parse_document(beneath, GuardrailPolicy, source=base_source)
    merged = inherit(document, beneath)
    with told_of_own(merged):
        return parse_document(merged.document, GuardrailPolicy, source=source)
