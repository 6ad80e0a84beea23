"""The OpenVINO engine on the real model: the same text as transformers, streams that end, failures that are told."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from infra.base_model import BaseModel
from infra.engines.engine import Chunk, Generation, Message, Sampling
from infra.engines.openvino import OpenVinoEngine
from infra.errors import BadInput, PartFailed

pytestmark = pytest.mark.slow

SYSTEM = Message("system", "You answer briefly.")


def request(text: str, **sampling: Any) -> Generation:
    return Generation((SYSTEM, Message("user", text)), Sampling(**{"max_new_tokens": 24, **sampling}))


async def answer(engine: OpenVinoEngine, text: str, **sampling: Any) -> tuple[str, list[Chunk]]:
    chunks = [chunk async for chunk in engine.generate(request(text, **sampling))]
    return "".join(chunk.text for chunk in chunks), chunks


def ask(engine: OpenVinoEngine, text: str, **sampling: Any) -> tuple[str, list[Chunk]]:
    return asyncio.run(answer(engine, text, **sampling))


def test_an_answer_streams_and_counts(exact_engine: OpenVinoEngine) -> None:
    text, chunks = ask(exact_engine, "¿Cuál es la capital de España? Responde con una palabra.")
    assert "España" in text or "Madrid" in text
    assert len(chunks) > 3 and [chunk.finish for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].finish in {"stop", "length"} and chunks[-1].completion_tokens >= len(chunks) - 1
    messages = request("¿Cuál es la capital de España? Responde con una palabra.").messages
    assert {chunk.prompt_tokens for chunk in chunks} == {exact_engine.count_tokens(messages)}


def test_sixteen_at_once_say_what_each_says_alone_and_the_loop_stays_free(exact_engine: OpenVinoEngine) -> None:
    questions = [f"Name {number} things that are red." for number in range(2, 18)]
    longest_s = 0.0

    async def watch() -> None:
        nonlocal longest_s
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            longest_s = max(longest_s, time.perf_counter() - before)

    async def together() -> list[str]:
        watching = asyncio.create_task(watch())
        found = await asyncio.gather(*(answer(exact_engine, question, max_new_tokens=12) for question in questions))
        watching.cancel()
        return [text for text, _ in found]

    texts = asyncio.run(together())
    for index in (0, 9):
        assert ask(exact_engine, questions[index], max_new_tokens=12)[0] == texts[index]
    assert longest_s < 1.0, "a step of the engine held up the event loop"


def test_characters_come_whole(exact_engine: OpenVinoEngine) -> None:
    text, chunks = ask(exact_engine, "Repeat: 🐱🐱🐱🐱🐱🐱🐱🐱", max_new_tokens=30)
    assert "🐱" in text
    assert not any("\ufffd" in chunk.text for chunk in chunks[:-1])


def test_a_stop_string_ends_the_answer_and_is_not_shown(exact_engine: OpenVinoEngine) -> None:
    whole, _ = ask(exact_engine, "Count from one to ten in words.")
    stop = whole[12:16]
    text, chunks = ask(exact_engine, "Count from one to ten in words.", stop=(stop,))
    assert text == whole[: whole.index(stop)] and chunks[-1].finish == "stop"


def test_sampling_follows_its_seed(exact_engine: OpenVinoEngine) -> None:
    texts = [
        ask(exact_engine, "Tell me a story.", temperature=1.0, top_p=0.9, seed=seed, max_new_tokens=10)[0]
        for seed in (3, 3, -4)
    ]
    assert texts[0] == texts[1] != texts[2]


def test_json_keeps_to_its_schema(exact_engine: OpenVinoEngine) -> None:
    schema = {
        "type": "object",
        "properties": {"intent": {"enum": ["billing", "login"]}, "urgency": {"type": "integer", "maximum": 3}},
        "required": ["intent", "urgency"],
        "additionalProperties": False,
    }
    question = 'Reply with JSON like {"intent": "billing", "urgency": 2}. My card was charged twice!'
    text, chunks = ask(exact_engine, question, json_schema=json.dumps(schema), max_new_tokens=40)
    found = json.loads(text)
    assert found["intent"] in {"billing", "login"} and found["urgency"] <= 3 and chunks[-1].finish == "stop"


@pytest.mark.parametrize(
    ("text", "sampling", "message"),
    [
        ("a", {"max_new_tokens": 8192}, "do not fit"),
        ("a", {"max_new_tokens": 0}, "do not fit"),
        ("word " * 9000, {}, "do not fit"),
        ("a", {"json_schema": '{"type": 5}'}, "type"),
        ("a", {"stop": ("",)}, "stop string"),
    ],
)
def test_what_the_engine_cannot_do_is_refused_before_it_starts(
    exact_engine: OpenVinoEngine, text: str, sampling: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadInput, match=message) as found:
        ask(exact_engine, text, **sampling)
    assert "word word" not in str(found.value)


def test_what_one_request_spoils_is_told_to_it_alone(exact_engine: OpenVinoEngine) -> None:
    async def run() -> str:
        good = asyncio.create_task(answer(exact_engine, "Count from one to ten in words."))
        with pytest.raises(PartFailed, match="did not take the request"):
            await answer(exact_engine, "a", temperature=1.0, top_p=7.0)
        return (await good)[0]

    assert asyncio.run(run())


def test_a_closed_stream_leaves_the_engine_to_others(exact_engine: OpenVinoEngine) -> None:
    async def run() -> float:
        for _ in range(8):
            stream: AsyncIterator[Chunk] = exact_engine.generate(request("Tell a long story.", max_new_tokens=2000))
            await anext(stream)
            await stream.aclose()  # type: ignore[attr-defined]
        started = time.perf_counter()
        await answer(exact_engine, "Say yes.", max_new_tokens=4)
        return time.perf_counter() - started

    assert asyncio.run(run()) < 10


def test_a_dead_process_is_told_to_everyone_and_replaced(base_model: BaseModel) -> None:
    engine = OpenVinoEngine(base_model, None, precision="fast")

    async def run() -> list[Any]:
        waiting = [asyncio.create_task(answer(engine, "Tell a long story.", max_new_tokens=500)) for _ in range(3)]
        await asyncio.sleep(0.3)
        engine._process._process.kill()
        failures = await asyncio.gather(*waiting, return_exceptions=True)
        text, _ = await answer(engine, "Say yes.", max_new_tokens=4)
        assert text
        under_way = asyncio.create_task(answer(engine, "Tell a long story.", max_new_tokens=500))
        await asyncio.sleep(0.5)
        await engine.stop()
        _, chunks = await under_way
        assert chunks[-1].finish == "cancelled"
        with pytest.raises(PartFailed, match="stopped"):
            await answer(engine, "Say yes.")
        return failures

    failures = asyncio.run(run())
    assert [type(failure) for failure in failures] == [PartFailed] * 3
    assert "status -9" in str(failures[0])
    assert engine._process._process.poll() is not None


def test_the_serving_side_needs_no_torch_and_sends_nothing(base_model: BaseModel, tmp_path: Any) -> None:
    """The whole engine with torch and transformers unimportable, in both processes, and every socket call an error."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "for name in ('torch', 'transformers', 'optimum', 'peft', 'gguf'): sys.modules[name] = None\n"
        "def hook(event, args):\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo', 'socket.sendto'):\n"
        "        open(sys.path[0] + '/called', 'w').write(event)\n"
        "        raise OSError(event)\n"
        "sys.addaudithook(hook)\n"
    )
    program = (
        "import asyncio, sys; from pathlib import Path; from infra.home import Home;"
        "from infra.base_model import open_base_model; from infra.engines.load import load_engine;"
        "from infra.engines.engine import *; from infra.settings import EngineSettings\n"
        "async def main():\n"
        "    base = open_base_model(Home(Path(sys.argv[1])))\n"
        "    engine = load_engine(EngineSettings(), base, None)\n"
        "    request = Generation((Message('user', 'Say yes.'),), Sampling(4))\n"
        "    print(''.join([chunk.text async for chunk in engine.generate(request)]))\n"
        "    await engine.stop()\n"
        "asyncio.run(main())\n"
    )
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-P", "-c", program, str(base_model.folder.parent.parent)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert [path.name for path in tmp_path.iterdir() if path.name != "__pycache__"] == ["sitecustomize.py"]
