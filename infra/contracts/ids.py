"""Identifiers that people and callers see: short, sortable by time, safe in a URL."""

from __future__ import annotations

import re
import secrets
import time
from datetime import UTC, datetime

_ID = re.compile(r"[a-z]+-([0-9a-f]{12})[0-9a-f]{12}")


def new_id(prefix: str) -> str:
    """`prefix-` and 24 hexadecimal digits: 12 of milliseconds since 1970, 12 random."""
    return f"{prefix}-{time.time_ns() // 1_000_000:012x}{secrets.token_hex(6)}"


def made_at(identifier: str) -> datetime | None:
    """When `new_id` made an identifier, by its maker's clock; None where it did not make it."""
    found = _ID.fullmatch(identifier)
    try:
        return datetime.fromtimestamp(int(found[1], 16) / 1_000, UTC) if found else None
    except (OverflowError, ValueError, OSError):  # a time beyond the year 9999
        return None
