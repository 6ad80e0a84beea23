"""Events are written in the very form of every other contract, whatever stands in their fields."""

from __future__ import annotations

import enum
import types
import typing
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime

from infra.contracts.audit import AuditEvent, parse_event
from infra.contracts.base import Contract, Frozen
from infra.contracts.request_events import CheckRecord, RequestCompleted
from infra.digest import canonical_json, sha256

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 1.0, 1e15, 1e16, 1e-4, 1e-7])
_TIMES = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)).flatmap(
    lambda at: st.sampled_from([UTC, timezone(timedelta(hours=2))]).map(lambda zone: at.replace(tzinfo=zone))
)


def _values(annotation: Any) -> st.SearchStrategy[Any]:
    """Any value of a field's type."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _values(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) is Literal:
        return st.sampled_from(typing.get_args(annotation))
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return st.one_of(map(_values, typing.get_args(annotation)))
    if typing.get_origin(annotation) is tuple:
        return st.lists(_values(typing.get_args(annotation)[0]), max_size=3).map(tuple)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return st.sampled_from(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Frozen):
        return _models(annotation)
    if getattr(annotation, "__name__", "") == "Digest":
        return st.binary(max_size=4).map(sha256)
    known = {str: _TEXTS, int: st.integers(1 - 2**53, 2**53 - 1), float: _FLOATS, bool: st.booleans()}
    return {**known, AwareDatetime: _TIMES, type(None): st.none()}[annotation]


def _models(kind: type[Frozen]) -> st.SearchStrategy[Any]:
    fields = {name: _values(field.annotation) for name, field in kind.model_fields.items() if name != "kind"}
    return st.fixed_dictionaries(fields).map(lambda values: kind(**values))


@pytest.mark.parametrize("kind", typing.get_args(AuditEvent), ids=lambda kind: kind.schema_id)
def test_every_event_is_canonical_json(kind: Any) -> None:
    @settings(max_examples=25, deadline=None)
    @given(_models(kind))
    def check(event: Any) -> None:
        written = event.to_json()
        assert written == canonical_json({"schema": event.schema_id, **event.model_dump(mode="json")})
        assert written == Contract.to_json(event)
        assert parse_event(written).to_json() == written

    check()


def test_what_is_no_number_of_canonical_json_is_refused_as_in_every_contract() -> None:
    check = CheckRecord(rule="r", direction="input", verdict="allow", score=0.5, milliseconds=1.0)
    event = RequestCompleted(
        event_id="e",
        at=datetime(2026, 1, 2, tzinfo=UTC),
        pipeline="p",
        response_id="r",
        outcome="answered",
        refusal_rule="",
        checks=(check,),
        prompt_tokens=2**53,
        completion_tokens=1,
        seconds=1.0,
        sealed=None,
        tenant="t",
        key_id="k",
        subject="s",
        version=1,
        manifest=None,
        guardrails=sha256(b"g"),
    )
    with pytest.raises(ValueError, match="no integer beyond"):
        event.to_json()
    lone = event.model_copy(update={"prompt_tokens": 1, "tenant": "\ud800"})
    with pytest.raises(ValueError, match="surrogates"):
        lone.to_json()
