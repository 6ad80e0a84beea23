"""A policy compiled to guardrails-ai validators: the object that guards one pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from infra.contracts.model_version import PromptSpec
from infra.errors import ConfigError, PartFailed, Problem
from infra.guard_keys import GuardKeys
from infra.guard_models import Models
from infra.quiet import hush
from policies.checks import JsonCheck, Language, PiiCheck, Retry, SecretsCheck
from policies.guardrails.check import FAILED, CompiledCheck, Guarded
from policies.guardrails.entity_rules import EntityRules
from policies.guardrails.input import check_text
from policies.guardrails.makers import Making, detectors_of
from policies.guardrails.operators import Operators, StandIns
from policies.guardrails.output import check_whole
from policies.guardrails.passage import Passage
from policies.guardrails.redact import Span, redact, settle
from policies.guardrails.stream import OutputStream
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
        asks_again = any(check.rule.action == "retry" for check in outgoing)
        self.buffers = policy.stream == "buffer" or asks_again or any(check.whole for check in outgoing)
        """Whether a streamed answer leaves all at its end."""
        self._incoming = incoming
        self._outgoing = outgoing
        self._speaking = tuple(check for check in outgoing if not isinstance(check.rule, JsonCheck))
        self._redacting = tuple(check for check in incoming if isinstance(check.rule, PiiCheck | SecretsCheck))

    def check_input(
        self,
        text: str,
        language: Language | None = None,
        stand_ins: StandIns | None = None,
        *,
        owner: str | None = None,
    ) -> Guarded:
        """Checks one message of a caller. Blocked: its text is ''. `stand_ins` are those of the conversation.

        `owner`: for whom models keep what they said of the text, since the next request brings it again.
        """
        checks = [check.standing_in(stand_ins) for check in self._incoming]
        return check_text(checks, Passage(text, language, owner=owner))

    def check_output(self, text: str, language: Language | None = None, stand_ins: StandIns | None = None) -> Guarded:
        """Checks one whole answer: exactly what `stream` does with it, however it is cut."""
        return check_whole(self.stream(language, stand_ins), text)

    def stream(
        self, language: Language | None = None, stand_ins: StandIns | None = None, *, keeps: bool = True
    ) -> OutputStream:
        """A fresh stream for one answer. Without a language, that of its first segment is settled on."""
        checks = [check.standing_in(stand_ins) for check in self._outgoing]
        return OutputStream(checks, language, buffered=self.buffers, keeps=keeps, bounds=self.policy.hold_back)

    def stream_arguments(self, language: Language | None = None, stand_ins: StandIns | None = None) -> OutputStream:
        """A fresh stream for the arguments of one call: JSON, but not the JSON that the answer must be."""
        checks = [check.standing_in(stand_ins) for check in self._speaking]
        buffered = self.policy.stream == "buffer"
        return OutputStream(checks, language, buffered=buffered, keeps=False, bounds=self.policy.hold_back)

    def retry_after(self, rule: str) -> Retry | None:
        """How an answer is asked for again that the rule blocked; None: it stays blocked.

        A check that failed itself says nothing of the answer, so that another one would fare no better.
        """
        asking = (check.rule for check in self._outgoing if check.rule.action == "retry")
        return next((check.retry for check in asking if check.id == rule), None)

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
        """Whatever the action says of messages: what a model learns from holds placeholders only."""
        results = [check.run(passage) for check in self._redacting]
        failed = [result.rule for result in results if result.rule.endswith(FAILED)]
        if failed:
            cure = "sluice guard scan on the file tells the row; mend or remove it"
            raise PartFailed(f"the check {failed[0].removesuffix(FAILED)!r} failed on a row", cure=cure)
        spans = settle(replace(span, becomes="") for result in results for span in result.spans)
        return Redacted(redact(passage.original, spans), spans)


def compile_guards(
    policy: GuardrailPolicy, *, prompt: PromptSpec | None, models: Models, keys: GuardKeys | None = None
) -> Guards:
    """Makes a policy's validators once, for any number of texts. Imports guardrails-ai, which takes seconds.

    `prompt` is the pipeline's: what must not leak and what JSON to expect; None: checks that need one rest. `models`
    holds at least those of `policy.models`, and `keys` are given where `policy.needs_keys`: else PartFailed is raised.
    Raises ConfigError when the prompt's JSON schema is none.
    """
    hush()
    if policy.needs_keys and keys is None:
        raise PartFailed(f"policy {policy.name} hashes or encrypts, and no key was handed in", cure="hand GuardKeys in")
    making, operators = Making(prompt, models), Operators(keys)
    incoming = tuple(
        CompiledCheck(check, "input", detectors_of(check, making), EntityRules.of(check), operators)
        for check in policy.input
    )
    outgoing = (
        CompiledCheck(check, "output", detectors_of(check, making), EntityRules.of(check), operators)
        for check in policy.output
    )
    schema = prompt.json_schema if prompt is not None and prompt.answer_format == "json" else ""
    active = tuple(check for check in outgoing if check.detectors)
    _check_streamable(policy, active)
    return Guards(policy, incoming, active, schema)


def _check_streamable(policy: GuardrailPolicy, outgoing: Sequence[CompiledCheck]) -> None:
    """Raises ConfigError for checks that cannot be asked of a stream, or not within the policy's hold-back."""
    if policy.stream == "buffer":
        return
    whole = next((check.rule.id for check in outgoing if check.whole), None)
    if policy.stream == "holdback" and whole is not None:
        cure = "say `stream: buffer` or `stream: buffer_when_needed`"
        raise ConfigError(policy.name, (Problem(0, "stream", f"the check {whole!r} needs the whole message", cure),))
    most, needed = policy.hold_back.most_characters, OutputStream(outgoing, None, buffered=False).most_held
    if whole is None and needed > most:
        what = f"the checks must hold back {needed} characters, of {most} allowed"
        cure = f"allow {needed} or more, or say `stream: buffer`"
        raise ConfigError(policy.name, (Problem(0, "hold_back.most_characters", what, cure),))
