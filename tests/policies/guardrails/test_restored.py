"""The one path with stand-ins: the model never sees an original, and who may gets all of them back, streamed or not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from infra.contracts.evaluation import EngineRecord
from infra.engines.engine import CallPiece, Capabilities, Chunk, Generation, Message, Sampling, Tool, ToolCall, ToolUse
from infra.guard_models import Models
from policies.guardrails.choice import CallDelta, ChoiceEnded
from policies.guardrails.compiled import Guards, compile_guards
from policies.guardrails.guarded import Delta, Ended, InputChecked, Step, answer
from policies.guardrails.pseudonyms import Pseudonyms
from policies.guardrails.restored import restored
from policies.policy import parse_guardrails
from policies.verdict import Verdict

ENTITIES = "[EMAIL_ADDRESS, PHONE_NUMBER, ES_NIF, IBAN_CODE]"
POLICY = f"""name: stand-ins
stream: holdback
input:
  - {{id: pii, detector: pii, options: {{entities: {ENTITIES}}}, action: pseudonymise}}
output:
  - {{id: pii-out, detector: pii, options: {{entities: {ENTITIES}}}, action: redact}}
"""
ORIGINALS = ("ana@casa.es", "+34 612 345 678", "47996692Q", "ES77 0073 0288 3414 9675 1869")
ASKED = "Mi correo: {}, teléfono {}, DNI {}, cuenta {}. Otra vez: {}".format(*ORIGINALS, ORIGINALS[0].upper())
OTHER = "luis@otra.es"


class Echo:
    """A model that answers with what it was told and a mail address that nobody gave it."""

    record = EngineRecord(name="scripted", precision="none", version="echo")
    capabilities = Capabilities()

    def __init__(self, *, in_json: bool = False) -> None:
        self.seen = ""
        self._in_json = in_json

    async def generate(self, request: Generation) -> AsyncIterator[Chunk]:
        self.seen = "\n".join(message.content for message in request.messages)
        text = f"{request.messages[-1].content} {OTHER}"
        text = json.dumps({"said": text}) if self._in_json else text
        for start in range(0, len(text), 3):
            yield Chunk(text[start : start + 3], 1, 1)
        yield Chunk("", 1, 1, "stop")

    def count_tokens(self, messages: tuple[Message, ...]) -> int:
        return 1

    async def score(self, messages: tuple[Message, ...], answer: str) -> float | None:
        return None

    async def stop(self) -> None:
        pass


@pytest.fixture(scope="module")
def guards() -> Guards:
    return compile_guards(parse_guardrails(POLICY, source="test.yaml"), prompt=None, models=Models())


def run(
    guards: Guards, engine: Echo, *, allowed: bool, stream: bool, in_json: bool = False, **more: Any
) -> tuple[list[Step], list[Step]]:
    """The steps as they are recorded, and as the caller gets them."""
    messages = (Message("user", ASKED),)
    stand_ins = Pseudonyms.of(b"k" * 32, messages)
    recorded: list[Step] = []

    async def noted(steps: AsyncIterator[Step]) -> AsyncIterator[Step]:
        async for step in steps:
            recorded.append(step)
            yield step

    async def collect() -> list[Step]:
        steps = noted(answer(guards, engine, messages, Sampling(400), stream=stream, stand_ins=stand_ins, **more))
        return [step async for step in (restored(steps, stand_ins, in_json=in_json) if allowed else steps)]

    return recorded, asyncio.run(collect())


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("allowed", [True, False])
def test_who_sees_what(guards: Guards, stream: bool, allowed: bool) -> None:
    engine = Echo()
    recorded, steps = run(guards, engine, allowed=allowed, stream=stream)
    last = steps[-1]
    assert isinstance(steps[0], InputChecked) and isinstance(last, Ended) and last.outcome == "answered"
    streamed = "".join(step.text for step in steps if isinstance(step, Delta))
    assert streamed == (last.text if stream else "")
    assert not [original for original in ORIGINALS if original in engine.seen], "the model never sees an original"
    assert "<" not in engine.seen
    if allowed:
        assert last.text == f"{ASKED.replace(ORIGINALS[0].upper(), ORIGINALS[0])} <EMAIL_ADDRESS>"
    else:
        assert last.text == f"{engine.seen} <EMAIL_ADDRESS>", "stand-ins are spared, what the model made up is not"
    for step in recorded:
        assert not [original for original in ORIGINALS if original in str(step)], "nor does the record"


def test_json_stays_json(guards: Guards) -> None:
    _, steps = run(guards, Echo(in_json=True), allowed=True, stream=True, in_json=True)
    assert json.loads(steps[-1].text)["said"].startswith("Mi correo: ana@casa.es")  # type: ignore[union-attr]


def test_without_stand_ins_a_placeholder_takes_their_place(guards: Guards) -> None:
    checked = guards.check_input("Mi correo: ana@casa.es")
    assert checked.text == "Mi correo: <EMAIL_ADDRESS>"


QUOTED = "\"Ana 'la Jefa'\"@casa.es"


class Caller(Echo):
    """A model that says what it was told and then calls a tool twice with it, in pieces of three signs."""

    capabilities = Capabilities(tools=True)

    async def generate(self, request: Generation) -> AsyncIterator[Chunk]:
        self.seen = "\n".join(message.content for message in request.messages)
        said = request.messages[-1].content
        for start in range(0, len(said), 3):
            yield Chunk(said[start : start + 3], 1, 1)
        arguments = json.dumps({"text": said}, ensure_ascii=False)
        for index in (0, 1):
            for start in range(0, len(arguments), 3):
                piece = CallPiece(index, "" if start else "send", arguments[start : start + 3])
                yield Chunk("", 1, 1, calls=(piece,))
        yield Chunk("", 1, 1, "tool_calls")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("allowed", [True, False])
def test_each_choice_and_each_call_has_its_originals(guards: Guards, stream: bool, allowed: bool) -> None:
    engine = Caller()
    tools = ToolUse((Tool("send", '{"name": "send"}'),))
    recorded, steps = run(guards, engine, allowed=allowed, stream=stream, tools=tools, choices=2)
    last = steps[-1]
    assert isinstance(last, Ended) and last.outcome == "answered" and len(last.choices) == 2
    shown = ASKED.replace(ORIGINALS[0].upper(), ORIGINALS[0]) if allowed else engine.seen
    for choice in last.choices:
        assert (choice.text, choice.finish_reason) == (shown, "tool_calls")
        assert [json.loads(call.arguments) for call in choice.calls] == [{"text": shown}] * 2
        deltas = [step for step in steps if isinstance(step, Delta) and step.choice == choice.index]
        assert "".join(delta.text for delta in deltas) == (choice.text if stream else "")
        for index, call in enumerate(choice.calls if stream else ()):
            pieces = [delta.call for delta in deltas if delta.call and delta.call.index == index]
            assert "".join(piece.arguments for piece in pieces) == call.arguments
            assert [(piece.id, piece.name) for piece in pieces if piece.name] == [(call.id, "send")]
    for step in recorded:
        assert not [original for original in ORIGINALS if original in str(step)]


def test_arguments_stay_json_whatever_the_original_is() -> None:
    stand_ins = Pseudonyms(b"k" * 32, "es")
    stand_in = stand_ins.stand_in("EMAIL_ADDRESS", QUOTED)
    pieces = [Delta("", 0, CallDelta(0, "call-1", "send", '{"to": "')), Delta("", 0, CallDelta(0, "", "", stand_in))]
    call = ToolCall("call-1", "send", f'{{"to": "{stand_in}"}}')
    choice = ChoiceEnded(0, "tool_calls", "", (call,), "", "", (), 1, 1)

    async def steps() -> AsyncIterator[Step]:
        yield InputChecked(Verdict.ALLOW, (), (), 1)
        for piece in pieces:
            yield piece
        yield Delta("", 0, CallDelta(0, "", "", '"}'))
        yield Ended("answered", "tool_calls", "", (), 1, 1, "", choices=(choice,))

    async def collect() -> list[Step]:
        return [step async for step in restored(steps(), stand_ins, in_json=False)]

    got = asyncio.run(collect())
    streamed = "".join(step.call.arguments for step in got if isinstance(step, Delta) and step.call)
    last = got[-1]
    assert isinstance(last, Ended)
    assert json.loads(streamed) == json.loads(last.choices[0].calls[0].arguments) == {"to": QUOTED}


def test_what_judges_the_whole_text_spares_nothing() -> None:
    """An answer that is a stand-in and nothing else is none of the listed ones all the same."""
    policy = POLICY.replace("holdback", "buffer") + (
        "  - {id: listed, detector: choices, options: {choices: [good, bad]}, action: block}\n"
    )
    stand_ins = Pseudonyms(b"k" * 32, "es")
    stand_in = stand_ins.stand_in("EMAIL_ADDRESS", "ana@casa.es")
    guards = compile_guards(parse_guardrails(policy, source="test.yaml"), prompt=None, models=Models())
    assert guards.check_output(stand_in, "es", stand_ins).rule == "listed"
