"""A disk that keeps only what was synced, and what is found on it after a cut of the power."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from file_calls import SYNCS, Call, Mark

_SECTOR = 512
_ID = re.compile(rb'"event_id":"([^"]+)"')


@dataclass
class Disk:
    """What is on it for good, and what the operating system still has in its memory only."""

    files: dict[str, bytearray] = field(default_factory=dict)
    waiting: dict[str, list[Call]] = field(default_factory=lambda: defaultdict(list))
    ids: set[str] = field(default_factory=set)
    """The events whose bytes are synced."""
    _reached: dict[Call, list[Call]] = field(default_factory=dict)

    def take(self, mark: Mark) -> None:
        """One step of the log."""
        call = mark.call
        if call.name == "unlink":
            if mark.returns and call.result == 0:
                self.files.pop(call.path, None)
                self.waiting.pop(call.path, None)
        elif call.name not in SYNCS:
            if call.place < 0:
                raise ValueError(f"a write to {call.path} at a place that is not known")
            if not mark.returns:
                self.waiting[call.path].append(call)
            elif call.result not in (0, len(call.data)):
                raise ValueError(f"a write to {call.path} that was cut short: {call.result} bytes")
        elif not mark.returns:
            # A write that has not returned yet may come too late for this sync.
            self._reached[call] = [one for one in self.waiting[call.path] if one.result is not None]
        else:
            self._synced(call)

    def _synced(self, sync: Call) -> None:
        reached = self._reached.pop(sync)
        left = self.waiting[sync.path]
        self.waiting[sync.path] = [one for one in left if one not in reached]
        if sync.result == 0:
            content = self.files.setdefault(sync.path, bytearray())
            for call in reached:
                _apply(content, call)
                self.ids |= {found.decode() for found in _ID.findall(self.text(content, call))}

    def text(self, _: bytearray, call: Call) -> bytes:
        """Where to look for the events that a write brought."""
        return call.data

    def after_a_cut(self, dice: random.Random, shares: Sequence[float]) -> dict[str, bytearray]:
        """The files when the power comes back; of each write that was not synced one of these shares of its sectors."""
        found = {path: bytearray(content) for path, content in self.files.items()}
        for path, calls in self.waiting.items():
            for call in calls:
                _apply(found.setdefault(path, bytearray()), call, dice, dice.choice(shares))
        return found


def _apply(content: bytearray, call: Call, dice: random.Random | None = None, share: float = 1.0) -> None:
    """Does a call again: the whole of it, or some of its sectors."""
    if call.name == "ftruncate":
        if dice is None or dice.random() < share:
            del content[call.place :]
            content.extend(bytes(call.place - len(content)))
        return
    start, end = call.place, call.place + len(call.data)
    while start < end:
        stop = min(end, (start // _SECTOR + 1) * _SECTOR)
        if dice is None or dice.random() < share:
            content.extend(bytes(max(0, stop - len(content))))
            content[start:stop] = call.data[start - call.place : stop - call.place]
        start = stop
