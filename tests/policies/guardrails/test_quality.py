"""Floors of what is found in the development rows: a change that loses quality fails here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from policies.checks import Entity
from policies.guardrails.compiled import Guards

IDENTIFIERS: tuple[Entity, ...] = (
    *("EMAIL_ADDRESS", "IBAN_CODE", "CREDIT_CARD", "IP_ADDRESS", "MAC_ADDRESS", "URL_CREDENTIALS", "CRYPTO", "US_SSN"),
    *("ES_NIF", "ES_NIE", "ES_CIF", "ES_NSS", "ES_CCC", "ES_PLATE", "ES_PASSPORT", "MX_CURP", "MX_RFC"),
)
READ: tuple[Entity, ...] = ("PERSON", "PHONE_NUMBER", "STREET_ADDRESS", "DATE_OF_BIRTH")
SCORED = {
    "en_presidio_research.jsonl": (*("PERSON", "PHONE_NUMBER", "STREET_ADDRESS", "EMAIL_ADDRESS", "CREDIT_CARD"),)
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "floor"),
    [("es_synthetic.jsonl", 0.97), ("en_near_miss.jsonl", 0.92), ("en_presidio_research.jsonl", 0.85)],
)
def test_development_rows_keep_their_floor(guards: Guards, shared_data: Path, name: str, floor: float) -> None:
    rows = [json.loads(line) for line in (shared_data / "pii" / name).open(encoding="utf-8")]
    rows = [row for row in rows if row["split"] == "dev"][::4]
    scored = SCORED.get(name, (*IDENTIFIERS, *READ))
    found = guards.redact_rows([row["text"] for row in rows], [row["lang"] for row in rows])
    right = wrong = missed = 0
    for row, redacted in zip(rows, found, strict=True):
        spans = [span for span in redacted.spans if span.entity in scored]
        for gold in row["spans"]:
            if gold["type"] in scored:
                hit = any(s.entity == gold["type"] and s.start < gold["end"] and gold["start"] < s.end for s in spans)
                right, missed = right + hit, missed + (not hit)
        wrong += sum(
            not any(s.entity == g["type"] and s.start < g["end"] and g["start"] < s.end for g in row["spans"])
            for s in spans
        )
    assert 2 * right / (2 * right + wrong + missed) >= floor
