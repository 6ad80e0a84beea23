"""A real gateway that is asked without a pause, killed, and started again; and what its callers were told."""

from __future__ import annotations

import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from infra.server_commands import choose_port, server_command
from infra.settings import Settings

CALLERS = 2
"""Of each gateway. Every other one asks for streams."""
_PAUSE_S = 0.03
"""Between two requests of a caller: a gateway that starts needs the processor too."""
_READY_S, _LOOK_S, _AWAY_S = 90.0, 0.1, 0.2
_TEXT = "Where is my parcel number {number}? Please write back with all that you know about it."


@dataclass
class Gateway:
    """A gateway that is killed and started again, and who asks it."""

    settings: Settings
    log: Path
    key: str
    answered: list[str] = field(default_factory=list)
    """The ids of the answers that its callers had in whole."""
    failures: list[str] = field(default_factory=list)
    """What callers were told by a gateway that was alive."""
    life: int = 0
    """Counts its starts and kills: odd while it is ready."""
    url: str = ""
    _port: int = 0
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, on the same port as before; returns once it is ready. Raises RuntimeError when it never is."""
        self._port = self._port or choose_port(self.settings, "gateway")
        command = server_command(self.settings, "gateway", port=self._port, engine="scripted")
        self.url = command.url
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command.arguments,
                cwd=command.folder,
                env=command.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        give_up_s = time.monotonic() + _READY_S
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > give_up_s:
                raise RuntimeError(f"a gateway does not come up: {self.log.read_text(errors='replace')[-800:]}")
            time.sleep(_LOOK_S)
        self.life += 1

    def kill(self) -> None:
        """`kill -9` of it and all that it started."""
        if self._process is None or self._process.poll() is not None:
            return
        leader = psutil.Process(self._process.pid)
        family = [leader, *leader.children(recursive=True)]
        self.life += self.life % 2
        for process in family:
            if process.is_running():
                process.kill()
        psutil.wait_procs(family, timeout=30)

    def ask(self, stop: threading.Event, caller: int) -> None:
        """Asks until it is told to stop, whether the gateway is there or not."""
        number = caller
        with httpx.Client(headers={"authorization": f"Bearer {self.key}"}, timeout=60, trust_env=False) as client:
            while not stop.is_set():
                number += CALLERS
                life = self.life
                if life % 2 == 0:
                    stop.wait(_AWAY_S)
                    continue
                try:
                    failure = self._ask_once(client, _TEXT.format(number=number), stream=caller % 2 == 1)
                except httpx.HTTPError as error:
                    failure = type(error).__name__
                if failure and life == self.life:
                    self.failures.append(failure)
                stop.wait(_PAUSE_S)

    def _ask_once(self, client: httpx.Client, text: str, *, stream: bool) -> str:
        body = {"model": "triage", "messages": [{"role": "user", "content": text}], "stream": stream}
        with client.stream("POST", f"{self.url}/v1/chat/completions", json=body) as response:
            content = response.read().decode()
        if response.status_code != 200 or (stream and not content.rstrip().endswith("data: [DONE]")):
            return f"{response.status_code} {content[-300:]}"
        self.answered.append(response.headers["x-request-id"])
        return ""

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False
