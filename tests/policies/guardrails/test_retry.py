"""Answers that are asked for again: bounded, corrected, every try recorded, and nothing of a failed one leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from infra.contracts.evaluation import EngineRecord
from infra.contracts.model_version import PromptSpec
from infra.engines.engine import Capabilities, Chunk, Generation, Message, Sampling
from infra.guard_models import Models
from policies.guardrails.compiled import Guards, compile_guards
from policies.guardrails.detectors.json_structure import JsonStructure
from policies.guardrails.guarded import Delta, Ended, InputChecked, Step, answer
from policies.policy import parse_guardrails

PROMPT = PromptSpec(
    system="",
    answer_format="json",
    max_new_tokens=64,
    json_schema='{"type":"object","properties":{"intent":{"type":"string"}},"required":["intent"]}',
)
POLICY = """\
name: p
stream: buffer_when_needed
input: [{id: pii, detector: pii, options: {entities: [EMAIL_ADDRESS]}, action: redact}]
output:
  - id: shape
    detector: json_structure
    action: retry
    retry: {tries: 2, correction: Answer with the JSON object alone.}
    message: No JSON came.
"""
ASKED = (Message("system", "Be brief."), Message("user", "I am ana@example.org"))
GOOD = '{"intent":"refund"}'


class Turns:
    """An engine that gives one prepared answer after the other, and keeps what it was asked."""

    record = EngineRecord(name="scripted", precision="none", version="turns")
    capabilities = Capabilities()

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)
        self.requests: list[Generation] = []

    async def generate(self, request: Generation) -> AsyncIterator[Chunk]:
        self.requests.append(request)
        said = self._answers.pop(0)
        for number, letter in enumerate(said, 1):
            yield Chunk(letter, 10, number)
        yield Chunk("", 10, len(said), "stop")

    def count_tokens(self, messages: tuple[Message, ...]) -> int:
        return 10

    async def score(self, messages: tuple[Message, ...], answer: str) -> float | None:
        return None

    async def stop(self) -> None:
        pass


@pytest.fixture(scope="module")
def guards() -> Guards:
    return compile_guards(parse_guardrails(POLICY, source="p"), prompt=PROMPT, models=Models())


def run(guards: Guards, engine: Turns) -> list[Step]:
    async def collect() -> list[Step]:
        return [step async for step in answer(guards, engine, ASKED, Sampling(max_new_tokens=64), stream=True)]

    return asyncio.run(collect())


def test_an_answer_that_fails_is_asked_for_again_with_the_correction(guards: Guards) -> None:
    engine = Turns("no", GOOD)
    first, *deltas, end = run(guards, engine)
    assert isinstance(first, InputChecked) and isinstance(end, Ended)
    assert [step.text for step in deltas if isinstance(step, Delta)] == [GOOD]
    assert (end.outcome, end.text, end.rule) == ("answered", GOOD, "")
    redacted = (ASKED[0], Message("user", "I am <EMAIL_ADDRESS>"))
    correction = Message("user", "Answer with the JSON object alone.")
    assert engine.requests[0].messages == redacted
    assert engine.requests[1].messages == (*redacted, Message("assistant", "no"), correction)
    assert [(check.rule, check.verdict) for check in end.checks if check.direction == "output"] == [
        ("shape.try-1", "block"),
        ("shape", "allow"),
    ]
    assert (end.prompt_tokens, end.completion_tokens) == (20, len("no") + len(GOOD))


def test_tries_are_bounded_and_only_the_last_answer_that_failed_is_shown(guards: Guards) -> None:
    engine = Turns("a", "bb", "ccc", GOOD)
    _, end = run(guards, engine)
    assert isinstance(end, Ended)
    assert (end.outcome, end.rule, end.text, end.message) == ("blocked", "shape", "", "No JSON came.")
    assert len(engine.requests) == 3 and end.completion_tokens == 6
    assert engine.requests[2].messages[2].content == "bb"
    assert [check.rule for check in end.checks] == ["pii", "shape.try-1", "shape.try-2", "shape"]


def test_a_check_that_fails_itself_is_not_asked_again(guards: Guards, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("no")

    monkeypatch.setattr(JsonStructure, "find", broken)
    engine = Turns(GOOD, GOOD)
    *_, end = run(guards, engine)
    assert isinstance(end, Ended) and (end.rule, len(engine.requests)) == ("shape.failed", 1)


def test_a_stream_waits_where_an_answer_may_be_asked_for_again(compiled: Callable[[str], Guards]) -> None:
    retry = "action: retry, retry: {correction: Without the address.}"
    text = f"name: p\nstream: buffer_when_needed\ninput: []\noutput: [{{id: pii, detector: pii, {retry}}}]\n"
    guards = compiled(text)
    assert guards.buffers
    engine = Turns("Write to ana@example.org. " * 40, "All is well.")
    *deltas, end = run(guards, engine)
    assert isinstance(end, Ended) and end.text == "All is well."
    assert "".join(step.text for step in deltas if isinstance(step, Delta)) == "All is well."
