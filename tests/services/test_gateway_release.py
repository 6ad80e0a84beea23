"""A real gateway over real releases, before a slow upstream: swaps, callers that leave, crashes, and a clean end."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import psutil
import pytest

from infra import processes
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter
from infra.rules import read_rule
from infra.server_state import read_state
from infra.settings import Settings, read_settings
from infra.stores.callers import Callers

pytestmark = pytest.mark.slow
CALLERS = 200


@pytest.fixture(scope="module")
def upstream(slow_upstream: Any) -> Any:
    """An upstream whose answers stop after their first piece until its gate is open (conftest.py)."""
    return slow_upstream


@dataclass
class Site:
    """The gateway under test."""

    url: str
    settings: Settings
    publisher: Any
    key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"}

    @property
    def home(self) -> Home:
        return self.settings.home

    def outcome(self, response_id: str, wait_s: float = 15) -> str:
        """How a request ended, '' where it is not recorded in time."""
        until = time.monotonic() + wait_s
        while time.monotonic() < until:
            entries = Ledger.open(self.home).of_response(response_id)
            if len(entries) == 2:
                return str(entries[1].event.outcome)
            time.sleep(0.1)
        return ""

    def body(self, **more: Any) -> dict[str, Any]:
        return {"model": "triage", "messages": [{"role": "user", "content": "Where is my order?"}], **more}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, upstream: Any, make_publisher: Any) -> Iterator[Site]:
    settings = read_settings(
        {
            "SLUICE_HOME": str(tmp_path_factory.mktemp("site")),
            "SLUICE_ENGINE_NAME": "upstream",
            "SLUICE_ENGINE_UPSTREAM_URL": upstream.url,
            "SLUICE_ENGINE_UPSTREAM_MODEL": "any",
            "SLUICE_GATEWAY_POLL_S": "0.1",
        }
    )
    publisher = make_publisher(settings.home, policy=read_rule("guardrails", "default").text.encode())
    service = processes.ensure(settings, ("gateway",))[0]
    assert not service.ready and "no release" in service.note
    site = Site(service.url, settings, publisher, Callers(settings.home).create("acme").key)
    yield site
    processes.stop(settings.home)


@pytest.fixture(autouse=True)
def open_gate(upstream: Any) -> Iterator[None]:
    upstream.gate.set()
    yield
    upstream.gate.set()


def serving(site: Site, version: int) -> None:
    """Waits until the gateway answers with a version."""
    for _ in range(600):
        ready = httpx.get(f"{site.url}/readyz").json()
        if ready.get("versions", {}).get("triage") == version:
            return
        time.sleep(0.1)
    raise AssertionError(f"version {version} was not taken up: {ready}")


def test_without_a_release_it_is_up_and_answers_503(site: Site) -> None:
    answer = httpx.post(f"{site.url}/v1/chat/completions", json=site.body(), headers=site.headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_release")
    assert httpx.get(f"{site.url}/readyz").json()["error"]["code"] == "no_release"
    assert httpx.get(f"{site.url}/healthz").status_code == 200


def test_a_release_is_taken_up_while_it_runs_and_every_answer_names_it(site: Site) -> None:
    release = site.publisher.release(1)
    serving(site, 1)
    answer = httpx.post(f"{site.url}/v1/chat/completions", json=site.body(), headers=site.headers, timeout=30)
    assert answer.headers["x-sluice-version"] == "1" and answer.headers["x-sluice-release"] == release.digest
    assert answer.json()["system_fingerprint"].startswith("triage-v1-")
    admitted, completed = Ledger.open(site.home).of_response(answer.headers["x-request-id"])
    assert (admitted.event.version, admitted.event.release, admitted.event.scripted) == (1, release.digest, False)
    assert completed.event.outcome == "answered"
    assert processes.status(site.home)[0].ready
    unknown = httpx.post(f"{site.url}/v1/chat/completions", json=site.body(model="other"), headers=site.headers)
    assert unknown.json()["error"]["code"] == "model_not_found"


async def ask_all(site: Site, upstream: Any, count: int) -> list[httpx.Response]:
    """Sends `count` streamed requests, releases version 2 while all are under way, lets them go on; asks 20 more."""
    upstream.gate.clear()
    begun = upstream.begun
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=120, limits=limits, trust_env=False) as client:

        async def ask() -> httpx.Response:
            return await client.post(
                f"{site.url}/v1/chat/completions", json=site.body(stream=True), headers=site.headers
            )

        before = [asyncio.create_task(ask()) for _ in range(count)]
        while upstream.begun < begun + count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await asyncio.to_thread(site.publisher.release, 2)
        await asyncio.to_thread(serving, site, 2)
        after = [asyncio.create_task(ask()) for _ in range(20)]
        await asyncio.sleep(0.3)
        upstream.gate.set()
        return list(await asyncio.gather(*before, *after))


def test_a_release_with_two_hundred_answers_in_flight_drops_none(site: Site, upstream: Any) -> None:
    answers = asyncio.run(ask_all(site, upstream, CALLERS))
    versions = [answer.headers["x-sluice-version"] for answer in answers]
    assert versions == ["1"] * CALLERS + ["2"] * 20
    for answer in answers:
        events = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
        assert answer.status_code == 200 and events[-1] == "[DONE]"
        chunks = [json.loads(event) for event in events[:-1]]
        text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
        assert text.split() == [f"word{piece}" for piece in range(upstream.pieces)]
        version = answer.headers["x-sluice-version"]
        assert {chunk["system_fingerprint"].split("-")[1] for chunk in chunks} == {f"v{version}"}


@pytest.mark.parametrize("stream", [True, False])
def test_a_caller_that_leaves_stops_the_generation(site: Site, upstream: Any, stream: bool) -> None:
    upstream.gate.clear()
    broken_off = upstream.broken_off
    admitted = len(Ledger.open(site.home).query(AuditFilter(kinds=("request.admitted",), limit=10_000)))
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{site.url}/v1/chat/completions", json=site.body(stream=stream), headers=site.headers, timeout=1.5)
    found = Ledger.open(site.home).query(AuditFilter(kinds=("request.admitted",), limit=10_000))
    assert len(found) == admitted + 1
    assert site.outcome(found[-1].event.response_id) == "cancelled"
    for _ in range(50):
        if upstream.broken_off > broken_off:
            return
        time.sleep(0.1)
    raise AssertionError("the upstream went on generating")


def test_a_release_that_does_not_verify_changes_nothing(site: Site) -> None:
    folder = site.home.releases / "triage" / "releases"
    assert httpx.get(f"{site.url}/readyz").json()["refused"] == [] and processes.status(site.home)[0].note == ""
    (folder / "00000009.json").write_text((folder / "00000001.json").read_text())
    time.sleep(1)
    ready = httpx.get(f"{site.url}/readyz")
    assert ready.status_code == 200 and ready.json()["versions"] == {"triage": 2}
    (remark,) = ready.json()["refused"]
    assert remark["message"].startswith("triage stays on version 2: a release was refused: ")
    service = processes.status(site.home)[0]
    assert service.ready and service.note == remark["message"]
    answer = httpx.post(f"{site.url}/v1/chat/completions", json=site.body(), headers=site.headers, timeout=30)
    assert answer.headers["x-sluice-version"] == "2"
    refused = Ledger.open(site.home).query(AuditFilter(kinds=("release.refused",)))
    assert refused and all(entry.event.pipeline == "triage" for entry in refused)
    (folder / "00000009.json").unlink()


def test_an_answer_that_a_crash_cut_off_is_recorded_as_interrupted(site: Site, upstream: Any) -> None:
    upstream.gate.clear()
    state = read_state(site.home, "gateway")
    assert state is not None
    worker = psutil.Process(state.pid).children()[0]
    with httpx.stream(
        "POST", f"{site.url}/v1/chat/completions", json=site.body(stream=True), headers=site.headers, timeout=60
    ) as answer:
        response_id = answer.headers["x-request-id"]
        worker.kill()
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()
    upstream.gate.set()
    assert site.outcome(response_id, wait_s=60) == "interrupted", "BentoML's supervisor starts a new worker"
    serving(site, 2)


def test_the_end_of_the_service_lets_answers_finish(site: Site, upstream: Any) -> None:
    upstream.gate.clear()
    with httpx.stream(
        "POST", f"{site.url}/v1/chat/completions", json=site.body(stream=True), headers=site.headers, timeout=60
    ) as answer:
        ending = threading.Thread(target=processes.stop, args=(site.home,))
        ending.start()
        time.sleep(1)
        upstream.gate.set()
        assert answer.read().decode().rstrip().endswith("data: [DONE]")
    ending.join()
    assert site.outcome(answer.headers["x-request-id"]) == "answered"
    last = Ledger.open(site.home).query(AuditFilter(kinds=("service.changed",)))[-1].event
    assert last.action == "stopped" and Ledger.open(site.home).verify().ok
