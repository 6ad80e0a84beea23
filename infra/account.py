"""Who runs this process: the account of the operating system, for the record."""

from __future__ import annotations

import os
import pwd


def account() -> str:
    """The account's name, or its number where it has none (a container's user often does not)."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
