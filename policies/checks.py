"""The checks that a policy may hold, one type for each detector: what a YAML file says of it, and nothing else.

What they compile to stands in guardrails/compiled.py.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from infra.contracts.base import Frozen, Name

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

    whole: ClassVar[bool] = False
    """Whether it can only be asked of a whole message, so that a stream must wait for its end."""

    id: Name
    """Named in refusals, records and the ledger."""
    threshold: Threshold = 0.5
    """A score below it is no finding."""
    action: Literal["block", "redact", "pseudonymise"]
    """block: the message goes no further. redact: what was found is replaced by its kind. pseudonymise: by a stand-in,
    the same through a conversation."""
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
