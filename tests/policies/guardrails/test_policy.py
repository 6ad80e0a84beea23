"""Policies: what a good one holds, and every problem of a bad one at once."""

from __future__ import annotations

from pathlib import Path

import pytest

import policies
from infra.errors import ConfigError
from policies.guardrails.compiled import Guards
from policies.policy import Example, GuardrailPolicy, parse_guardrails

SHIPPED = sorted((Path(policies.__file__).parent / "rules" / "guardrails").glob("*.yaml"))
EXAMPLES = [
    pytest.param(example, id=f"{path.stem}: {example.name}")
    for path in SHIPPED
    for example in parse_guardrails(path.read_text(encoding="utf-8"), source=path.name).examples
]
HEAD = "name: p\nstream: holdback\ninput: []\n"


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_shipped_example_does_what_it_says(guards: Guards, example: Example) -> None:
    check = guards.check_input if example.direction == "input" else guards.check_output
    guarded = check(example.text, example.language)
    assert (guarded.verdict, guarded.rule) == (example.verdict, example.rule)
    assert example.becomes is None or guarded.text == example.becomes


def test_a_policy_is_named_by_its_content(default_policy: GuardrailPolicy) -> None:
    assert GuardrailPolicy.from_json(default_policy.to_json()) == default_policy
    assert default_policy.model_copy(update={"stream": "buffer"}).digest != default_policy.digest


def test_all_problems_come_at_once_with_their_lines() -> None:
    text = (
        "name: Bad Name\nstream: sometimes\ninput:\n"
        "  - {id: a, detector: pii, action: redact, threshold: 2}\n"
        "  - {id: b, detector: prompt_injection, action: redact}\n"
        "  - {id: c, detector: json_structure, action: block}\n"
        "output: []\nlimit: 3\n"
    )
    with pytest.raises(ConfigError) as failure:
        parse_guardrails(text, source="bad.yaml")
    assert {problem.line for problem in failure.value.problems} == {1, 2, 4, 5, 6, 8}
    assert str(failure.value).startswith("bad.yaml")


@pytest.mark.parametrize(
    ("rest", "word"),
    [
        ("output: [{id: j, detector: json_structure, action: block}]\n", "buffer"),
        ("output: [{id: a, detector: pii, action: redact}, {id: a, detector: secrets, action: redact}]\n", "same id"),
        ("output: []\nexamples: [{name: x, direction: input, text: t, verdict: block, rule: gone}]\n", "gone"),
        ("output: [{id: a, detector: pii, action: redact, options: {entities: [PERSN]}}]\n", "PERSON"),
    ],
)
def test_what_does_not_go_together_is_refused(rest: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        parse_guardrails(HEAD + rest, source="bad.yaml")
