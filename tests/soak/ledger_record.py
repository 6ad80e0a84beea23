"""What a ledger holds, held against what its writers were told: nothing lost, nothing twice, nothing half-written."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ledger_writer import Item, Writer, completed, payload_of

from infra.contracts.request_events import RequestCompleted
from infra.errors import StoreError
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.store import reading

_SAMPLE = 100
_PATIENCE_S = 30.0
ResultT = TypeVar("ResultT")


def patiently(ask: Callable[[], ResultT]) -> ResultT:
    """Asks until the store answers: a server that was killed ends the connections that were kept to it."""
    give_up_s = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return ask()
        except StoreError:
            if time.monotonic() > give_up_s:
                raise
            time.sleep(0.05)


@dataclass
class Record:
    """One ledger as an outsider sees it."""

    home: Home
    dead: set[str] = field(default_factory=set)
    """The writers that are gone."""
    problems: list[str] = field(default_factory=list)
    known: int = 0
    """How many acknowledgements were heard of."""
    _ledger: Ledger | None = None
    _after: Item = field(default_factory=lambda: completed("after"))
    """What is written at the end, the same however often it takes."""
    _looked_at: dict[str, int] = field(default_factory=dict)

    @property
    def ledger(self) -> Ledger:
        """Opened when it is first asked for: the writers make it."""
        if self._ledger is None:
            self._ledger = Ledger.open(self.home)
        return self._ledger

    def close(self) -> None:
        """Lets go of it."""
        if self._ledger is not None:
            self._ledger.close()

    def look(self, writers: Sequence[Writer], dice: random.Random) -> None:
        """Reads of each writer's new acknowledgements the last and some others, one by one."""
        for writer in writers:
            writer.listen()
            told = list(writer.acknowledged)
            new = told[self._looked_at.get(writer.name, 0) :]
            for event_id in {*new[-_SAMPLE:], *dice.sample(new, min(_SAMPLE, len(new)))}:
                self._read(event_id, writer.acknowledged[event_id])
            self._looked_at[writer.name] = len(told)
            self._taken(writer)
        self.known = sum(len(writer.acknowledged) for writer in writers)

    def close_interrupted(self, running: Sequence[Writer]) -> None:
        """Closes what the dead left open, as a gateway does that starts: all of that, and nothing of the living."""
        left = {response for response in self._open() if _writer_of(response) in self.dead}
        before = self._interrupted()
        count = self.ledger.close_interrupted()
        closed = self._interrupted() - before
        alive = {response for response in closed if _writer_of(response) not in self.dead}
        if alive:
            names = {_writer_of(response) for response in alive} & {writer.name for writer in running}
            self.problems.append(f"{len(alive)} requests of {sorted(names)} were closed as interrupted, who live")
        if closed - alive != left or count != len(closed):
            self.problems.append(f"{len(left)} requests were left open by the dead; {count} of {len(closed)} closed")

    def check_all(self, writers: Sequence[Writer]) -> None:
        """Everything, once nobody writes any more; afterwards it is written to once more."""
        for writer in writers:
            writer.listen()
            self._taken(writer)
        told = {event_id: index for writer in writers for event_id, index in writer.acknowledged.items()}
        self.known = sum(len(writer.acknowledged) for writer in writers)
        self.close_interrupted(())
        with reading(self.home) as connection:
            rows = connection.execute("SELECT idx, event_id FROM events ORDER BY idx").fetchall()
        held = {event_id: index for index, event_id in rows}
        lost = [event_id for event_id, index in told.items() if held.get(event_id) != index]
        again = self.ledger.close_interrupted()
        left = self._open()
        event, payload = self._after
        index = self.ledger.append(event, payload=payload)
        found = self.ledger.verify()
        checks = (
            (not lost, f"{len(lost)} acknowledged events are not where they were said to be: {lost[:3]}"),
            (len(held) == len(rows), f"{len(rows) - len(held)} events stand there twice"),
            (not again and not left, f"{again} requests were closed later, {len(left)} are open still"),
            (index == found.events - 1 >= len(rows), "appending does not go on at the end"),
            (found.ok, f"it does not verify: {found.problem_count} problems: {found.problems[:3]}"),
        )
        self.problems += [what for holds, what in checks if not holds]

    def _taken(self, writer: Writer) -> None:
        """Nobody else may write the end of a request whose writer lives."""
        if writer.taken:
            self.problems.append(f"{writer.name} could not end {len(writer.taken)} requests: they had an end")
            writer.taken.clear()

    def _read(self, event_id: str, index: int) -> None:
        entry = self.ledger.get(event_id)
        if entry is None or entry.index != index or entry.event.event_id != event_id:
            self.problems.append(f"{event_id} is not entry {index}, as was acknowledged")
            return
        try:
            payload = self.ledger.payload(entry)
        except StoreError as error:
            if not error.where:  # the server's errors say where
                self.problems.append(f"{event_id} is half-written: {error}")
                return
            raise
        if isinstance(entry.event, RequestCompleted) and payload != payload_of(entry.event.response_id):
            self.problems.append(f"{event_id} has another payload")

    def _open(self) -> set[str]:
        """Requests that were admitted and have no end."""
        with reading(self.home) as connection:
            rows = connection.execute(
                "SELECT response_id FROM events WHERE kind = ? EXCEPT SELECT response_id FROM events WHERE kind = ?",
                ("request.admitted", "request.completed"),
            ).fetchall()
        return {str(row[0]) for row in rows}

    def _interrupted(self) -> set[str]:
        with reading(self.home) as connection:
            rows = connection.execute("SELECT response_id FROM events WHERE outcome = ?", ("interrupted",)).fetchall()
        return {str(row[0]) for row in rows}


def _writer_of(response_id: str) -> str:
    return response_id.partition("-")[0]
