"""How many cores this process may use: asked anew each time, since a container or `taskset` may change it."""

from __future__ import annotations

import os


def cores() -> int:
    """At least 1."""
    allowed = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    return len(allowed(0)) if allowed else os.cpu_count() or 1
