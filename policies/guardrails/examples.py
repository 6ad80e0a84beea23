"""A policy against its own examples: what must become of each, and whether it does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.errors import CheckFailed

if TYPE_CHECKING:
    from infra.contracts.model_version import PromptSpec
    from infra.ner import NameFinders
    from policies.guardrails.compiled import Guards
    from policies.policy import GuardrailPolicy


@dataclass(frozen=True)
class FailedExample:
    """An example of which something else came. No text of it."""

    name: str
    expected: str
    got: str


def proven_guards(policy: GuardrailPolicy, *, prompt: PromptSpec | None, names: NameFinders) -> Guards:
    """Compiles a policy and runs its examples: guards that do what their policy says.

    Examples know no pipeline, so they run without the checks that need a prompt. Raises CheckFailed with the name of
    every example that fails, ConfigError when the policy does not compile.
    """
    from policies.guardrails.compiled import compile_guards

    failed = failed_examples(compile_guards(policy, prompt=None, names=names))
    if failed:
        told = "; ".join(f"{one.name}: expected {one.expected}, got {one.got}" for one in failed)
        raise CheckFailed(
            f"the policy {policy.name!r} fails {len(failed)} of its own examples: {told}",
            cure="mend the policy or the example",
        )
    return compile_guards(policy, prompt=prompt, names=names)


def failed_examples(guards: Guards) -> tuple[FailedExample, ...]:
    """The examples of a policy of which something else comes than they say."""
    return tuple(_failures(guards))


def _failures(guards: Guards) -> Iterator[FailedExample]:
    for example in guards.policy.examples:
        check = guards.check_input if example.direction == "input" else guards.check_output
        found = check(example.text, example.language)
        expected = f"{example.verdict} {example.rule}".strip()
        got = f"{found.verdict.value} {found.rule if example.rule or found.verdict.value != example.verdict else ''}"
        if got.strip() != expected:
            yield FailedExample(example.name, expected, got.strip())
        elif example.becomes is not None and found.text != example.becomes:
            yield FailedExample(example.name, f"{expected} with the text that it names", "another text")
