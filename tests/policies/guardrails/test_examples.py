"""A policy's examples: run without budgets, judged part by part, and told without a word of their texts."""

from __future__ import annotations

import pytest

from infra.errors import CheckFailed
from infra.guard_models import Models
from policies.guardrails.compiled import Guards, compile_guards
from policies.guardrails.examples import require_examples, run_examples
from policies.policy import GuardrailPolicy, parse_guardrails

POLICY = """
name: desk
stream: holdback
input:
  - {id: size, detector: size, options: {max_characters: 60}, action: block, message: Too long.}
  - id: mail
    detector: pii
    options: {entities: [EMAIL_ADDRESS]}
    action: redact
    budget_ms: 0.0000001
output:
  - {id: keys, detector: secrets, action: block, message: Held back.}
examples:
  - {name: mail, direction: input, text: I am ana@example.org, verdict: redact, becomes: I am <EMAIL_ADDRESS>}
  - {name: key, direction: output, text: AKIAQ3EGRZ7PLMN2VW4X, verdict: block, rule: keys}
"""
WRONG = (
    "  - {name: other rule, direction: output, text: AKIAQ3EGRZ7PLMN2VW4X, verdict: block, rule: size}\n"
    "  - {name: other text, direction: input, text: I am eva@example.org, verdict: redact, becomes: I am Eva}\n"
    "  - {name: other end, direction: input, text: the parcel, verdict: block, rule: size}\n"
)


def load(policy: GuardrailPolicy) -> Guards:
    return compile_guards(policy, prompt=None, models=Models())


def test_a_budget_that_no_machine_keeps_decides_no_example() -> None:
    policy = parse_guardrails(POLICY, source="p")
    guards = load(policy)
    guards.check_input("warm ana@example.org")
    assert guards.check_input("I am ana@example.org").rule == "mail.late", "the budget does hold elsewhere"
    seen: list[int] = []
    assert not [run.differences for run in run_examples(policy, load, seen.append) if run.differences]
    assert seen == [1, 1]
    require_examples(policy, load)


def test_what_differs_is_told_by_name_and_without_texts() -> None:
    policy = parse_guardrails(POLICY + WRONG, source="p")
    runs = run_examples(policy, load)
    assert [[part for part, _, _ in run.differences] for run in runs] == [
        [],
        [],
        ["rule"],
        ["becomes"],
        ["verdict", "rule"],
    ]
    with pytest.raises(CheckFailed) as caught:
        require_examples(policy, load)
    told = str(caught.value)
    for expected in (
        "'desk' fails 3 of its own examples",
        "other rule: expected block size, got block keys",
        "other text: expected redact, got another text",
        "other end: expected block size, got allow",
    ):
        assert expected in told
    for text in ("Eva", "eva@", "AKIA", "parcel", "EMAIL_ADDRESS"):
        assert text not in told + repr(runs), text
