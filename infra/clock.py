"""The one source of the times that are recorded: UTC, and never earlier than one that it gave before.

The system's clock may be set back, or start behind what is already recorded. Times then go on at their pace from the
latest one, until the system's clock has caught up.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock:
    """Times that only grow, by a microsecond at least. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last_us = 0
        self._read_ns = time.monotonic_ns()

    def now(self) -> datetime:
        """The present time, later than each that was given before."""
        with self._lock:
            read_ns = time.monotonic_ns()
            pace_us = max(1, (read_ns - self._read_ns) // 1_000)
            self._last_us = max(time.time_ns() // 1_000, self._last_us + pace_us)
            self._read_ns = read_ns
            return _EPOCH + timedelta(microseconds=self._last_us)

    def not_before(self, recorded: datetime) -> float:
        """From now on every time is later than `recorded`. Returns by how many seconds the system's clock is behind."""
        recorded_us = (recorded - _EPOCH) // timedelta(microseconds=1)
        with self._lock:
            self._last_us = max(self._last_us, recorded_us)
            return max(0.0, (recorded_us - time.time_ns() // 1_000) / 1e6)


CLOCK = Clock()
"""The process's clock."""
