"""The gateway killed under requests: what a caller got in whole is recorded, what was cut off becomes `interrupted`."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field

import openai
from soak_home import SoakHome
from victims import find_server, kill

from infra.contracts.request_events import RequestAdmitted, RequestEnd
from infra.stores.callers import Callers

_CALLERS = 12
_TEXT = "Where is my parcel number {number}? Please write back with all that you know about it."
_LONGEST_S, _FIRST_S = 3.0, 120.0


@dataclass
class Askers:
    """Callers that ask until the connection breaks, every other one for a stream; `whole` are the answers they got."""

    url: str
    key: str
    whole: list[str] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    def begin(self) -> None:
        """Starts to ask, and waits for the first answer."""
        self._threads = [threading.Thread(target=self._ask, args=(caller,), daemon=True) for caller in range(_CALLERS)]
        for thread in self._threads:
            thread.start()
        give_up_s = time.monotonic() + _FIRST_S
        while not self.whole and time.monotonic() < give_up_s:
            time.sleep(0.01)

    def end(self) -> None:
        """Waits until each has noticed."""
        for thread in self._threads:
            thread.join(timeout=60)

    def _ask(self, caller: int) -> None:
        client = openai.OpenAI(base_url=f"{self.url}/v1", api_key=self.key, max_retries=0, timeout=30)
        number = caller
        try:
            while True:
                number += _CALLERS
                messages = [{"role": "user", "content": _TEXT.format(number=number)}]
                if caller % 2:
                    self.whole.append(client.chat.completions.create(model="soak", messages=messages).id)  # type: ignore[call-overload]
                    continue
                chunks = list(client.chat.completions.create(model="soak", messages=messages, stream=True))  # type: ignore[call-overload]
                if any(chunk.choices and chunk.choices[0].finish_reason for chunk in chunks):
                    self.whole.append(chunks[0].id)
        except (openai.OpenAIError, OSError):
            return  # the gateway is gone
        except Exception as error:
            if type(error).__module__.partition(".")[0] not in {"httpx", "httpcore"}:
                raise


@dataclass(frozen=True)
class GatewayKill:
    """What one kill of the gateway left, after `sluice up`."""

    cut_off: int
    """Requests that were admitted and not completed when it died."""
    acknowledged: int
    """Answers that callers had in whole."""
    problems: tuple[str, ...]


def kill_gateway(soak: SoakHome, dice: random.Random) -> GatewayKill:
    """Asks, kills at a random moment, brings it up again and looks at the record."""
    askers = Askers(soak.up(), Callers(soak.home).create("soak").key)
    askers.begin()
    time.sleep(dice.uniform(0, _LONGEST_S))
    before = soak.recorded()
    hit = kill(find_server(soak, "gateway"))
    askers.end()
    cut_off = _unfinished(soak)
    soak.up()
    after = soak.recorded()
    ended = {entry.event.response_id: entry.event.outcome for entry in after if isinstance(entry.event, RequestEnd)}
    lost = [response for response in askers.whole if ended.get(response) not in {"answered", "blocked"}]
    open_still = [response for response in cut_off if ended.get(response) != "interrupted"]
    checks = (
        (hit, "the gateway was not there to be killed"),
        (bool(askers.whole), "no request was answered"),
        (after[: len(before)] == before, "events that were recorded before the kill are not there after it"),
        (not lost, f"{len(lost)} answers that a caller had in whole are not recorded as answered"),
        (not open_still, f"{len(open_still)} requests that were cut off are not recorded as interrupted"),
        (not _unfinished(soak), "requests are still recorded as under way"),
    )
    return GatewayKill(len(cut_off), len(askers.whole), tuple(what for holds, what in checks if not holds))


def _unfinished(soak: SoakHome) -> set[str]:
    events = [entry.event for entry in soak.recorded()]
    admitted = {event.response_id for event in events if isinstance(event, RequestAdmitted)}
    return admitted - {event.response_id for event in events if isinstance(event, RequestEnd)}
