"""The ledger over HTTP: every role sees what it may, pages and filters agree with the ledger, proofs verify."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import ignored_auth

from infra.contracts.base import now
from infra.contracts.record_events import ContentRead, ServiceChanged
from infra.contracts.request_events import RequestRefused
from infra.ledger.archive.closing import archive
from infra.ledger.query import AuditFilter
from infra.ledger.tree import root_of_entry
from infra.ledger.verify import LogKey, leaf_hash, open_checkpoint
from infra.roles import Role

pytestmark = pytest.mark.slow
_SAID = "My xylophone is broken, write to jane.roe@example.com"


class Auditor:
    """A client with a key of one role."""

    def __init__(self, gateway: Any, role: Role, tenant: str = "acme") -> None:
        self._http = httpx.Client(
            base_url=gateway.url,
            headers={"authorization": f"Bearer {gateway.key(tenant, role)}"},
            timeout=60,
            trust_env=False,
        )

    def get(self, path: str, status: int = 200, **asked: Any) -> Any:
        answer = self._http.get(f"/audit/{path}", params=asked)
        assert answer.status_code == status, answer.text
        return answer.json()

    def ids(self, **asked: Any) -> list[str]:
        return [entry["event"]["event_id"] for entry in self.get("events", **asked)["data"]]


@pytest.fixture(scope="module")
def asked(gateway: Any) -> dict[str, str]:
    """One request of each of two tenants: tenant -> response id."""
    found = {}
    for tenant in ("acme", "globex"):
        answer = httpx.post(
            f"{gateway.url}/v1/chat/completions",
            json={"model": "triage", "messages": [{"role": "user", "content": _SAID}], "user": f"jane of {tenant}"},
            headers={"authorization": f"Bearer {gateway.key(tenant)}"},
            timeout=60,
        )
        found[tenant] = answer.json()["id"]
    return found


def test_an_auditor_sees_all_and_pages_through_it(gateway: Any, asked: dict[str, str]) -> None:
    auditor = Auditor(gateway, "auditor", "outside")
    everything = [entry.index for entry in gateway.ledger.query(AuditFilter(limit=1_000))]
    page, seen = auditor.get("events", limit=3), []
    while True:
        seen += [entry["index"] for entry in page["data"]]
        if page["next_cursor"] is None:
            break
        page = auditor.get("events", limit=3, cursor=page["next_cursor"])
    assert seen == everything[::-1]
    for tenant, response_id in asked.items():
        assert auditor.ids(response=response_id) == [f"{response_id}/completed", f"{response_id}/admitted"]
        assert auditor.ids(tenant=tenant, kind="request.admitted", response=response_id) == [f"{response_id}/admitted"]
        assert f"{response_id}/completed" in auditor.ids(subject=f"jane of {tenant}")
        assert f"{response_id}/completed" in auditor.ids(detector="EMAIL_ADDRESS", action="redact")
    assert auditor.ids(outcome="blocked", since="2020-01-01", until="2020-01-02") == []
    both = auditor.ids(kind=["request.admitted", "service"], limit=1_000)
    assert {name.split("/")[-1].split("-")[0] for name in both} >= {"admitted", "service"}


def test_words_of_the_sealed_text_are_found(gateway: Any, asked: dict[str, str]) -> None:
    auditor = Auditor(gateway, "auditor")
    assert set(auditor.ids(text="XYLOPHONE broken")) >= {f"{one}/completed" for one in asked.values()}
    assert auditor.ids(text="xylophone unheard") == []
    assert auditor.ids(text="jane.roe@example.com") == [], "it was redacted before it was sealed"


def test_what_is_sealed_is_opened_for_who_may_and_that_is_recorded(gateway: Any, asked: dict[str, str]) -> None:
    auditor = Auditor(gateway, "auditor")
    before = len(gateway.ledger.query(AuditFilter(kinds=("content.read",), limit=1_000)))
    assert all(entry["content"] is None for entry in auditor.get("events", response=asked["globex"])["data"])
    assert len(gateway.ledger.query(AuditFilter(kinds=("content.read",), limit=1_000))) == before
    completed, admitted = auditor.get("events", response=asked["globex"], content=True)["data"]
    assert "xylophone" in completed["content"] and "jane.roe" not in completed["content"]
    assert admitted["content"] is None
    (read,) = gateway.ledger.query(AuditFilter(kinds=("content.read",), limit=1_000))[before:]
    assert isinstance(read.event, ContentRead) and read.event.entries == (completed["index"],)
    assert read.event.actor.startswith("key key-")
    refused = Auditor(gateway, "operator").get("events", 403, response=asked["globex"], content=True)
    assert refused["error"]["code"] == "forbidden"
    assert len(Auditor(gateway, "operator").get("events", response=asked["globex"])["data"]) == 2


def test_a_tenants_auditor_sees_that_tenant_alone(gateway: Any, asked: dict[str, str]) -> None:
    auditor = Auditor(gateway, "tenant-auditor", "globex")
    seen = auditor.get("events", limit=1_000)["data"]
    assert {entry["event"]["tenant"] for entry in seen} == {"globex"}
    assert auditor.get("events", response=asked["acme"])["data"] == []
    assert "xylophone" in auditor.get("events", response=asked["globex"], content=True)["data"][0]["content"]
    auditor.get("events", 403, tenant="acme")
    foreign = gateway.ledger.get(f"{asked['acme']}/completed").index
    auditor.get(f"events/{foreign}/proof", 404)
    assert auditor.get(f"events/{seen[0]['index']}/proof")["index"] == seen[0]["index"]


def test_a_proof_leads_from_the_entry_to_the_signed_root(gateway: Any, asked: dict[str, str]) -> None:
    auditor = Auditor(gateway, "operator")
    signed = auditor.get("checkpoint")
    keys = [LogKey.read(key) for key in signed["keys"]]
    assert open_checkpoint(signed["checkpoint"], keys).size > 0
    index = gateway.ledger.get(f"{asked['acme']}/completed").index
    found = auditor.get(f"events/{index}/proof")
    head, _, note = found["proof"].partition("\n\n")
    kind, place, *hashes = head.split("\n")
    tip = open_checkpoint(note, keys)
    assert (kind, place) == ("c2sp.org/tlog-proof@v1", f"index {index}")
    proof = [base64.b64decode(step) for step in hashes]
    assert root_of_entry(index, tip.size, leaf_hash(found["entry"].encode()), proof) == tip.root
    assert json.loads(found["entry"])["event_id"] == f"{asked['acme']}/completed"


def test_who_may_not_read_is_refused_and_that_is_recorded(gateway: Any) -> None:
    nobody = httpx.get(f"{gateway.url}/audit/events")
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (401, "invalid_api_key")
    Auditor(gateway, "caller").get("events", 403)
    refused = [entry.event for entry in gateway.ledger.query(AuditFilter(kinds=("request.refused",), limit=2))]
    assert [event.code for event in refused if isinstance(event, RequestRefused)] == ["invalid_api_key", "forbidden"]
    asks = httpx.post(
        f"{gateway.url}/v1/chat/completions",
        json={"model": "triage", "messages": [{"role": "user", "content": "hi"}]},
        headers={"authorization": f"Bearer {gateway.key(role='auditor')}"},
    )
    assert (asks.status_code, asks.json()["error"]["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 0},
        {"limit": 1_001},
        {"cursor": -1},
        {"version": "one"},
        {"since": "yesterday"},
        {"action": "allow"},
        {"person": "jane.roe@example.com"},
        {"content": "perhaps"},
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_told_by_name_and_never_repeated(gateway: Any, wrong: dict[str, Any]) -> None:
    error = Auditor(gateway, "auditor").get("events", 400, **wrong)["error"]
    assert error["param"] == next(iter(wrong)) and "jane" not in error["message"]


@pytest.mark.parametrize(("method", "path", "status"), [("POST", "events", 405), ("GET", "nothing", 404)])
def test_other_paths_and_methods_are_told(gateway: Any, method: str, path: str, status: int) -> None:
    answer = httpx.request(method, f"{gateway.url}/audit/{path}")
    assert answer.status_code == status and answer.json()["error"]["code"]


def test_the_description_names_every_path(gateway: Any) -> None:
    described = httpx.get(f"{gateway.url}/audit/openapi.json").json()
    assert set(described["paths"]) == {"/events", "/events/{index}/proof", "/checkpoint"}
    assert {one["name"] for one in described["paths"]["/events"]["get"]["parameters"]} >= {"tenant", "text", "cursor"}


def test_generated_requests_meet_the_description(gateway: Any) -> None:
    """Schemathesis makes requests, good and bad, out of the OpenAPI document and holds every answer against it."""
    schema = schemathesis.openapi.from_url(f"{gateway.url}/audit/openapi.json")
    headers = {"authorization": f"Bearer {gateway.key('outside', 'auditor')}"}

    checked = 0
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=operation.as_strategy())
        def one(case: Any) -> None:
            # It takes the key away by dropping the header that it made, and this one is ours: see the test of refusals.
            case.call_and_validate(
                base_url=f"{gateway.url}/audit", headers=headers, timeout=30, excluded_checks=[ignored_auth]
            )

        one()
        checked += 1
    assert checked == 3


def test_old_entries_are_answered_from_the_archive_and_nothing_else_needs_it(
    gateway: Any, asked: dict[str, str]
) -> None:
    ledger, auditor = gateway.ledger, Auditor(gateway, "auditor")
    wanted = {"response": asked["acme"], "content": True}
    before = auditor.get("events", **wanted)["data"]
    filling = ServiceChanged(event_id="x", at=now(), pipeline="", service="test", action="started")
    ledger.append_many([(filling.model_copy(update={"event_id": f"x-{number}"}), None) for number in range(700)])
    archive(gateway.home, ledger, now() + timedelta(days=1))
    assert ledger.get(f"{asked['acme']}/completed") is None
    assert auditor.get("events", **wanted)["data"] == before
    assert auditor.get(f"events/{before[0]['index']}/proof")["proof"]
    away = gateway.home.archive.rename(gateway.home.root / "away")
    try:
        assert auditor.get("events", 503, **wanted)["error"]["code"] == "ledger_unavailable"
        body = {"model": "triage", "messages": [{"role": "user", "content": "hello"}]}
        headers = {"authorization": f"Bearer {gateway.key('acme')}"}
        said = httpx.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers, timeout=60)
        assert said.status_code == 200
        assert len(auditor.get("events", response=said.json()["id"], limit=2)["data"]) == 2
    finally:
        away.rename(gateway.home.archive)
    assert auditor.get("events", **wanted)["data"] == before
