"""Runs a policy's examples: what must become of each text, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from policies.policy import Example

if TYPE_CHECKING:
    from policies.guardrails.compiled import Guards


@dataclass(frozen=True)
class ExampleRun:
    """One example, and what the policy made of it."""

    example: Example
    verdict: str
    rule: str
    becomes: str

    @property
    def differences(self) -> tuple[tuple[str, str, str], ...]:
        """What is not as the example says: which part, expected, got."""
        wanted = self.example
        parts = [("verdict", wanted.verdict, self.verdict), ("rule", wanted.rule, self.rule)]
        if wanted.becomes is not None:
            parts.append(("becomes", wanted.becomes, self.becomes))
        return tuple(part for part in parts if part[1] != part[2])


def run_examples(guards: Guards, advance: Callable[[int], None]) -> tuple[ExampleRun, ...]:
    """Every example of the guards' policy, in order. `advance` is told of each."""
    runs: list[ExampleRun] = []
    for example in guards.policy.examples:
        check = guards.check_input if example.direction == "input" else guards.check_output
        guarded = check(example.text, example.language)
        runs.append(ExampleRun(example, guarded.verdict.value, guarded.rule, guarded.text))
        advance(1)
    return tuple(runs)
