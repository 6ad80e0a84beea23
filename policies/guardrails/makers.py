"""Which detectors each type of check runs: the one table from a policy's checks to guardrails-ai validators.

A new detector has one line here and one among the types in policies/policy.py. Detectors are imported when a policy
names them, so that nothing else is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from infra.contracts.model_version import PromptSpec
from infra.errors import PartFailed
from infra.guard_models import Models
from infra.ner import NameFinders, NameLists
from policies.checks import (
    CheckBase,
    InjectionCheck,
    JsonCheck,
    PiiCheck,
    SecretsCheck,
    SizeCheck,
    SystemPromptCheck,
)
from policies.content_checks import CONTENT_OUTPUT_CHECKS
from policies.guardrails.detectors.detector import Detector
from policies.guardrails.entity_rules import VERDICTS, EntityRules
from policies.verdict import Verdict

_NO_NAMES = NameFinders(None, None, NameLists(*[frozenset[str]()] * 5))
"""For checks that look for no names."""


@dataclass(frozen=True)
class Making:
    """What a check's detectors may be made of, beside what the policy says."""

    prompt: PromptSpec | None
    """The pipeline's; None: checks that need one rest."""
    models: Models


Maker = Callable[[Any, Making], tuple[Detector, ...]]
"""Makes the detectors of one check; none: the check rests. Takes the check's own type."""


def detectors_of(check: CheckBase, making: Making) -> tuple[Detector, ...]:
    """The detectors of a check, ready to use. Raises ConfigError, PartFailed."""
    return MAKERS[type(check)](check, making)


def _pii(check: PiiCheck, making: Making) -> tuple[Detector, ...]:
    from policies.guardrails.detectors.registry import ALL_ENTITIES, personal_data

    rules = check.options.rules
    entities = ALL_ENTITIES if rules is None else frozenset(rule.entity for rule in rules)
    names = making.models.names
    if names is None and check.models:
        raise _not_handed_in(check)
    lowest = EntityRules.of(check).lowest(check.threshold)
    return personal_data(entities, names or _NO_NAMES, threshold=lowest, redacts=_redacts(check))


def _secrets(check: SecretsCheck, _: Making) -> tuple[Detector, ...]:
    from policies.guardrails.detectors.secrets import Secrets

    return (Secrets(threshold=check.threshold, redacts=_redacts(check)),)


def _injection(check: InjectionCheck, making: Making) -> tuple[Detector, ...]:
    from policies.guardrails.detectors.prompt_injection import PromptInjection

    judge = making.models.injection if check.options.model else None
    if judge is None and check.models:
        raise _not_handed_in(check)
    return (PromptInjection(judge, threshold=check.threshold, redacts=False),)


def _size(check: SizeCheck, _: Making) -> tuple[Detector, ...]:
    from policies.guardrails.detectors.size import Size

    return (Size(check.options.max_characters),)


def _system_prompt(check: SystemPromptCheck, making: Making) -> tuple[Detector, ...]:
    from policies.guardrails.detectors.system_prompt import SystemPromptLeak

    if making.prompt is None:
        return ()
    return (SystemPromptLeak(making.prompt.system, check.options.words, redacts=_redacts(check)),)


def _json(_: JsonCheck, making: Making) -> tuple[Detector, ...]:
    from policies.guardrails.detectors.json_structure import JsonStructure

    if making.prompt is None or making.prompt.answer_format != "json":
        return ()
    return (JsonStructure(making.prompt.json_schema, source="prompt"),)


def _content(check: CheckBase, making: Making) -> tuple[Detector, ...]:
    from policies.guardrails.content import content_detectors

    return content_detectors(check, embedder=making.models.embeddings)


def _not_handed_in(check: CheckBase) -> PartFailed:
    what = f"check {check.id} needs the model for {', '.join(sorted(check.models))}"
    return PartFailed(what, cure="hand in load_models(policy.models)")


def _redacts(check: CheckBase) -> bool:
    return VERDICTS[check.action] is Verdict.REDACT


MAKERS: Mapping[type[CheckBase], Maker] = {
    PiiCheck: _pii,
    SecretsCheck: _secrets,
    InjectionCheck: _injection,
    SizeCheck: _size,
    SystemPromptCheck: _system_prompt,
    JsonCheck: _json,
    **dict.fromkeys(get_args(CONTENT_OUTPUT_CHECKS), _content),
}
