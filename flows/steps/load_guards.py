"""Loads the guards of a policy with the models and keys that they need: once per process, since it takes seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.contracts.model_version import PromptSpec
    from infra.home import Home
    from policies.guardrails.compiled import Guards
    from policies.policy import GuardrailPolicy


def read_policy(name_or_path: str) -> GuardrailPolicy:
    """A shipped policy by name, or anybody's by path, with all that it inherits. Raises BadInput, ConfigError."""
    from infra.rules import read_rule
    from policies.policy import parse_guardrails

    rule = read_rule("guardrails", name_or_path)
    return parse_guardrails(rule.text, source=rule.source)


def load_guards(policy: GuardrailPolicy, prompt: PromptSpec | None = None, *, home: Home | None = None) -> Guards:
    """Compiles a policy. Keys, where it needs them, are those of `home`, else of the home that the settings name.

    Raises ConfigError, MissingPart, StoreError.
    """
    from infra.guard_keys import GuardKeys
    from infra.guard_models import load_models
    from infra.settings import read_settings
    from policies.guardrails.compiled import compile_guards

    keys = GuardKeys.at_home(home or read_settings().home) if policy.needs_keys else None
    return compile_guards(policy, prompt=prompt, models=load_models(policy.models), keys=keys)
