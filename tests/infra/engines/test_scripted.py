"""The scripted engine: the same answer for the same request, in the interface's own manners."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.engines.engine import Chunk, Generation, Message, Sampling
from infra.engines.scripted import ScriptedEngine
from infra.errors import BadInput, PartFailed

SCHEMA = {
    "$defs": {"level": {"type": "integer", "minimum": -2, "maximum": 2}},
    "type": "object",
    "properties": {
        "intent": {"enum": ["billing", "login"]},
        "level": {"$ref": "#/$defs/level"},
        "tags": {"type": "array", "items": {"type": "string", "minLength": 30, "maxLength": 40}, "minItems": 1},
        "note": {"anyOf": [{"type": "null"}, {"type": "number"}, {"type": ["boolean", "null"]}]},
        "kind": {"const": "ticket"},
    },
    "required": ["intent", "level", "tags", "note", "kind"],
    "additionalProperties": False,
}


def ask(engine: ScriptedEngine, text: str, **sampling: Any) -> tuple[str, list[Chunk]]:
    async def collect() -> list[Chunk]:
        request = Generation((Message("user", text),), Sampling(**{"max_new_tokens": 100, **sampling}))
        return [chunk async for chunk in engine.generate(request)]

    chunks = asyncio.run(collect())
    return "".join(chunk.text for chunk in chunks), chunks


def test_the_same_request_has_the_same_answer_and_another_has_another() -> None:
    first, second = ScriptedEngine(), ScriptedEngine()
    assert ask(first, "Where is my card?") == ask(second, "Where is my card?")
    assert ask(first, "Where is my card?")[0] != ask(first, "Where is my card!")[0]
    assert ask(first, "a", seed=1)[0] == ask(first, "a", seed=2)[0]
    assert ask(first, "a", temperature=1, seed=1)[0] != ask(first, "a", temperature=1, seed=2)[0]
    assert ask(ScriptedEngine(seed=5), "a")[0] != ask(first, "a")[0]


def test_it_answers_in_the_language_of_the_question() -> None:
    engine = ScriptedEngine()
    spanish = " ".join(ask(engine, f"¿Dónde está mi pedido {number}?")[0] for number in range(5))
    english = " ".join(ask(engine, f"Where is my order {number}?")[0] for number in range(5))
    assert {"el", "la", "por", "su"} & set(spanish.split()) and "the" not in spanish.split()
    assert {"the", "you", "and", "your"} & set(english.split()) and "el" not in english.split()


def test_it_streams_pieces_with_running_totals_and_ends_once() -> None:
    _, chunks = ask(ScriptedEngine(), "hello")
    assert len(chunks) > 5
    assert [chunk.finish for chunk in chunks[:-1]] == [None] * (len(chunks) - 1) and chunks[-1].finish == "stop"
    counts = [chunk.completion_tokens for chunk in chunks]
    assert counts == sorted(counts)
    assert chunks[0].prompt_tokens == ScriptedEngine().count_tokens((Message("user", "hello"),))


def test_it_keeps_to_the_length_and_to_stop_strings() -> None:
    engine = ScriptedEngine()
    whole, _ = ask(engine, "hello")
    text, chunks = ask(engine, "hello", max_new_tokens=3)
    assert whole.startswith(text) and chunks[-1].finish == "length" and chunks[-1].completion_tokens == 3
    stop = whole[10:14]
    text, chunks = ask(engine, "hello", stop=(stop,))
    assert text == whole[: whole.index(stop)] and chunks[-1].finish == "stop"


@given(st.text(max_size=20))
def test_json_fits_the_schema(text: str) -> None:
    answer, chunks = ask(ScriptedEngine(), text, max_new_tokens=1000, json_schema=json.dumps(SCHEMA))
    jsonschema.validate(json.loads(answer), SCHEMA)
    assert chunks[-1].finish == "stop"


def test_a_schema_out_of_reach_is_refused() -> None:
    with pytest.raises(BadInput, match="pattern"):
        ask(ScriptedEngine(), "a", json_schema='{"type": "string", "pattern": "a"}')


def test_stop_ends_what_is_under_way_and_what_comes_after() -> None:
    async def run() -> list[Chunk]:
        engine = ScriptedEngine(delay_s=0.01)
        found = []
        async for chunk in engine.generate(Generation((Message("user", "hello"),), Sampling(100))):
            found.append(chunk)
            if len(found) == 2:
                await engine.stop()
        with pytest.raises(PartFailed, match="stopped"):
            await anext(engine.generate(Generation((Message("user", "hello"),), Sampling(100))))
        return found

    chunks = asyncio.run(run())
    assert len(chunks) == 3 and chunks[-1].finish == "cancelled"


def test_it_is_marked_as_scripted_and_has_no_log_probabilities() -> None:
    engine = ScriptedEngine()
    assert engine.record.name == "scripted"
    assert not engine.capabilities.score
    assert asyncio.run(engine.score((), "a")) is None
