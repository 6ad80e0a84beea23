"""Events as a year of traffic would leave them, made fast: the same for the same seed, canonical to the byte.

Tenants, subjects, versions, policies, verdicts and outcomes follow long-tailed shares; two entries for each request.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from infra.digest import canonical_json, sha256

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
RULES = ("pii", "injection", "secrets", "toxicity", "topics", "code", "urls", "length")
ENTITIES = ("EMAIL", "PHONE", "PERSON", "IBAN", "CREDIT_CARD", "DNI")
TENANTS, SUBJECTS, VERSIONS, POLICIES = 40, 200_000, 60, 12
_WORDS = (
    *("order", "refund", "invoice", "login", "password", "delivery", "account", "card", "charge", "address"),
    *("pedido", "factura", "cuenta", "envio", "tarjeta", "clave", "cargo", "direccion", "reembolso", "entrega"),
)


def entries(requests: int, seed: int = 1) -> Iterator[tuple[bytes, bytes | None]]:
    """Two entries for each request, the second with a payload of about 300 bytes."""
    source = random.Random(seed)
    for number in range(requests):
        at = BEGIN + timedelta(seconds=number * 31_536_000 / max(requests, 1))
        shared: dict[str, object] = {
            "guardrails": sha256(b"policy-%d" % (number * POLICIES // max(requests, 1))),
            "key_id": f"key-{number % 90}",
            "manifest": sha256(b"manifest-%d" % (number * VERSIONS // max(requests, 1))),
            "pipeline": "support-triage" if source.random() < 0.8 else "banking77",
            "response_id": f"chatcmpl-{int(at.timestamp() * 1_000):012x}{source.getrandbits(48):012x}",
            "subject": f"sub-{int(source.paretovariate(0.3)) % SUBJECTS:032x}",
            "tenant": f"tenant-{int(source.paretovariate(1.1)) % TENANTS}",
            "trace_id": f"{source.getrandbits(128):032x}",
            "version": 1 + number * VERSIONS // max(requests, 1),
        }
        yield _admitted(shared, at), None
        payload = source.randbytes(300)
        yield _completed(shared, at + timedelta(milliseconds=400), source, payload), payload


def text_of(number: int, seed: int = 1) -> str:
    """The redacted text of one request."""
    source = random.Random(f"{seed}/{number}")
    return " ".join(source.choices(_WORDS, k=20)) + f" ticket{number}"


def _admitted(shared: dict[str, object], at: datetime) -> bytes:
    return canonical_json(
        {
            **shared,
            "at": _time(at),
            "engine": "openvino",
            "event_id": f"{shared['response_id']}/admitted",
            "kind": "request.admitted",
            "release": None,
            "schema": "sluice/event/request-admitted/1",
            "scripted": False,
            "streamed": True,
        }
    )


def _completed(shared: dict[str, object], at: datetime, source: random.Random, payload: bytes) -> bytes:
    checks = [_check(rule, source) for rule in RULES]
    blocked = [check["rule"] for check in checks if check["verdict"] == "block"]
    draw = source.random()
    outcome = "blocked" if blocked else "failed" if draw < 0.003 else "cancelled" if draw < 0.01 else "answered"
    return canonical_json(
        {
            **shared,
            "at": _time(at),
            "checks": checks,
            "completion_tokens": source.randrange(1, 200),
            "event_id": f"{shared['response_id']}/completed",
            "kind": "request.completed",
            "outcome": outcome,
            "prompt_tokens": source.randrange(5, 900),
            "refusal_rule": blocked[0] if blocked else "",
            "schema": "sluice/event/request-completed/3",
            "sealed": sha256(payload),
            "seconds": round(source.random(), 3),
        }
    )


def _check(rule: str, source: random.Random) -> dict[str, object]:
    share = 0.06 / (1 + RULES.index(rule) * 3)
    fires = source.random() < share
    verdict = ("redact" if rule == "pii" else "block" if source.random() < 0.3 else "flag") if fires else "allow"
    spans = [{"end": 9, "entity": source.choice(ENTITIES), "start": 3}] if fires and rule == "pii" else []
    return {
        "direction": "input",
        "milliseconds": 1.25,
        "rule": rule,
        "score": round(source.random(), 2),
        "spans": spans,
        "spans_left_out": 0,
        "verdict": verdict,
    }


def _time(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
