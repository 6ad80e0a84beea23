"""The OpenVINO process: one pipeline, one adapter, one thread that steps. Commands on stdin, events on stdout.

It is a process of its own because a step holds Python's lock for as long as it computes (0.05 to 1 s: no other thread
of the gateway would run), because a failed step cannot be mended but by a new pipeline, and because its memory goes
back at once when it ends. It ends when stdin closes, so it never outlives who started it.
"""

from __future__ import annotations

import os
import select
import signal
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from infra.engines.openvino_runtime import openvino, openvino_genai
from infra.engines.openvino_wire import (
    ENGINE,
    Cancel,
    Command,
    Event,
    Failed,
    Load,
    Ready,
    Score,
    Scored,
    Start,
    Tokens,
    read_command,
    write,
)

_CACHE_GB = 1
"""Memory for keys and values: 23,000 tokens of this model at fp32. Longer queues wait, they do not fail."""
_EXACT = {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"}
_READ_BYTES = 1 << 16


@dataclass
class _Lane:
    """One pipeline and what runs on it."""

    pipeline: Any
    running: dict[int, Any] = field(default_factory=dict)
    scores: dict[int, tuple[Score, list[float]]] = field(default_factory=dict)

    def busy(self) -> bool:
        return bool(self.running) or bool(self.pipeline.has_non_finished_requests())


class Worker:
    """Steps what it was given. Failures of a step are for the caller to report: nothing can go on after one."""

    def __init__(self, load: Load) -> None:
        self._genai, self._openvino = openvino_genai(), openvino()
        self._load = load
        self._answers = _Lane(self._pipeline(prefix_cache=True))
        self._scores: _Lane | None = None

    def _pipeline(self, *, prefix_cache: bool) -> Any:
        genai, load = self._genai, self._load
        scheduler = genai.SchedulerConfig()
        scheduler.cache_size = _CACHE_GB
        scheduler.enable_prefix_caching = prefix_cache
        properties: dict[str, Any] = dict(_EXACT) if load.exact else {}
        if load.adapter:
            import numpy as np

            # Given as bytes: blobs have no suffix, and the path form insists on one. The scale is alpha / r: the
            # pipeline reads no adapter_config.json. Only a fused adapter applies to every request.
            adapter = genai.Adapter(self._openvino.Tensor(np.fromfile(load.adapter, dtype=np.uint8)))
            mode = genai.AdapterConfig.Mode.MODE_FUSE
            properties["adapters"] = genai.AdapterConfig(adapter, load.scale, mode)
        return genai.ContinuousBatchingPipeline(load.weights, scheduler, "CPU", properties)

    def busy(self) -> bool:
        """Whether a step would do something."""
        return self._answers.busy() or (self._scores is not None and self._scores.busy())

    def accept(self, command: Command) -> Iterator[Event]:
        """Takes a request in, or lets one go."""
        try:
            if isinstance(command, Cancel):
                self._cancel(command.id)
            elif isinstance(command, Start):
                self._add(self._answers, command.id, command.prompt, self._sampling(command))
            elif isinstance(command, Score):
                self._scores = self._scores or _Lane(self._pipeline(prefix_cache=False))
                self._add(self._scores, command.id, command.ids, self._scoring())
                self._scores.scores[command.id] = (command, [])
        except RuntimeError as error:
            assert not isinstance(command, Load)
            yield Failed(id=command.id, reason=f"the engine did not take the request ({type(error).__name__})")

    def _cancel(self, request_id: int) -> None:
        for lane in self._lanes():
            handle = lane.running.pop(request_id, None)
            lane.scores.pop(request_id, None)
            if handle is not None:
                handle.cancel()

    def step(self) -> Iterator[Event]:
        """One step of every pipeline that has work, and what came of it."""
        for lane in self._lanes():
            if not lane.busy():
                continue
            lane.pipeline.step()
            for request_id, handle in list(lane.running.items()):
                event = _scored(lane, request_id, handle) if request_id in lane.scores else _tokens(request_id, handle)
                if event is None:
                    continue
                yield event
                if not isinstance(event, Tokens) or event.finish is not None:
                    del lane.running[request_id]
                    lane.scores.pop(request_id, None)

    def _lanes(self) -> list[_Lane]:
        return [self._answers] if self._scores is None else [self._answers, self._scores]

    def _add(self, lane: _Lane, request_id: int, ids: tuple[int, ...], config: Any) -> None:
        import numpy as np

        tensor = self._openvino.Tensor(np.array([ids], dtype=np.int64))
        lane.running[request_id] = lane.pipeline.add_request(request_id, tensor, config)

    def _sampling(self, start: Start) -> Any:
        config = self._genai.GenerationConfig()
        config.set_eos_token_id(self._load.eos_id)
        config.max_new_tokens = start.max_new_tokens
        config.do_sample = start.temperature > 0
        if start.temperature > 0:
            config.temperature, config.top_p, config.rng_seed = start.temperature, start.top_p, start.seed
        if start.json_schema:
            config.structured_output_config = self._genai.StructuredOutputConfig(json_schema=start.json_schema)
        return config

    def _scoring(self) -> Any:
        """The prompt's own log-probabilities; the one new token is thrown away."""
        config = self._genai.GenerationConfig()
        config.set_eos_token_id(self._load.eos_id)
        config.max_new_tokens, config.echo, config.logprobs, config.ignore_eos = 1, True, 1, True
        return config


def _tokens(request_id: int, handle: Any) -> Event | None:
    ids: list[int] = []
    finish: str | None = None
    while handle.can_read():
        for output in handle.read().values():
            ids += output.generated_ids
            finish = {"STOP": "stop", "LENGTH": "length"}.get(output.finish_reason.name, finish)
    status = handle.get_status().name
    if status == "IGNORED":
        return Failed(id=request_id, reason="the engine has no memory for a request of this length")
    if status != "RUNNING" and finish is None:
        finish = "stop"
    return Tokens.model_validate({"id": request_id, "ids": tuple(ids), "finish": finish}) if ids or finish else None


def _scored(lane: _Lane, request_id: int, handle: Any) -> Event | None:
    request, found = lane.scores[request_id]
    while handle.can_read():
        for output in handle.read().values():
            found += output.generated_log_probs
    if handle.get_status().name == "RUNNING":
        return None
    answer = found[request.answer_start : len(request.ids)]
    if len(answer) != len(request.ids) - request.answer_start:
        return Failed(id=request_id, reason="the engine gave no log-probabilities")
    return Scored(id=request_id, mean_logprob=sum(answer) / len(answer))


class _Commands:
    """Lines from a file descriptor, without ever blocking while there is work."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""
        self._lines: deque[bytes] = deque()
        self.open = True
        """False once the other end closed."""

    def next(self, *, wait: bool) -> Iterator[bytes]:
        """The lines that are there; waits for the first when asked to."""
        while self.open and select.select([self._descriptor], [], [], None if wait and not self._lines else 0)[0]:
            data = os.read(self._descriptor, _READ_BYTES)
            self.open = bool(data)
            *lines, self._rest = (self._rest + data).split(b"\n")
            self._lines.extend(lines)
        while self._lines:
            yield self._lines.popleft()


def _serve(commands: _Commands, send: Callable[[Event], None]) -> None:
    """Loads what the first command names, then takes commands between steps until stdin closes."""
    worker: Worker | None = None
    try:
        while worker is None and commands.open:
            for line in commands.next(wait=True):
                command = read_command(line)
                assert isinstance(command, Load)
                worker = Worker(command)
                send(Ready())
                break
        while worker is not None and commands.open:
            for line in commands.next(wait=not worker.busy()):
                for event in worker.accept(read_command(line)):
                    send(event)
            for event in worker.step():
                send(event)
    except Exception as error:
        # The message is the native library's; while loading it speaks of files, later it could quote a request.
        detail = str(error).strip().splitlines()[:1] if worker is None else []
        send(Failed(id=ENGINE, reason=": ".join([type(error).__name__, *detail])[:300]))


def main() -> None:
    """Serves until stdin closes. What native code prints goes to stderr, so that stdout carries only events."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches the whole group; our parent decides
    out = os.dup(1)
    os.dup2(2, 1)

    def send(event: Event) -> None:
        data = write(event)
        while data:
            data = data[os.write(out, data) :]

    _serve(_Commands(0), send)
    os._exit(0)  # the native destructors take their time and complain of requests that were cut off


if __name__ == "__main__":
    main()
