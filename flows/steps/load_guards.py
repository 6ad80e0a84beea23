"""Loads the guards of a policy with the models that they need: once per process, since it takes seconds."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.contracts.model_version import PromptSpec
    from infra.ner import NameFinders
    from policies.guardrails.compiled import Guards
    from policies.policy import GuardrailPolicy


def read_policy(name_or_path: str) -> GuardrailPolicy:
    """A shipped policy by name, or anybody's by path. Raises BadInput, ConfigError."""
    from infra.rules import read_rule
    from policies.policy import parse_guardrails

    rule = read_rule("guardrails", name_or_path)
    return parse_guardrails(rule.text, source=rule.source)


def load_guards(policy: GuardrailPolicy, prompt: PromptSpec | None = None) -> Guards:
    """Compiles a policy. Raises ConfigError, MissingPart."""
    from policies.guardrails.compiled import compile_guards

    return compile_guards(policy, prompt=prompt, names=_names())


@cache
def _names() -> NameFinders:
    from infra.ner import load_name_finders

    return load_name_finders()
