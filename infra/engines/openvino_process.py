"""The engine's end of an OpenVINO process: starts it, sends commands, hands each event to the coroutine that waits."""

from __future__ import annotations

import asyncio
import itertools
import queue
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field

from infra.engines.openvino_wire import (
    ENGINE,
    Cancel,
    Command,
    Event,
    Failed,
    Load,
    Ready,
    Scored,
    Tokens,
    read_event,
    write,
)
from infra.errors import PartFailed
from infra.quiet import hush

_START_S = 180.0
_STOP_S = 10.0
_LOOK_S = 20.0
_SILENT_S = 180.0
"""A worker with work that says nothing for so long is stuck: it is killed, and whoever waits is told."""


@dataclass(frozen=True, eq=False)
class Channel:
    """One request's events, for one coroutine of one event loop."""

    id: int
    loop: asyncio.AbstractEventLoop
    events: asyncio.Queue[Event] = field(default_factory=asyncio.Queue)

    def put(self, event: Event) -> bool:
        """Hands an event over from any thread. False when the loop is gone."""
        try:
            self.loop.call_soon_threadsafe(self.events.put_nowait, event)
        except RuntimeError:
            return False
        return True


class WorkerProcess:
    """A loaded worker. When it fails or ends, everyone who waits gets a `Failed` and `failure` says why."""

    def __init__(self, load: Load) -> None:
        """Starts the process and waits until the model is loaded. Raises PartFailed."""
        hush()
        self.failure = ""
        """Why it answers no more, or ''."""
        self._channels: dict[int, Channel] = {}
        self._ids = itertools.count()
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._heard_s = time.monotonic()
        self._commands: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the process lives)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "infra.engines.openvino_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        for target in (self._write, self._read):
            threading.Thread(target=target, name=f"openvino{target.__name__}", daemon=True).start()
        self._commands.put(load)
        if not self._ready.wait(_START_S):
            self._end("it did not load in time")
        if self.failure:
            self.close()
            raise PartFailed(
                f"the OpenVINO engine did not start: {self.failure}",
                where=load.weights,
                cure="see that 3 GB of memory are free; `sluice doctor` checks the installation",
            )

    def open(self) -> Channel:
        """A channel for a new request of the running event loop."""
        channel = Channel(next(self._ids), asyncio.get_running_loop())
        with self._lock:
            self._channels[channel.id] = channel
        if self.failure:
            channel.put(Failed(id=channel.id, reason=self.failure))
        return channel

    def send(self, command: Command) -> None:
        """Queues a command; never blocks."""
        self._commands.put(command)

    def release(self, channel: Channel) -> None:
        """Forgets a channel; a request that has not ended is cancelled."""
        with self._lock:
            unfinished = self._channels.pop(channel.id, None)
        if unfinished is not None:
            self.send(Cancel(id=channel.id))

    async def next(self, channel: Channel) -> Event:
        """The channel's next event. Raises PartFailed when the request or the worker failed."""
        while True:
            try:
                event = await asyncio.wait_for(channel.events.get(), _LOOK_S)
            except TimeoutError:
                if time.monotonic() - self._heard_s > _SILENT_S:
                    self._end(f"it was silent for {_SILENT_S:.0f} s")
                continue
            if isinstance(event, Failed):
                raise PartFailed(f"the OpenVINO engine failed: {event.reason}", cure="ask again; it restarts by itself")
            return event

    def close(self) -> None:
        """Ends the process; answers under way end with `cancelled`. Blocks for at most some seconds."""
        with self._lock:
            channels, self._channels = list(self._channels.values()), {}
        self.failure = self.failure or "it was stopped"
        for channel in channels:
            channel.put(Tokens(id=channel.id, ids=(), finish="cancelled"))
        self._commands.put(None)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def _write(self) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        try:
            while (command := self._commands.get()) is not None:
                pipe.write(write(command))
                pipe.flush()
            pipe.close()
        except (OSError, ValueError):
            return  # the process is gone: the reader tells everyone

    def _read(self) -> None:
        pipe = self._process.stdout
        assert pipe is not None
        try:
            for line in pipe:
                self._heard_s = time.monotonic()
                self._dispatch(read_event(line))
        except ValueError:
            self._end("it wrote something that is no event")
        status = self._process.wait()
        self._fail(f"its process ended with status {status}{self._last_words()}")
        pipe.close()

    def _dispatch(self, event: Event) -> None:
        if isinstance(event, Ready):
            self._ready.set()
        elif isinstance(event, Failed) and event.id == ENGINE:
            self._fail(event.reason)
        else:
            last = isinstance(event, Failed | Scored) or event.finish is not None
            with self._lock:
                channel = self._channels.pop(event.id, None) if last else self._channels.get(event.id)
            if channel is not None and not channel.put(event):
                self.release(channel)

    def _fail(self, reason: str) -> None:
        """Tells everyone, once: what comes later finds `failure` set."""
        self.failure = self.failure or reason
        with self._lock:
            channels, self._channels = list(self._channels.values()), {}
        for channel in channels:
            channel.put(Failed(id=channel.id, reason=self.failure))
        self._ready.set()

    def _end(self, reason: str) -> None:
        self._process.kill()
        self._fail(reason)

    def _last_words(self) -> str:
        """The last line that a process wrote which ended before it was ready, e.g. an import that failed."""
        if self._ready.is_set():
            return ""
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return f": {lines[-1][:200]}" if lines else ""
