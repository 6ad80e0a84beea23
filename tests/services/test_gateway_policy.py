"""A real gateway under load: another policy is put over its release, no request is dropped, each has one policy."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from infra import processes
from infra.digest import sha256
from infra.ledger.log import Ledger
from infra.settings import Settings, read_settings
from infra.stores.callers import Callers

pytestmark = pytest.mark.slow
OPEN = b"name: open\nstream: holdback\ninput: []\noutput: []\n"
MASKING = b"""
name: masking
stream: holdback
input:
  - {id: mail, detector: pii, options: {entities: [EMAIL_ADDRESS]}, action: block, message: No addresses.}
output: []
examples:
  - {name: mail, direction: input, language: en, text: "I am ana@example.com", verdict: block, rule: mail}
"""
LYING = MASKING.replace(b"I am ana@example.com", b"I am Ana")
ASKED = "Write to ana@example.com please."


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, make_publisher: Any, slow_upstream: Any) -> Iterator[Any]:
    """A gateway over one release, with the upstream that its answers come from."""
    settings = read_settings(
        {
            "SLUICE_HOME": str(tmp_path_factory.mktemp("site")),
            "SLUICE_ENGINE_NAME": "upstream",
            "SLUICE_ENGINE_UPSTREAM_URL": slow_upstream.url,
            "SLUICE_ENGINE_UPSTREAM_MODEL": "any",
            "SLUICE_GATEWAY_POLL_S": "0.1",
            "SLUICE_GATEWAY_CONCURRENCY": "300",
            "SLUICE_START_TIMEOUT_S": "600",
        }
    )
    publisher = make_publisher(settings.home, policy=OPEN)
    publisher.release(1)
    service = processes.ensure(settings, ("gateway",))[0]
    yield Site(service.url, settings, publisher, Callers(settings.home).create("acme").key, slow_upstream)
    processes.stop(settings.home)


class Site:
    """The gateway under test."""

    def __init__(self, url: str, settings: Settings, publisher: Any, key: str, upstream: Any) -> None:
        self.url, self.home, self.publisher, self.upstream = url, settings.home, publisher, upstream
        self.headers = {"authorization": f"Bearer {key}"}
        self.body = {"model": "triage", "stream": True, "messages": [{"role": "user", "content": ASKED}]}

    def ready(self) -> dict[str, Any]:
        return dict(httpx.get(f"{self.url}/readyz", timeout=60, trust_env=False).json())

    def wait_for(self, policy: bytes) -> None:
        for _ in range(3_000):
            if self.ready().get("guardrails", {}).get("triage") == sha256(policy):
                return
            time.sleep(0.1)
        raise AssertionError(f"the policy was not taken up: {self.ready()}")


async def ask_around(site: Site, count: int) -> list[httpx.Response]:
    """`count` answers under way while the policy is changed, and 20 afterwards."""
    site.upstream.gate.clear()
    begun = site.upstream.begun
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=600, limits=limits, trust_env=False) as client:

        async def ask() -> httpx.Response:
            return await client.post(f"{site.url}/v1/chat/completions", json=site.body, headers=site.headers)

        before = [asyncio.create_task(ask()) for _ in range(count)]
        while site.upstream.begun < begun + count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await asyncio.to_thread(site.publisher.put, MASKING)
        await asyncio.to_thread(site.wait_for, MASKING)
        after = [asyncio.create_task(ask()) for _ in range(20)]
        done = await asyncio.gather(*after)
        site.upstream.gate.set()
        return [*await asyncio.gather(*before), *done]


def test_a_change_with_a_hundred_answers_in_flight_drops_none_and_each_names_its_policy(site: Site) -> None:
    answers = asyncio.run(ask_around(site, 100))
    assert [answer.status_code for answer in answers[:100]] == [200] * 100
    assert all(answer.text.rstrip().endswith("data: [DONE]") for answer in answers[:100])
    refused = answers[100:]
    assert {answer.json()["error"]["code"] for answer in refused} == {refused[0].json()["error"]["code"]}
    ledger = Ledger.open(site.home)
    named = [ledger.of_response(answer.headers["x-request-id"])[0].event.guardrails for answer in answers]
    assert named == [sha256(OPEN)] * 100 + [sha256(MASKING)] * 20
    outcomes = [ledger.of_response(answer.headers["x-request-id"])[1].event.outcome for answer in answers]
    assert outcomes == ["answered"] * 100 + ["blocked"] * 20
    assert {answer.headers["x-sluice-version"] for answer in answers} == {"1"}


@pytest.mark.parametrize(
    ("policy", "reason"),
    [(b"name: [", "YAML"), (LYING, "fails 1 of its own examples: mail"), (b"name: gone\n", "")],
    ids=["not YAML", "its own example", "text is gone"],
)
def test_what_does_not_work_leaves_the_old_policy_and_is_said(site: Site, policy: bytes, reason: str) -> None:
    site.wait_for(MASKING)
    change = site.publisher.put(policy, keep=not policy.startswith(b"name: gone"))
    for _ in range(3_000):
        if any(f"change {change.sequence} was refused" in one["message"] for one in site.ready()["refused"]):
            break
        time.sleep(0.1)
    ready = site.ready()
    [told] = [one["message"] for one in ready["refused"]]
    assert f"change {change.sequence} was refused: it cannot be put to work: " in told and reason in told
    assert ready["guardrails"]["triage"] == sha256(MASKING)
    service = processes.status(site.home)[0]
    assert service.ready and service.note == told
    site.upstream.gate.set()
    answer = httpx.post(
        f"{site.url}/v1/chat/completions", json=site.body, headers=site.headers, timeout=60, trust_env=False
    )
    assert answer.status_code == 400 or "error" in answer.json()


def test_the_way_back_and_the_next_release(site: Site) -> None:
    site.publisher.put(OPEN, kind="back")
    site.wait_for(OPEN)
    assert site.ready()["refused"] == []
    site.publisher.put(MASKING)
    site.wait_for(MASKING)
    site.publisher.release(2)
    site.wait_for(OPEN)
    assert site.ready()["versions"] == {"triage": 2}
    assert Ledger.open(site.home).verify().ok
