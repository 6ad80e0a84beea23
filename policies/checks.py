"""The checks that a policy may hold, one type for each detector: what a YAML file says of it, and nothing else.

What they compile to stands in guardrails/compiled.py; which keys contradict each other in contradictions.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag

from infra.contracts.base import Frozen, Name
from infra.guard_models import ModelName
from policies.injection_checks import InjectionOptions

Language = Literal["en", "es"]
Direction = Literal["input", "output"]
Threshold = Annotated[float, Field(ge=0, le=1)]
Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]

Action = Literal["block", "redact", "mask", "hash", "encrypt", "pseudonymise", "flag", "retry"]
"""What becomes of a text in which something was found."""
Judging = Literal["block", "flag", "retry"]
"""The actions of a check that judges a text as a whole, so that no part of it can be replaced."""
EntityAction = Literal["block", "redact", "mask", "hash", "encrypt", "pseudonymise", "flag"]
"""The actions that one kind of personal data may have of its own."""
KEYED: frozenset[Action] = frozenset({"hash", "encrypt"})
"""The actions that need a key."""

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


class Retry(Frozen):
    """How an answer that failed is asked for again."""

    tries: Annotated[int, Field(ge=1, le=5)] = 1
    """So many more answers at most; when the last one fails too, the check blocks."""
    correction: Sentence
    """Said to the model after its answer that failed, e.g. `Answer again, with the JSON object alone.`"""


class CheckBase(Frozen):
    """What every check has."""

    whole: ClassVar[bool] = False
    """Whether it can only be asked of a whole message, so that a stream must wait for its end."""
    ends_all: ClassVar[bool] = False
    """Whether a block by it spares the checks behind it their work."""

    id: Name
    """Named in refusals, records and the ledger."""
    languages: Annotated[tuple[Language, ...], Field(min_length=1)] | None = None
    """The check runs only for texts in these; without it, for all."""
    threshold: Threshold = 0.5
    """A score below it is no finding."""
    action: Action
    """block: the message goes no further. redact: what was found is replaced by its kind, `<IBAN_CODE>`. mask: by
    stars, and by its last characters where that is customary. hash: by its kind and a keyed digest. encrypt: by its
    kind and a text that who holds the key can read. pseudonymise: by a stand-in, the same through a conversation. flag:
    it is recorded, and the text goes on. retry: the model is asked again (output only)."""
    retry: Retry | None = None
    """Must be given with `action: retry`: how often, and what the model is told."""
    message: str = ""
    """What a caller is told when this check blocks. Never holds any of the text."""
    on_error: Literal["closed", "open"] = "closed"
    """closed: a check that fails blocks. open: it is recorded, and the text goes on; `open_because` must say why."""
    open_because: Sentence | None = None
    """With `on_error: open`: why a text may go on unchecked."""
    budget_ms: Annotated[float, Field(gt=0)] | None = None
    """More milliseconds than this for one text (of a stream: one step) are a failure of the check."""

    @property
    def models(self) -> frozenset[ModelName]:
        """The models that it needs."""
        return frozenset()

    @property
    def actions(self) -> frozenset[Action]:
        """Every action that it may take."""
        return frozenset({self.action})


class EntityRule(Frozen):
    """One kind of personal data with what is its own; what is left out is that of the check."""

    entity: Entity
    """Which kind."""
    action: EntityAction | None = None
    """What becomes of a text that holds it."""
    threshold: Threshold | None = None
    """A score below it is no finding."""


def _written_as(given: object) -> str:
    return "rule" if isinstance(given, Mapping | EntityRule) else "name"


class PiiOptions(Frozen):
    """Which personal data."""

    entities: (
        Annotated[
            tuple[
                Annotated[
                    Annotated[Entity, Tag("name")] | Annotated[EntityRule, Tag("rule")], Discriminator(_written_as)
                ],
                ...,
            ],
            Field(min_length=1),
        ]
        | None
    ) = None
    """Without it, all of them. An entry is a name, or `{entity: PERSON, action: pseudonymise, threshold: 0.7}`."""

    @property
    def rules(self) -> tuple[EntityRule, ...] | None:
        """The entries in one form; None: all kinds, as the check says."""
        if self.entities is None:
            return None
        return tuple(one if isinstance(one, EntityRule) else EntityRule(entity=one) for one in self.entities)


class PiiCheck(CheckBase):
    """Personal data."""

    detector: Literal["pii"]
    options: PiiOptions = PiiOptions()

    @property
    def models(self) -> frozenset[ModelName]:
        """Names are found by models, all others by rules."""
        rules = self.options.rules
        persons = rules is None or any(rule.entity == "PERSON" for rule in rules)
        return frozenset({"names"}) if persons else frozenset()

    @property
    def actions(self) -> frozenset[Action]:
        """Its own, and those of single entities."""
        return frozenset({self.action, *(rule.action for rule in self.options.rules or () if rule.action)})


class SecretsCheck(CheckBase):
    """Keys, tokens, private keys and passwords."""

    detector: Literal["secrets"]


class InjectionCheck(CheckBase):
    """Texts that try to override, read or abuse the instructions of the application."""

    detector: Literal["prompt_injection"]
    options: InjectionOptions = InjectionOptions()
    action: Judging

    @property
    def models(self) -> frozenset[ModelName]:
        """The models that it needs."""
        return frozenset[ModelName]({"injection"}) if self.options.model else frozenset()


class SizeOptions(Frozen):
    """The largest text."""

    max_characters: Annotated[int, Field(ge=1)]
    """Code points of one message."""


class SizeCheck(CheckBase):
    """Texts that are too long."""

    ends_all: ClassVar[bool] = True

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
    action: Literal["block", "redact", "flag", "retry"]


class JsonCheck(CheckBase):
    """Answers that are not the JSON that the pipeline's schema asks for. Rests in a pipeline that answers with text."""

    whole: ClassVar[bool] = True

    detector: Literal["json_structure"]
    action: Judging
