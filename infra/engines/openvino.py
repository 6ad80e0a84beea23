"""OpenVinoEngine: the CPU default. One pipeline per adapter in a process of its own; continuous batching, prefix cache.

Token ids in, token ids out: the conversation is rendered and read by `infra.chat_template`, as in training.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Literal

from infra.base_model import BaseModel
from infra.chat_template import ChatTemplate, Detokeniser
from infra.contracts.evaluation import EngineRecord
from infra.engines.adapter_files import AdapterFiles, adapter_scale, check_adapter
from infra.engines.engine import Capabilities, Chunk, Generation, Message, Sampling
from infra.engines.json_schema import check_schema
from infra.engines.openvino_process import WorkerProcess
from infra.engines.openvino_wire import Load, Score, Scored, Start, Tokens
from infra.engines.stop import StopScanner
from infra.errors import BadInput, PartFailed


class OpenVinoEngine:
    """A base model, with one adapter or none, on the CPU. Restarts its process when that has failed."""

    def __init__(self, base: BaseModel, adapter: AdapterFiles | None, *, precision: Literal["exact", "fast"]) -> None:
        """Loads the model (2 to 6 s), after checking its files against the manifest.

        'exact' computes in fp32 throughout, and gives the same greedy text as transformers; 'fast' reads fp16 weights
        and lets the processor choose. Raises CheckFailed or StoreError for files that are not as recorded, PartFailed.
        """
        weights = base.openvino if precision == "exact" else base.openvino_fp16
        for names in (f"{weights.name}/", "tokenizer", "chat_template", "config"):
            base.verify(names)
        scale = 0.0
        if adapter is not None:
            check_adapter(adapter, base)
            scale = adapter_scale(adapter)
        self._template = ChatTemplate.load(base.folder)
        self._limit_tokens: int = json.loads((base.folder / "config.json").read_bytes())["max_position_embeddings"]
        self._precision = precision
        self._load = Load(
            weights=str(weights),
            adapter=str(adapter.weights) if adapter else "",
            scale=scale,
            exact=precision == "exact",
            eos_id=self._template.eos_id,
        )
        self._lock = threading.Lock()
        self._stopped = False
        self._process = WorkerProcess(self._load)

    @property
    def record(self) -> EngineRecord:
        """Name, precision and the version of OpenVINO GenAI."""
        return EngineRecord(name="openvino", precision=self._precision, version=version("openvino-genai"))

    @property
    def capabilities(self) -> Capabilities:
        """Everything that the interface knows."""
        return Capabilities(json_schema=True, score=True, sampling=frozenset({"temperature", "top_p", "seed", "stop"}))

    async def generate(self, request: Generation) -> AsyncIterator[Chunk]:
        """Streams one answer; see `Engine.generate`. No character is cut in two, no stop string is shown."""
        sampling = request.sampling
        prompt = self._template.encode(request.messages)
        self._check(len(prompt), sampling)
        detokeniser, scanner = Detokeniser(self._template), StopScanner(sampling.stop)
        process = await self._running()
        channel = process.open()
        count = 0
        try:
            process.send(_start(channel.id, prompt, sampling))
            while True:
                event = await process.next(channel)
                assert isinstance(event, Tokens)
                count += len(event.ids)
                text = scanner.push(detokeniser.push(event.ids))
                if event.finish in {"stop", "length"}:
                    text += scanner.push(detokeniser.finish()) + scanner.finish()
                finish = "stop" if scanner.stopped else event.finish
                if text or finish:
                    yield Chunk(text, len(prompt), count, finish)
                if finish:
                    return
        finally:
            process.release(channel)

    def count_tokens(self, messages: tuple[Message, ...]) -> int:
        """Exactly what `generate` would count."""
        return len(self._template.encode(messages))

    async def score(self, messages: tuple[Message, ...], answer: str) -> float | None:
        """Mean log-probability of the answer's tokens and the end token, in nats.

        The first call loads a second pipeline (prompt log-probabilities exist only without the prefix cache). Raises
        PartFailed, or BadInput when all of it is longer than the model reads.
        """
        example = self._template.encode_example(messages, answer)
        self._check(len(example.ids), Sampling(max_new_tokens=1))
        process = await self._running()
        channel = process.open()
        try:
            process.send(Score(id=channel.id, ids=tuple(example.ids), answer_start=example.answer_start))
            event = await process.next(channel)
            return event.mean_logprob if isinstance(event, Scored) else None
        finally:
            process.release(channel)

    async def stop(self) -> None:
        """Ends the process and gives its memory back. Answers under way end with `cancelled`."""
        self._stopped = True
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._lock:
            self._process.close()

    async def _running(self) -> WorkerProcess:
        process = self._process
        return await asyncio.to_thread(self._restarted) if process.failure or self._stopped else process

    def _restarted(self) -> WorkerProcess:
        """A new process in place of one that failed; whoever comes meanwhile waits for it."""
        with self._lock:
            if self._stopped:
                raise PartFailed("the engine is stopped", cure="load it again")
            if self._process.failure:
                self._process.close()
                self._process = WorkerProcess(self._load)
            return self._process

    def _check(self, prompt_tokens: int, sampling: Sampling) -> None:
        if sampling.json_schema:
            check_schema(sampling.json_schema)
        room = self._limit_tokens - sampling.max_new_tokens
        if sampling.max_new_tokens < 1 or prompt_tokens > room:
            raise BadInput(
                f"{prompt_tokens} tokens of prompt and {sampling.max_new_tokens} of answer do not fit",
                where="messages",
                cure=f"ask for at least 1 token and at most {self._limit_tokens} with the prompt",
            )


def _start(request_id: int, prompt: list[int], sampling: Sampling) -> Start:
    return Start(
        id=request_id,
        prompt=tuple(prompt),
        max_new_tokens=sampling.max_new_tokens,
        temperature=float(sampling.temperature),
        top_p=float(sampling.top_p),
        seed=sampling.seed % 2**32,
        json_schema=sampling.json_schema,
    )
