"""The texts inside a value of nested lists and mappings: taken out in order, and put back in the same order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def texts_in(value: Any) -> Iterator[str]:
    """Every text at any depth, in order. The keys of mappings are none: they stay as they are."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from texts_in(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts_in(one)


def with_texts(value: Any, texts: Iterator[str]) -> Any:
    """The same value with the next of `texts` in the place of each text."""
    if isinstance(value, str):
        return next(texts)
    if isinstance(value, dict):
        return {key: with_texts(one, texts) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(with_texts(one, texts) for one in value)
    return value
