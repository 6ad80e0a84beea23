"""Identifiers that people and callers see: short, sortable by time, safe in a URL."""

from __future__ import annotations

import secrets
import time


def new_id(prefix: str) -> str:
    """`prefix-` and 24 hexadecimal digits: 12 of milliseconds since 1970, 12 random."""
    return f"{prefix}-{time.time_ns() // 1_000_000:012x}{secrets.token_hex(6)}"
