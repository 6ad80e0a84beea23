"""Group commit: what several threads hand in at the same time is committed as one, and each hears how its own went.

There is no thread of its own: whoever finds nobody committing commits for all who wait, and hands the turn to one of
those who came meanwhile. One alone waits for nobody.
"""

from __future__ import annotations

import copy
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


class _Ticket(Generic[ItemT, ResultT]):
    """What one thread handed in. Its lock opens once the outcomes are there, or once it is its turn to commit."""

    __slots__ = ("items", "outcomes", "turn")

    def __init__(self, items: Sequence[ItemT]) -> None:
        self.items = items
        self.outcomes: list[ResultT | Exception] | None = None
        self.turn = threading.Lock()
        self.turn.acquire()


class GroupCommit(Generic[ItemT, ResultT]):
    """Collects items while a commit is under way. Thread-safe."""

    def __init__(self, commit: Callable[[Sequence[ItemT]], Sequence[ResultT | Exception]], most: int) -> None:
        """`commit` takes items in order and says of each what came of it, or raises for all.

        It is handed the items of one thread at least, and of further ones while they are at most `most`.
        """
        self._commit = commit
        self._most = most
        self._lock = threading.Lock()
        self._waiting: deque[_Ticket[ItemT, ResultT]] = deque()
        self._committing = False

    def submit(self, items: Sequence[ItemT]) -> list[ResultT | Exception]:
        """Commits the items with whatever else waits; returns what came of each."""
        ticket = _Ticket[ItemT, ResultT](items)
        with self._lock:
            self._waiting.append(ticket)
            ours, self._committing = not self._committing, True
        if not ours:
            ticket.turn.acquire()
        if ticket.outcomes is None:
            self._next()
        assert ticket.outcomes is not None
        return ticket.outcomes

    def _next(self) -> None:
        """Commits for the first who waits and those behind it, passes the turn on, and lets the others go."""
        batch = self._take()
        try:
            outcomes = self._commit([item for ticket in batch for item in ticket.items])
        except BaseException as error:
            # Each thread raises one of its own.
            failure = error if isinstance(error, Exception) else RuntimeError("the commit was cut off")
            outcomes = [copy.copy(failure) for ticket in batch for _ in ticket.items]
            if not isinstance(error, Exception):
                raise
        finally:
            place = 0
            for ticket in batch:
                ticket.outcomes = list(outcomes[place : place + len(ticket.items)])
                place += len(ticket.items)
            with self._lock:
                self._committing = bool(self._waiting)
                if self._waiting:
                    self._waiting[0].turn.release()
            for ticket in batch[1:]:
                ticket.turn.release()

    def _take(self) -> list[_Ticket[ItemT, ResultT]]:
        with self._lock:
            batch = [self._waiting.popleft()]
            count = len(batch[0].items)
            while self._waiting and count + len(self._waiting[0].items) <= self._most:
                batch.append(self._waiting.popleft())
                count += len(batch[-1].items)
        return batch
