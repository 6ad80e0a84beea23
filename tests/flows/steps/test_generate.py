"""Every item answered once: what fails, hangs or dies is an item in error, and an engine that is gone ends the run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from flows.steps import generate
from flows.steps.generate import answer_all
from flows.steps.results import Answered
from infra.contracts.model_version import PromptSpec
from infra.contracts.row import SnapshotRow
from infra.engines.engine import Chunk, Generation
from infra.engines.scripted import ScriptedEngine
from infra.errors import PartFailed
from infra.guard_models import Models
from infra.ner import NameFinders, load_name_lists
from policies.guardrails.compiled import Guards, compile_guards
from policies.policy import parse_guardrails

POLICY = """
name: few
stream: holdback
input:
  - {id: no-novels, detector: size, options: {max_characters: 200}, action: block, message: Too long.}
output: []
"""
PROMPT = PromptSpec(system="Answer.", answer_format="text", max_new_tokens=200)


@pytest.fixture(scope="module")
def guards() -> Guards:
    names = NameFinders(None, None, load_name_lists())
    return compile_guards(parse_guardrails(POLICY, source="few.yaml"), prompt=PROMPT, models=Models(names=names))


def rows(count: int) -> list[SnapshotRow]:
    return [
        SnapshotRow(
            row_id=f"r{i}",
            split="test",
            subject=f"sub-{i}",
            language="en",
            text=f"Where is parcel {i}?",
            answer="x",
            label="",
            salt="0" * 32,
        )
        for i in range(count)
    ]


class Failing(ScriptedEngine):
    """Fails for some items; counts how many it answers at once, and keeps the roles of the last conversation."""

    def __init__(self, *failing: int, delay_s: float = 0.0) -> None:
        super().__init__(delay_s=delay_s)
        self.failing = {f"Where is parcel {i}?" for i in failing}
        self.asked = self.at_once = self.most_at_once = 0
        self.roles: list[str] = []

    async def generate(self, request: Generation) -> AsyncIterator[Chunk]:
        self.asked += 1
        self.roles = [message.role for message in request.messages]
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if request.messages[-1].content in self.failing:
                raise PartFailed("the engine ran out of memory")
            async for chunk in super().generate(request):
                yield chunk
        finally:
            self.at_once -= 1


def ask(engine: ScriptedEngine, guards: Guards, count: int, prompt: PromptSpec = PROMPT) -> tuple[Answered, ...]:
    return asyncio.run(answer_all(engine, guards, rows(count), prompt, concurrency=4))


def test_answers_come_in_the_order_of_the_rows_and_few_are_under_way_at_once(guards: Guards) -> None:
    engine = Failing(delay_s=0.001)
    answers = ask(engine, guards, 25)
    assert [answer.row_id for answer in answers] == [f"r{i}" for i in range(25)]
    assert {answer.ended for answer in answers} == {"whole"}
    assert engine.most_at_once == 4
    assert answers == tuple(
        Answered(a.row_id, b.text, b.ended, a.seconds, b.output_tokens)
        for a, b in zip(answers, ask(ScriptedEngine(), guards, 25), strict=True)
    ), "the same text whatever the order of answering"


def test_an_item_that_fails_is_in_error_with_the_reason_and_the_others_are_answered(guards: Guards) -> None:
    answers = ask(Failing(3, 7), guards, 12)
    assert [i for i, answer in enumerate(answers) if answer.ended == "error"] == [3, 7]
    assert answers[3].failure == "the engine ran out of memory" and answers[3].text == ""


def test_an_engine_that_dies_ends_the_run_in_a_sentence_and_is_not_asked_for_ever(guards: Guards) -> None:
    engine = Failing(*range(10, 1000))
    with pytest.raises(PartFailed, match="16 items in a row failed, the last one with: the engine ran out of memory"):
        ask(engine, guards, 1000)
    assert engine.asked < 100 and engine.at_once == 0


def test_failures_with_answers_between_them_do_not_end_the_run(guards: Guards) -> None:
    answers = ask(Failing(*range(0, 120, 2)), guards, 120)
    assert sum(answer.ended == "error" for answer in answers) == 60


def test_an_engine_that_hangs_is_an_error_for_its_items(guards: Guards, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "_ANSWER_TIMEOUT_S", 0.2)
    answers = ask(ScriptedEngine(delay_s=30), guards, 3)
    assert [(answer.ended, answer.failure) for answer in answers] == [("error", "no answer within 0.2 s")] * 3


def test_a_stopped_engine_is_an_error_not_a_short_answer(guards: Guards) -> None:
    async def stopped_midway() -> tuple[Answered, ...]:
        engine = ScriptedEngine(delay_s=0.02)
        asked = asyncio.create_task(answer_all(engine, guards, rows(2), PROMPT, concurrency=2))
        await asyncio.sleep(0.1)
        await engine.stop()
        return await asked

    assert [answer.ended for answer in asyncio.run(stopped_midway())] == ["error", "error"]


def test_what_is_cut_off_is_truncated_and_what_the_guards_stop_is_blocked(guards: Guards) -> None:
    short = PROMPT.model_copy(update={"max_new_tokens": 2})
    assert [answer.ended for answer in ask(ScriptedEngine(), guards, 2, short)] == ["truncated", "truncated"]
    novel = rows(1)[0].model_copy(update={"text": "once upon a time " * 50})
    (answer,) = asyncio.run(answer_all(ScriptedEngine(), guards, [novel], PROMPT, concurrency=1))
    assert (answer.ended, answer.text, answer.output_tokens) == ("blocked", "", 0)


def test_json_that_was_cut_off_is_truncated_though_the_guards_block_it() -> None:
    schema = '{"type": "object", "properties": {"a": {"type": "string", "minLength": 24}}, "required": ["a"]}'
    prompt = PromptSpec(system="s", answer_format="json", max_new_tokens=3, json_schema=schema)
    rule = "{id: structure, detector: json_structure, action: block}"
    policy = parse_guardrails(f"name: p\nstream: buffer\ninput: []\noutput: [{rule}]", source="p.yaml")
    guards = compile_guards(policy, prompt=prompt, models=Models(names=NameFinders(None, None, load_name_lists())))
    assert [answer.ended for answer in ask(ScriptedEngine(), guards, 2, prompt)] == ["truncated"] * 2
    longer = prompt.model_copy(update={"max_new_tokens": 60})
    assert [answer.ended for answer in ask(ScriptedEngine(), guards, 2, longer)] == ["whole"] * 2


def test_a_prompt_without_a_system_sentence_sends_none(guards: Guards) -> None:
    engine = Failing()
    ask(engine, guards, 1)
    assert engine.roles == ["system", "user"]
    ask(engine, guards, 1, PROMPT.model_copy(update={"system": ""}))
    assert engine.roles == ["user"]


def test_no_rows_are_no_answers(guards: Guards) -> None:
    assert ask(ScriptedEngine(), guards, 0) == ()
