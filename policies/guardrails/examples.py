"""A policy against its own examples: what must become of each text, and what did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infra.errors import CheckFailed
from policies.policy import Example, GuardrailPolicy

if TYPE_CHECKING:
    from policies.guardrails.compiled import Guards

Compile = Callable[[GuardrailPolicy], "Guards"]
"""Compiles a policy, with its models and keys."""


@dataclass(frozen=True)
class ExampleRun:
    """One example, and what the policy made of it."""

    example: Example = field(repr=False)
    verdict: str
    rule: str
    becomes: str = field(repr=False)

    @property
    def differences(self) -> tuple[tuple[str, str, str], ...]:
        """What is not as the example says: which part, expected, got."""
        wanted = self.example
        parts = [("verdict", wanted.verdict, self.verdict), ("rule", wanted.rule, self.rule)]
        if wanted.becomes is not None:
            parts.append(("becomes", wanted.becomes, self.becomes))
        return tuple(part for part in parts if part[1] != part[2])

    @property
    def told(self) -> str:
        """Expected and got, for errors and logs: nothing of the texts."""
        expected = f"{self.example.verdict} {self.example.rule}".strip()
        got = f"{self.verdict} {self.rule}".strip()
        return f"{self.example.name}: expected {expected}, got {got if got != expected else 'another text'}"


def run_examples(
    policy: GuardrailPolicy, load: Compile, advance: Callable[[int], None] = lambda _: None
) -> tuple[ExampleRun, ...]:
    """Every example of a policy, in order. `advance` is told of each.

    What `load` is handed has no latency budgets: no busy machine decides whether an example passes.
    """
    guards = load(policy.unhurried())
    runs: list[ExampleRun] = []
    for example in policy.examples:
        check = guards.check_input if example.direction == "input" else guards.check_output
        guarded = check(example.text, example.language)
        runs.append(ExampleRun(example, guarded.verdict.value, guarded.rule, guarded.text))
        advance(1)
    return tuple(runs)


def require_examples(policy: GuardrailPolicy, load: Compile) -> None:
    """Raises CheckFailed with the name of every example that fails.

    Examples know no pipeline: let `load` compile without a prompt.
    """
    failed = [run for run in run_examples(policy, load) if run.differences]
    if failed:
        told = "; ".join(run.told for run in failed)
        what = f"the policy {policy.name!r} fails {len(failed)} of its own examples: {told}"
        raise CheckFailed(what, cure="mend the policy or the example")
