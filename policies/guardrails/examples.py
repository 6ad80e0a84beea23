"""A policy against its own examples: what must become of each, and whether it does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.errors import CheckFailed

if TYPE_CHECKING:
    from policies.guardrails.compiled import Guards


@dataclass(frozen=True)
class FailedExample:
    """An example of which something else came. No text of it."""

    name: str
    expected: str
    got: str


def require_examples(guards: Guards) -> None:
    """Raises CheckFailed with the name of every example that fails.

    Examples know no pipeline: hand in guards that were compiled without a prompt.
    """
    failed = failed_examples(guards)
    if failed:
        told = "; ".join(f"{one.name}: expected {one.expected}, got {one.got}" for one in failed)
        what = f"the policy {guards.policy.name!r} fails {len(failed)} of its own examples: {told}"
        raise CheckFailed(what, cure="mend the policy or the example")


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
