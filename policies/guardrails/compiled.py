"""A policy compiled to guardrails-ai validators: the object that guards one pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from infra.contracts.model_version import PromptSpec
from infra.errors import PartFailed
from infra.ner import NameFinders
from infra.quiet import hush
from policies.checks import (
    CheckBase,
    Direction,
    InjectionCheck,
    JsonCheck,
    Language,
    PiiCheck,
    SecretsCheck,
    SizeCheck,
    SystemPromptCheck,
)
from policies.guardrails.check import FAILED, CompiledCheck, Guarded
from policies.guardrails.input import check_text
from policies.guardrails.output import check_whole
from policies.guardrails.passage import Passage
from policies.guardrails.pseudonyms import StandIns
from policies.guardrails.redact import Span, redact, settle
from policies.guardrails.stream import OutputStream
from policies.installed_checks import InstalledCheck
from policies.policy import GuardrailPolicy


@dataclass(frozen=True)
class EntityCount:
    """How often one kind was found."""

    entity: str
    count: int


@dataclass(frozen=True)
class Redacted:
    """One training row after redaction."""

    text: str
    spans: tuple[Span, ...]
    """Offsets into the text as it was."""

    @property
    def counts(self) -> tuple[EntityCount, ...]:
        """How many of each kind, by name."""
        return tuple(EntityCount(*item) for item in sorted(Counter(span.entity for span in self.spans).items()))


class Guards:
    """A policy at work. Holds no state: safe for any number of threads (the name model lets one in at a time)."""

    def __init__(
        self,
        policy: GuardrailPolicy,
        incoming: tuple[CompiledCheck, ...],
        outgoing: tuple[CompiledCheck, ...],
        json_schema: str,
    ) -> None:
        self.policy = policy
        self.json_schema = json_schema
        """What an engine that can follow a schema is given; '' where answers are text."""
        self.buffers = policy.stream == "buffer" or any(check.whole for check in outgoing)
        """Whether a streamed answer leaves all at its end."""
        self._incoming = incoming
        self._outgoing = outgoing
        self._redacting = tuple(check for check in incoming if isinstance(check.rule, PiiCheck | SecretsCheck))

    def check_input(self, text: str, language: Language | None = None, stand_ins: StandIns | None = None) -> Guarded:
        """Checks one message of a caller. Blocked: its text is ''. `stand_ins` are those of the conversation."""
        return check_text([check.standing_in(stand_ins) for check in self._incoming], Passage(text, language))

    def check_output(self, text: str, language: Language | None = None, stand_ins: StandIns | None = None) -> Guarded:
        """Checks one whole answer: exactly what `stream` does with it, however it is cut."""
        return check_whole(self.stream(language, stand_ins), text)

    def stream(self, language: Language | None = None, stand_ins: StandIns | None = None) -> OutputStream:
        """A fresh stream for one answer. Without a language, that of its first segment is settled on."""
        checks = [check.standing_in(stand_ins) for check in self._outgoing]
        return OutputStream(checks, language, buffered=self.buffers)

    def redact_row(self, text: str, language: Language) -> Redacted:
        """Redacts a training row with the detectors of personal data and secrets that guard the input.

        Raises PartFailed when one of them fails.
        """
        return self._redact(Passage(text, language))

    def redact_rows(self, texts: Sequence[str], languages: Sequence[Language]) -> tuple[Redacted, ...]:
        """Redacts many rows, in their order, with the same result as one by one; the name model runs in batches."""
        from policies.guardrails.detectors.person import Person

        passages = [Passage(text, language) for text, language in zip(texts, languages, strict=True)]
        for check in self._redacting:
            for detector in check.detectors:
                if isinstance(detector, Person):
                    detector.look_ahead(passages)
        return tuple(self._redact(passage) for passage in passages)

    def _redact(self, passage: Passage) -> Redacted:
        results = [check.run(passage) for check in self._redacting]
        failed = [result.rule for result in results if result.rule.endswith(FAILED)]
        if failed:
            cure = "sluice guard scan on the file tells the row; mend or remove it"
            raise PartFailed(f"the check {failed[0].removesuffix(FAILED)!r} failed on a row", cure=cure)
        spans = settle(span for result in results for span in result.spans)
        return Redacted(redact(passage.original, spans), spans)


def compile_guards(policy: GuardrailPolicy, *, prompt: PromptSpec | None, names: NameFinders) -> Guards:
    """Makes a policy's validators once, for any number of texts. Imports guardrails-ai, which takes seconds.

    `prompt` is the pipeline's: what must not leak and what JSON to expect; None: checks that need one rest.
    Raises ConfigError when the prompt's JSON schema is none.
    """
    hush()
    incoming = tuple(_compile(check, "input", prompt, names) for check in policy.input)
    outgoing = (_compile(check, "output", prompt, names) for check in policy.output)
    schema = prompt.json_schema if prompt is not None and prompt.answer_format == "json" else ""
    return Guards(policy, incoming, tuple(check for check in outgoing if check.detectors), schema)


def _compile(check: CheckBase, direction: Direction, prompt: PromptSpec | None, names: NameFinders) -> CompiledCheck:
    from policies.guardrails.detectors.json_structure import JsonStructure
    from policies.guardrails.detectors.prompt_injection import PromptInjection
    from policies.guardrails.detectors.registry import ALL_ENTITIES, personal_data
    from policies.guardrails.detectors.secrets import Secrets
    from policies.guardrails.detectors.size import Size
    from policies.guardrails.detectors.system_prompt import SystemPromptLeak

    redacts = check.action == "redact"
    match check:
        case PiiCheck():
            entities = ALL_ENTITIES if check.options.entities is None else frozenset(check.options.entities)
            detectors = personal_data(entities, names, threshold=check.threshold, redacts=redacts)
            return CompiledCheck(check, direction, detectors)
        case SecretsCheck():
            return CompiledCheck(check, direction, (Secrets(threshold=check.threshold, redacts=redacts),))
        case InjectionCheck():
            return CompiledCheck(check, direction, (PromptInjection(threshold=check.threshold, redacts=False),))
        case SizeCheck():
            return CompiledCheck(check, direction, (Size(check.options.max_characters),), ends_all=True)
        case InstalledCheck():
            from policies.guardrails.installed import installed_validator

            return CompiledCheck(check, direction, (installed_validator(check),))
        case SystemPromptCheck() if prompt is not None:
            leak = SystemPromptLeak(prompt.system, check.options.words, redacts=redacts)
            return CompiledCheck(check, direction, (leak,))
        case JsonCheck() if prompt is not None and prompt.answer_format == "json":
            return CompiledCheck(check, direction, (JsonStructure(prompt.json_schema, source="prompt"),))
    return CompiledCheck(check, direction, ())
