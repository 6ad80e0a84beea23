"""The alias `champion` moved by hand in a real MLflow: what is done, what is refused, said, recorded and put back.

With a real gateway beside it, which answers with the last good version all the while.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows import attend as attend_module
from flows.alias_requests import REFUSED_TAG
from flows.attend import attend
from flows.desk import ReviewDesk
from flows.pipeline import Pipeline
from flows.progress import Silent
from flows.release import release, rollback, told_history
from flows.review import add_reviewer, approve, approve_and_release, reject
from flows.steps.mirror import asked_for, mirror
from infra import processes
from infra.contracts.adapter import Adapter
from infra.contracts.base import now
from infra.contracts.gate import GateVerdict
from infra.contracts.lifecycle_events import Released, ReleaseRefused, StageFinished
from infra.contracts.model_version import ModelVersion
from infra.ledger.query import AuditFilter
from infra.processes import address
from infra.rules import read_rule
from infra.settings import Settings, read_settings
from infra.stores.callers import Callers
from infra.stores.mirrored import Mirrored
from infra.stores.registry import ALIASES, Registry

MakeVersion = Callable[..., ModelVersion]


def test_what_we_set_ourselves_is_no_request(desk: ReviewDesk, make_version: MakeVersion) -> None:
    add_reviewer("ana", desk)
    first, second = make_version(desk, 1), make_version(desk, 2)
    approve_and_release(first, "ana", "good", desk)
    memory = Mirrored(desk.settings.home)
    assert memory.champions("tickets") is None
    assert asked_for("tickets", 1, 1, desk) is None and asked_for("tickets", None, 1, desk) is None
    assert asked_for("tickets", 2, 1, desk) == 2, "never in force, so it was not us"
    approve_and_release(second, "ana", "good", desk)
    assert asked_for("tickets", 1, 2, desk) is None, "nothing is remembered: it may lag behind"
    memory.remember("tickets", frozenset({1, 2}))  # a crash while the alias was moved from 1 to 2
    assert asked_for("tickets", 1, 2, desk) is None
    memory.remember("tickets", frozenset({2}))
    assert asked_for("tickets", 1, 2, desk) == 1


@dataclass(frozen=True)
class Site:
    """A home with an MLflow model and, in some tests, a gateway."""

    desk: ReviewDesk
    registry: Registry
    make: MakeVersion

    @property
    def client(self) -> Any:
        """MLflow's own client, as a person or a script uses it."""
        return self.registry.server.client

    def mlflow_version(self) -> int:
        """A version that MLflow has; nothing signed stands behind it yet."""
        run = self.client.create_run("0").info
        return int(self.client.create_model_version("tickets", f"{run.artifact_uri}/model", run.run_id).version)

    def version(self, days: float = 0.0, verdict: GateVerdict = GateVerdict.GO) -> ModelVersion:
        """A version as `register` leaves it: in MLflow, signed, recorded."""
        manifest = self.make(self.desk, self.mlflow_version(), verdict)
        if days:
            path = next(self.desk.settings.home.releases.glob(f"tickets/manifests/{manifest.digest[7:]}.json"))
            path.unlink()
            manifest = manifest.model_copy(update={"created": now() - timedelta(days=days)})
            self.desk.releases.put_manifest(manifest)
        self.desk.ledger.append(
            StageFinished(
                event_id=f"run-{manifest.version}/register",
                at=now(),
                pipeline="tickets",
                stage="register",
                run_id=f"run-{manifest.version}",
                produced=manifest.digest,
                verdict=verdict,
                version=manifest.version,
            )
        )
        return manifest

    def set_champion(self, version: int) -> None:
        self.client.set_registered_model_alias("tickets", "champion", str(version))

    def aliases(self) -> dict[str, int]:
        return dict(self.registry.aliases("tickets"))

    def refusals(self) -> list[ReleaseRefused]:
        found = [entry.event for entry in self.desk.ledger.query(AuditFilter(kinds=("release.refused",)))]
        return [event for event in found if isinstance(event, ReleaseRefused)]


@pytest.fixture
def site(
    mlflow_settings: Settings, desk: ReviewDesk, make_version: MakeVersion, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    monkeypatch.setattr(attend_module, "_ATTENTION", {})
    url = address(mlflow_settings.home, "mlflow")
    registry = Registry.open(url)
    client = registry.server.client
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model("tickets")
    except MlflowException:
        _no_alias(registry)
    yield Site(replace(desk, mlflow_url=url), registry, make_version)
    _no_alias(registry)


def _no_alias(registry: Registry) -> None:
    for alias in ALIASES:
        registry.point("tickets", alias, None)


@pytest.mark.slow
def test_with_an_approval_the_alias_is_a_signed_release(site: Site) -> None:
    desk = site.desk
    add_reviewer("ana", desk)
    first, second = site.version(), site.version()
    approve_and_release(first, "ana", "good", desk)
    approve(second, "ana", "better", desk)
    site.set_champion(second.version)
    for _ in range(3):
        attend(desk)
    current = desk.releases.current("tickets")
    assert current is not None and current.manifest == second
    assert (current.release.sequence, current.release.kind, current.release.actor) == (2, "release", "mlflow-alias")
    assert current.release.reason == f"the alias champion was set on version {second.version} in MLflow"
    assert site.aliases() == {"champion": second.version, "previous": first.version}
    site.set_champion(first.version)  # the way back by hand is a rollback: what it takes off stays off
    attend(desk)
    done = desk.releases.history("tickets")[-1]
    assert (done.sequence, done.kind, done.version, done.actor) == (3, "rollback", first.version, "mlflow-alias")
    assert site.aliases() == {"champion": first.version}
    events = [entry.event for entry in desk.ledger.query(AuditFilter(kinds=("release.written",)))]
    assert [event.actor for event in events if isinstance(event, Released)] == ["ana", "mlflow-alias", "mlflow-alias"]
    assert site.refusals() == [] and desk.ledger.verify().ok


@pytest.mark.slow
def test_what_asks_for_nothing_is_put_back_in_silence(site: Site) -> None:
    desk = site.desk
    add_reviewer("ana", desk)
    first, second, third = site.version(), site.version(), site.version()
    approve_and_release(first, "ana", "good", desk)
    approve_and_release(second, "ana", "better", desk)
    right = {"candidate": third.version, "champion": second.version, "previous": first.version}
    assert site.aliases() == right
    for alias in ALIASES:
        site.client.delete_registered_model_alias("tickets", alias)
        attend(desk)
        assert site.aliases() == right
    for alias in ("candidate", "previous"):
        site.client.set_registered_model_alias("tickets", alias, str(second.version))
        attend(desk)
        assert site.aliases() == right
    site.client.set_registered_model_alias("tickets", "somebody-elses", str(first.version))
    attend(desk)
    assert site.aliases() == right | {"somebody-elses": first.version}
    site.client.delete_registered_model_alias("tickets", "somebody-elses")
    assert site.refusals() == [] and len(desk.releases.history("tickets")) == 2


@pytest.mark.slow
def test_our_own_half_done_release_is_no_request(site: Site) -> None:
    desk = site.desk
    add_reviewer("ana", desk)
    first, second = site.version(), site.version()
    approve_and_release(first, "ana", "good", desk)
    deaf = replace(desk, mlflow_url="")  # the release is written; its alias never followed
    approval = approve(second, "ana", "better", deaf)
    release(second, approval, "ana", deaf)
    assert site.aliases()["champion"] == first.version
    attend(desk)
    assert site.aliases() == {"champion": second.version, "previous": first.version}
    rollback("tickets", deaf, actor="oncall")
    attend(desk)
    assert site.aliases() == {"champion": first.version}
    assert [one.actor for one in desk.releases.history("tickets")] == ["ana", "ana", "oncall"]
    assert site.refusals() == []


@pytest.mark.slow
def test_releases_and_passes_at_the_same_time_make_no_request_up(site: Site) -> None:
    desk = site.desk
    add_reviewer("ana", desk)
    versions = [site.version() for _ in range(4)]
    ended = threading.Event()
    failures: list[BaseException] = []

    def passes() -> None:
        mine = replace(ReviewDesk.open(desk.settings, progress=Silent()), mlflow_url=desk.mlflow_url)
        try:
            while not ended.is_set():
                attend(mine)
        except BaseException as error:
            failures.append(error)

    other = threading.Thread(target=passes)
    other.start()
    for manifest in versions:
        approve_and_release(manifest, "ana", "good", desk)
    rollback("tickets", desk, actor="oncall")
    ended.set()
    other.join()
    assert failures == [] and site.refusals() == []
    assert [one.actor for one in desk.releases.history("tickets")] == ["ana"] * 4 + ["oncall"]
    assert site.aliases() == {"champion": versions[2].version, "previous": versions[1].version}


@pytest.mark.slow
def test_a_registration_between_request_and_answer_leaves_the_request(site: Site) -> None:
    desk = site.desk
    add_reviewer("ana", desk)
    first, second = site.version(), site.version()
    approve_and_release(first, "ana", "good", desk)
    approve(second, "ana", "better", desk)
    site.set_champion(second.version)
    mirror("tickets", desk, site.registry)  # as `register` does
    assert site.aliases()["champion"] == second.version
    approve_and_release(first, "ana", "good", desk)  # a person's release overrules it
    assert site.aliases()["champion"] == first.version


@pytest.fixture
def answering() -> Iterator[str]:
    """An OpenAI-compatible server with one answer; gives its base URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            for delta, reason in (({"content": "refund"}, None), ({}, "stop")):
                event = {"choices": [{"delta": delta, "finish_reason": reason}]}
                self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
            self.wfile.write(b"data: [DONE]\n\n")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()


@dataclass(frozen=True)
class Gateway:
    """A real gateway on the home under test."""

    url: str
    key: str
    settings: Settings

    def ready(self, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """What /readyz says once it says that; 200 all the time."""
        for _ in range(600):
            answer = httpx.get(f"{self.url}/readyz", timeout=30)
            if answer.status_code == 200 and until(answer.json()):
                return dict(answer.json())
            time.sleep(0.1)
        raise AssertionError(answer.text)

    def version(self) -> str:
        """The version that answers a request."""
        answer = httpx.post(
            f"{self.url}/v1/chat/completions",
            json={"model": "tickets", "messages": [{"role": "user", "content": "Where is my order?"}]},
            headers={"authorization": f"Bearer {self.key}"},
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        return answer.headers["x-sluice-version"]


@pytest.fixture
def gateway(settings: Settings, answering: str) -> Iterator[Gateway]:
    there = read_settings(
        {
            "SLUICE_HOME": str(settings.home.root),
            "SLUICE_ENGINE_NAME": "upstream",
            "SLUICE_ENGINE_UPSTREAM_URL": answering,
            "SLUICE_ENGINE_UPSTREAM_MODEL": "any",
            "SLUICE_GATEWAY_POLL_S": "0.1",
        }
    )
    service = processes.ensure(there, ("gateway",))[0]
    yield Gateway(service.url, Callers(settings.home).create("acme").key, there)
    processes.stop(settings.home)


def _altered_manifest(site: Site) -> int:
    manifest = site.version()
    path = next(site.desk.settings.home.releases.glob(f"tickets/manifests/{manifest.digest[7:]}.json"))
    path.write_bytes(path.read_bytes().replace(b"Sort the ticket.", b"Say anything....", 1))
    return manifest.version


def _altered_weights(site: Site) -> int:
    manifest = site.version()
    approve(manifest, "ana", "good", site.desk)
    weights = Adapter.from_json(site.desk.blobs.get(manifest.adapter)).files[0]
    path = site.desk.blobs.path(weights.digest)
    path.chmod(0o600)
    path.write_bytes(b"other weights")
    return manifest.version


def _unsigned(site: Site) -> int:
    manifest = site.version()
    next(site.desk.settings.home.releases.glob(f"tickets/manifests/{manifest.digest[7:]}.json")).unlink()
    return manifest.version


def _rejected(site: Site) -> int:
    manifest = site.version()
    reject(manifest, "ana", "not good", site.desk)
    return manifest.version


CASES: dict[str, tuple[Callable[[Site], int], str]] = {
    "waiting": (lambda site: site.version().version, "version {n} of tickets is waiting, not approved"),
    "rejected": (_rejected, "version {n} of tickets is rejected, not approved"),
    "expired": (lambda site: site.version(days=31).version, "version {n} of tickets is expired, not approved"),
    "altered manifest": (_altered_manifest, "version {n} of tickets has no manifest that verifies (the signature of"),
    "altered weights": (_altered_weights, "a file of the adapter is not what its digest says"),
    "unsigned": (_unsigned, "version {n} of tickets has no manifest that verifies (there is no manifest sha256:"),
    "unknown": (Site.mlflow_version, "version {n} of tickets has no signed manifest: it was not registered by Sluice"),
}


@pytest.mark.slow
def test_each_refusal_is_said_recorded_once_and_put_back_while_the_last_good_version_answers(
    site: Site, gateway: Gateway, pipeline: Pipeline
) -> None:
    """One gateway for all cases, since it takes seconds to start."""
    desk = site.desk
    Path(pipeline.guardrails).write_text(read_rule("guardrails", "default").text, encoding="utf-8")
    add_reviewer("ana", desk)
    good = site.version()
    approve_and_release(good, "ana", "good", desk)
    ready = gateway.ready(lambda said: said.get("versions") == {"tickets": good.version})
    assert ready["refused"] == []
    for number, (name, (prepare, sentence)) in enumerate(CASES.items(), 1):
        version = prepare(site)
        attend(desk)
        site.set_champion(version)
        for _ in range(3):
            attend(desk)
        assert site.aliases()["champion"] == good.version, name
        refusals = site.refusals()
        assert len(refusals) == number, f"{name}: once, not at each pass"
        assert refusals[-1].version == version and refusals[-1].reason.startswith(sentence.format(n=version)), name
        shown = site.registry.version("tickets", version).tags
        assert shown[REFUSED_TAG] == refusals[-1].reason
        if name in {"waiting", "rejected", "expired"}:
            assert shown["sluice.review"] == name
        ready = gateway.ready(lambda said, version=version: [one["refused"] for one in said["refused"]] == [version])
        assert ready["versions"] == {"tickets": good.version}
        assert refusals[-1].reason in ready["refused"][0]["message"]
        service = processes.status(gateway.settings.home)[0]
        assert service.ready and service.note == ready["refused"][0]["message"]
        assert gateway.version() == str(good.version), name
        current = desk.releases.current("tickets")
        assert current is not None and (current.manifest, current.release.sequence) == (good, 1)
    kinds = [type(row).__name__ for row in told_history("tickets", desk)]
    assert kinds == ["PastRelease"] + ["PastRefusal"] * len(CASES)

    better = site.version()
    approve(better, "ana", "better", desk)
    site.set_champion(better.version)
    attend(desk)
    ready = gateway.ready(lambda said: said.get("versions") == {"tickets": better.version} and not said["refused"])
    assert gateway.version() == str(better.version)
    assert desk.ledger.verify().ok
