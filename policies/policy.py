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

Language = Literal["en", "es"]
Direction = Literal["input", "output"]
Threshold = Annotated[float, Field(ge=0, le=1)]

Entity = Literal[
    "PERSON",
    "PHONE_NUMBER",
    "EMAIL_ADDRESS",
    "STREET_ADDRESS",
    "DATE_OF_BIRTH",
    "IBAN_CODE",
    "CREDIT_CARD",
    "CRYPTO",
    "IP_ADDRESS",
    "MAC_ADDRESS",
    "URL_CREDENTIALS",
    "ES_NIF",
    "ES_NIE",
    "ES_CIF",
    "ES_NSS",
    "ES_CCC",
    "ES_PLATE",
    "ES_PASSPORT",
    "US_SSN",
    "MX_CURP",
    "MX_RFC",
]
"""Every kind of personal data that a detector of ours finds; names follow Presidio where it has one."""


class CheckBase(Frozen):
    """What every check has."""

    id: Name
    """Named in refusals, records and the ledger."""
    threshold: Threshold = 0.5
    """A score below it is no finding."""
    action: Literal["block", "redact"]
    """block: the message goes no further. redact: what was found is replaced by its kind."""
    message: str = ""
    """What a caller is told when this check blocks. Never holds any of the text."""
    on_error: Literal["closed", "open"] = "closed"
    """closed: a check that fails blocks. open: it is recorded, and the text goes on."""


class PiiOptions(Frozen):
    """Which personal data."""

    entities: Annotated[tuple[Entity, ...], Field(min_length=1)] | None = None
    """Without it, all of them."""


class PiiCheck(CheckBase):
    """Personal data."""

    detector: Literal["pii"]
    options: PiiOptions = PiiOptions()


class SecretsCheck(CheckBase):
    """Keys, tokens, private keys and passwords."""

    detector: Literal["secrets"]


class InjectionCheck(CheckBase):
    """Texts that try to override, read or abuse the instructions of the application."""

    detector: Literal["prompt_injection"]
    action: Literal["block"]


class SizeOptions(Frozen):
    """The largest text."""

    max_characters: Annotated[int, Field(ge=1)]
    """Code points of one message."""


class SizeCheck(CheckBase):
    """Texts that are too long."""

    detector: Literal["size"]
    options: SizeOptions
    action: Literal["block"]


class SystemPromptOptions(Frozen):
    """How much of the system prompt is a leak."""

    words: Annotated[int, Field(ge=4, le=30)] = 8
    """So many consecutive words of the system prompt. A shorter prompt holds no secret and is not looked for."""


class SystemPromptCheck(CheckBase):
    """Answers that repeat the pipeline's system prompt."""

    detector: Literal["system_prompt_leak"]
    options: SystemPromptOptions = SystemPromptOptions()


class JsonCheck(CheckBase):
    """Answers that are not the JSON that the pipeline's schema asks for. Rests in a pipeline that answers with text."""

    detector: Literal["json_structure"]
    action: Literal["block"]


InputCheck = Annotated[PiiCheck | SecretsCheck | InjectionCheck | SizeCheck, Field(discriminator="detector")]
OutputCheck = Annotated[
    PiiCheck | SecretsCheck | SystemPromptCheck | JsonCheck | SizeCheck, Field(discriminator="detector")
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
    if policy.stream == "holdback" and any(check.detector == "json_structure" for check in policy.output):
        cure = "say `stream: buffer` or `stream: buffer_when_needed`"
        yield BadValue("json_structure needs the whole message", cure=cure, key=("stream",))
    known = {check_id for _, ids in named for check_id in ids}
    for index, example in enumerate(policy.examples):
        if example.rule and example.rule not in known:
            what = f"the example names a check that is not there: {example.rule[:60]}"
            cure = f"one of: {', '.join(sorted(known))}"
            yield BadValue(what, cure=cure, key=("examples", index, "rule"))


def parse_guardrails(text: str, *, source: str) -> GuardrailPolicy:
    """Reads a policy's YAML. Raises ConfigError with every problem of the file, headed by `source`."""
    return parse_yaml(text, GuardrailPolicy, source=source)
