"""Addresses of stores as they may be shown: without the password."""

from __future__ import annotations

import re

_BEFORE_THE_HOST = re.compile(r"(://[^:/@]*:)[^@/]*@")
_AS_PARAMETER = re.compile(r"\b(password=)[^&\s]+")


def hidden(address: str) -> str:
    """An address whose password, if it holds one, is `***`."""
    return _AS_PARAMETER.sub(r"\1***", _BEFORE_THE_HOST.sub(r"\1***@", address))
