"""What is served equals what was trained: the exact engine beside transformers fp32, with and without an adapter."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from infra.base_model import BaseModel
from infra.chat_template import ChatTemplate
from infra.engines.adapter_files import AdapterFiles
from infra.engines.engine import Chunk, Generation, Message, Sampling
from infra.engines.openvino import OpenVinoEngine

pytestmark = pytest.mark.slow

SYSTEM = Message("system", "You answer briefly. Responde en el idioma del cliente.")
QUESTIONS = (
    "What is the capital of France?",
    "¿Cuál es la capital de España?",
    "Name three colours.",
    "My card has not arrived yet. What should I do?",
    "No puedo entrar en mi cuenta desde ayer.",
    "Write a JSON object with a name and an age.",
    "2 + 2 =",
    "Translate to Spanish: the house is red.",
    "Who wrote Don Quixote?",
    "List the days of the week.",
    "Say hello with an emoji 👋",
    "Sum up: the parcel was late, and the customer wants the money back.",
)
RANK, ALPHA = 8, 16
SHAPES = {
    "self_attn.q_proj": (576, 576),
    "self_attn.k_proj": (576, 192),
    "self_attn.v_proj": (576, 192),
    "self_attn.o_proj": (576, 576),
    "mlp.gate_proj": (576, 1536),
    "mlp.up_proj": (576, 1536),
    "mlp.down_proj": (1536, 576),
}


@pytest.fixture(scope="module")
def reference(base_model: BaseModel) -> Iterator[Any]:
    """The same weights in transformers, fp32."""
    import torch
    from transformers import AutoModelForCausalLM

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # on a busy machine, threads that wait for each other take ten times as long
    model = AutoModelForCausalLM.from_pretrained(base_model.folder, dtype=torch.float32)
    model.eval()
    yield model
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> AdapterFiles:
    """A random adapter on all linear layers, strong enough to change most answers; named like blobs, without suffix."""
    dice, tensors = np.random.default_rng(0), {}
    for layer in range(30):
        for part, (inputs, outputs) in SHAPES.items():
            name = f"base_model.model.model.layers.{layer}.{part}"
            first = dice.standard_normal((RANK, inputs)) / np.sqrt(inputs)
            tensors[f"{name}.lora_A.weight"] = first.astype(np.float32)
            tensors[f"{name}.lora_B.weight"] = (dice.standard_normal((outputs, RANK)) * 0.02).astype(np.float32)
    folder = tmp_path_factory.mktemp("adapter")
    save_file(tensors, folder / "weights")
    (folder / "config").write_text(json.dumps({"r": RANK, "lora_alpha": ALPHA, "bias": "none"}))
    return AdapterFiles(folder / "weights", folder / "config")


@pytest.fixture(scope="module")
def adapted_engine(base_model: BaseModel, adapter: AdapterFiles) -> Iterator[OpenVinoEngine]:
    engine = OpenVinoEngine(base_model, adapter, precision="exact")
    yield engine
    asyncio.run(engine.stop())


def merge(model: Any, adapter: AdapterFiles, sign: int) -> None:
    """Adds alpha / r * B A to each layer (LoRA, Hu et al. 2021, section 4.1), or takes it off again."""
    import torch
    from safetensors.torch import load_file

    tensors, layers = load_file(adapter.weights), dict(model.named_modules())
    with torch.no_grad():
        for name, first in tensors.items():
            if "lora_A" in name:
                second = tensors[name.replace("lora_A", "lora_B")]
                layer = layers[name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")]
                layer.weight += sign * (ALPHA / RANK) * (second @ first)


def answers(engine: OpenVinoEngine) -> list[tuple[str, bool]]:
    """Each question's greedy text, and whether the model ended it itself; all asked at once."""

    async def one(question: str) -> tuple[str, bool]:
        request = Generation((SYSTEM, Message("user", question)), Sampling(20))
        chunks: list[Chunk] = [chunk async for chunk in engine.generate(request)]
        # At the length limit a character may be cut in two: its bytes cannot be read back.
        return "".join(chunk.text for chunk in chunks).rstrip("\ufffd"), chunks[-1].finish == "stop"

    async def all_at_once() -> list[tuple[str, bool]]:
        return list(await asyncio.gather(*map(one, QUESTIONS)))

    return asyncio.run(all_at_once())


def assert_greedy(model: Any, template: ChatTemplate, found: list[tuple[str, bool]]) -> None:
    """Every token is the one that the model finds most likely after those before it: what `generate` would write."""
    import torch

    for question, (text, ended) in zip(QUESTIONS, found, strict=True):
        row = template.encode_example([SYSTEM, Message("user", question)], text)
        with torch.no_grad():
            best = model(torch.tensor([row.ids])).logits[0].argmax(-1).tolist()
        end = len(row.ids) if ended else len(row.ids) - 1
        assert row.ids[row.answer_start : end] == best[row.answer_start - 1 : end - 1], question


def logprob(model: Any, template: ChatTemplate, question: str, answer: str) -> float:
    import torch

    row = template.encode_example([SYSTEM, Message("user", question)], answer)
    with torch.no_grad():
        logits = model(torch.tensor([row.ids])).logits[0].double()
    found = torch.log_softmax(logits, -1)
    places = range(row.answer_start, len(row.ids))
    return float(sum(found[place - 1, row.ids[place]] for place in places)) / len(places)


def test_greedy_text_and_log_probabilities_equal_those_of_transformers(
    base_model: BaseModel, reference: Any, exact_engine: OpenVinoEngine
) -> None:
    template = ChatTemplate.load(base_model.folder)
    assert_greedy(reference, template, answers(exact_engine))
    for question, text in ((QUESTIONS[0], "Paris."), (QUESTIONS[4], "¿Qué mensaje ve usted?"), (QUESTIONS[2], "")):
        found = asyncio.run(exact_engine.score((SYSTEM, Message("user", question)), text))
        assert found == pytest.approx(logprob(reference, template, question, text), abs=2e-3)


def test_the_adapter_is_applied_at_the_strength_it_was_trained_with(
    base_model: BaseModel, reference: Any, adapter: AdapterFiles, adapted_engine: OpenVinoEngine
) -> None:
    template = ChatTemplate.load(base_model.folder)
    found = answers(adapted_engine)
    with pytest.raises(AssertionError):
        assert_greedy(reference, template, found)
    merge(reference, adapter, +1)
    try:
        assert_greedy(reference, template, found)
        score = logprob(reference, template, QUESTIONS[0], "Paris.")
    finally:
        merge(reference, adapter, -1)
    served = asyncio.run(adapted_engine.score((SYSTEM, Message("user", QUESTIONS[0])), "Paris."))
    assert served == pytest.approx(score, abs=2e-3)
