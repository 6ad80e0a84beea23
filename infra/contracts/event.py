"""EventBase: what every event of the ledger has. The events themselves: audit, request_events, record_events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_json

from infra.contracts.base import Contract, Utc, utc_text


class EventBase(Contract):
    """What every event has."""

    event_id: str
    """Unique; for requests `RESPONSE_ID/admitted` and so on, so that a retry cannot write it twice."""
    at: Utc
    pipeline: str
    trace_id: str = ""

    def to_json(self) -> bytes:
        """Canonical JSON, as of every contract; in less than half the time, since others wait for the ledger."""
        values = {**self.__dict__, "schema": self.schema_id}
        try:
            return to_json({name: _plain(values[name]) for name in _sorted_names(type(self))})
        except (_NotPlain, PydanticSerializationError):
            return super().to_json()


class _NotPlain(Exception):
    """A value that RFC 8785 and the serializer do not write alike, or whose type is not known here."""


@cache
def _sorted_names(kind: type[BaseModel]) -> tuple[str, ...]:
    """The fields' names in the order of canonical JSON; an event's with its schema."""
    return tuple(sorted([*kind.model_fields, *(["schema"] if issubclass(kind, EventBase) else [])]))


def _plain(value: Any) -> Any:
    return value if type(value) is str else _WRITERS[type(value)](value)


def _nested(value: BaseModel) -> dict[str, Any]:
    values = value.__dict__
    return {name: _plain(values[name]) for name in _sorted_names(type(value))}


def _number(value: float) -> float:
    """A float without its `.0`; in this range both write the shortest digits and no exponent."""
    if value % 1 == 0 and abs(value) < 1e15:
        return int(value)
    if 1e-4 <= abs(value) < 1e15:
        return value
    raise _NotPlain


def _integer(value: int) -> int:
    if abs(value) < 2**53:
        return value
    raise _NotPlain


class _Writers(dict[type, Callable[[Any], Any]]):
    def __missing__(self, kind: type) -> Callable[[Any], Any]:
        if not issubclass(kind, BaseModel):
            raise _NotPlain
        self[kind] = _nested
        return _nested


_WRITERS = _Writers(
    {
        float: _number,
        int: _integer,
        bool: lambda value: value,
        type(None): lambda value: value,
        tuple: lambda values: [_plain(value) for value in values],
        datetime: utc_text,
    }
)
