"""The tables of `sluice audit` at the width of an ordinary terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console

from flows.cli.audit_tables import entries_table
from infra.contracts.ids import new_id
from infra.contracts.request_events import RequestRefused
from infra.digest import sha256
from infra.ledger.query import Entry


@pytest.mark.parametrize("index", [0, 4_999_999])
def test_a_response_id_is_whole_in_80_columns(index: int) -> None:
    refused = RequestRefused(
        event_id="refused",
        at=datetime(2026, 11, 30, tzinfo=UTC),
        pipeline="support-triage",
        response_id=new_id("chatcmpl"),
        tenant="",
        key_id="",
        code="invalid_api_key",
    )
    out = StringIO()
    Console(file=out, width=80).print(entries_table([Entry(index, refused, sha256(b"leaf"))]))
    told = out.getvalue()
    assert refused.response_id in told and f"{index} 2026-11-30 00:00:00 " in told, told
