"""A home with releases to serve, engines that answer with their version, and a real gateway that all tests share."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from infra import processes
from infra.contracts.evaluation import EngineRecord
from infra.contracts.model_version import ModelVersion, PromptSpec
from infra.contracts.policy_release import PolicyRelease
from infra.contracts.release import Approval, Release
from infra.digest import Digest, sha256
from infra.engines.engine import Capabilities, Chunk, Generation, Message
from infra.errors import PartFailed
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.vault import Vault
from infra.roles import Role
from infra.settings import read_settings
from infra.stores.blobs import Blobs
from infra.stores.callers import Callers
from infra.stores.releases import Releases, VerifiedRelease
from infra.stores.reviewers import Reviewers
from services.metrics import Metrics
from services.recorder import Recorder
from services.refusals import last_refusals
from services.release_watch import ReleaseWatch
from services.served import Served

AT = datetime(2026, 1, 2, tzinfo=UTC)
POLICY = b"name: open\nstream: holdback\ninput: []\noutput: []\n"


@dataclass
class Publisher:
    """Makes versions, approves and releases them as the flows do."""

    home: Home
    pipeline: str = "triage"
    policy: bytes = POLICY
    releases: Releases = field(init=False)

    def __post_init__(self) -> None:
        self.releases = Releases(self.home)
        self.reviewer = Reviewers(self.home).add("ana")

    def manifest(self, version: int) -> ModelVersion:
        digest = {name: sha256(f"{name} {version}".encode()) for name in ("adapter", "snapshot", "report", "decision")}
        made = ModelVersion(
            pipeline=self.pipeline,
            version=version,
            run_id="run",
            base_model=sha256(b"base"),
            guardrails=Blobs(self.home.blobs).put(self.policy),
            access=Blobs(self.home.blobs).put(b"name: open\n"),
            prompt=PromptSpec(system="Answer.", answer_format="text", max_new_tokens=64),
            created=AT,
            **digest,
        )
        self.releases.put_manifest(made)
        return made

    def approve(self, manifest: ModelVersion, decision: str = "approved") -> Approval:
        made = Approval(
            pipeline=self.pipeline,
            version=manifest.version,
            manifest=manifest.digest,
            decision="approved" if decision == "approved" else "rejected",
            reviewer="ana",
            reason="looked at it",
            unattended=False,
            decided=AT,
        )
        self.releases.put_approval(made, self.reviewer)
        return made

    def put(self, policy: bytes, *, kind: str = "put", by: str = "ana", keep: bool = True) -> PolicyRelease:
        """Signs a change of policy as the flows do; `keep` False leaves its text out of the blobs."""
        with self.releases.allocate(self.pipeline) as slot:
            assert slot.current is not None
            made = PolicyRelease(
                pipeline=self.pipeline,
                sequence=self.releases.policies.next_sequence(self.pipeline),
                kind="back" if kind == "back" else "put",
                guardrails=Blobs(self.home.blobs).put(policy) if keep else sha256(policy),
                release=slot.current.release.digest,
                over=slot.sequence - 1,
                previous=None,
                reviewer=by,
                reason="an incident",
                put=AT,
            )
            self.releases.policies.put(made, Reviewers(self.home).signer(by))
        return made

    def release(self, version: int, at: datetime = AT) -> Release:
        manifest = self.manifest(version)
        approval = self.approve(manifest)
        with self.releases.allocate(self.pipeline) as slot:
            sequence, previous = slot.sequence, slot.previous
        made = Release(
            pipeline=self.pipeline,
            sequence=sequence,
            kind="release",
            version=version,
            manifest=manifest.digest,
            approval=approval.digest,
            previous=previous,
            actor="ana",
            reason="",
            released=at,
        )
        self.releases.put_release(made)
        return made


@dataclass
class SlowEngine:
    """Answers with its version's name in pieces; `gate`, where set, holds every answer back until it is opened."""

    version: int
    gate: asyncio.Event | None = None
    pieces: int = 4
    stopped: bool = False
    begun: int = 0
    answered_after_stop: int = 0
    cancelled: int = 0
    capabilities: Capabilities = field(default_factory=Capabilities)
    record: EngineRecord = field(default_factory=lambda: EngineRecord(name="scripted", precision="none", version="1"))

    async def generate(self, request: Generation) -> AsyncIterator[Chunk]:
        ended = False
        self.begun += 1
        try:
            for piece in range(self.pieces):
                await (self.gate.wait() if self.gate else asyncio.sleep(0.001))
                self.answered_after_stop += self.stopped
                yield Chunk(f"v{self.version} ", 5, piece + 1)
            yield Chunk("", 5, self.pieces, "stop")
            ended = True
        finally:
            self.cancelled += not ended

    def count_tokens(self, messages: tuple[Message, ...]) -> int:
        return sum(len(message.content.split()) for message in messages)

    async def score(self, messages: tuple[Message, ...], answer: str) -> float | None:
        return None

    async def stop(self) -> None:
        self.stopped = True


@dataclass
class Shelf:
    """Loads versions out of nothing, remembers them, and fails on order."""

    guards: Callable[[], object]
    engines: dict[int, SlowEngine] = field(default_factory=dict)
    broken: set[int] = field(default_factory=set)
    make: Callable[[int], SlowEngine] = SlowEngine
    loads: int = 0
    unfit: set[str] = field(default_factory=set)
    compiled: int = 0

    def released(self, verified: VerifiedRelease) -> Served:
        self.loads += 1
        manifest = verified.manifest
        if manifest.version in self.broken:
            raise PartFailed("the engine does not start")
        engine = self.engines[manifest.version] = self.make(manifest.version)
        return Served(manifest.pipeline, engine, self.guards(), manifest.guardrails, manifest.prompt, verified)  # type: ignore[arg-type]

    def guarded(self, served: Served, change: PolicyRelease | None) -> Served:
        self.compiled += 1
        digest = change.guardrails if change else served.release.manifest.guardrails  # type: ignore[union-attr]
        if digest in self.unfit:
            raise PartFailed("the policy fails 1 of its own examples")
        return replace(served, guards=self.guards(), guardrails=digest, change=change)  # type: ignore[arg-type]

    def scripted(self, model: str) -> Served:
        prompt = PromptSpec(system="", answer_format="text", max_new_tokens=64)
        engine = self.engines[0] = self.make(0)
        return Served(model, engine, self.guards(), Digest("sha256:" + "0" * 64), prompt, None)  # type: ignore[arg-type]


@dataclass
class Upstream:
    """An OpenAI-compatible server whose answers stop after their first piece until `gate` is open."""

    url: str = ""
    gate: threading.Event = field(default_factory=threading.Event)
    begun: int = 0
    broken_off: int = 0
    pieces: int = 6
    lock: threading.Lock = field(default_factory=threading.Lock)


@pytest.fixture(scope="module")
def slow_upstream() -> Iterator[Upstream]:
    """The upstream of a real gateway."""
    state = Upstream()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            with state.lock:
                state.begun += 1
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            try:
                for piece in range(state.pieces):
                    self._send({"choices": [{"delta": {"content": f"word{piece} "}, "finish_reason": None}]})
                    while not state.gate.wait(0.2):
                        self.wfile.write(b": waiting\n\n")
                self._send({"choices": [{"delta": {}, "finish_reason": "stop"}]})
                self.wfile.write(b"data: [DONE]\n\n")
            except OSError:
                with state.lock:
                    state.broken_off += 1

        def _send(self, event: dict[str, Any]) -> None:
            self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 512
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield state
    state.gate.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def publisher(home: Home) -> Publisher:
    return Publisher(home)


@pytest.fixture(scope="session")
def make_publisher() -> type[Publisher]:
    """For fixtures that live longer than a test."""
    return Publisher


@pytest.fixture
def ledger(home: Home) -> Ledger:
    return Ledger.open(home)


@pytest.fixture
def vault(home: Home) -> Vault:
    return Vault.open(home)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(guards=lambda: None)


@pytest.fixture
def watching(home: Home, ledger: Ledger, vault: Vault, shelf: Shelf) -> Callable[..., ReleaseWatch]:
    """Makes a watch of the home inside a running loop."""

    def make(*, scripted: bool = False) -> ReleaseWatch:
        recorder = Recorder(ledger, vault)
        known = lambda event_id: ledger.get(event_id) is not None  # noqa: E731
        return ReleaseWatch(
            Releases(home),
            shelf,
            recorder,
            Metrics(),
            scripted=scripted,
            known=known,
            last_refusal=last_refusals(ledger),
        )

    return make


WITHOUT = ("torch", "transformers", "mlflow", "prefect", "deepspeed", "peft", "trl", "accelerate", "great_expectations")


@dataclass(frozen=True)
class Gateway:
    """A real BentoML process with the scripted engine, started without anything that a trainer brings."""

    url: str
    home: Home
    attempts: Path
    """Which of the absent parts somebody tried to import."""

    @property
    def ledger(self) -> Ledger:
        return Ledger.open(self.home)

    def key(self, tenant: str = "acme", role: Role = "caller") -> str:
        return Callers(self.home).create(tenant, role=role).key

    def client(self, **more: Any) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=self.key(), max_retries=0, timeout=60, **more)

    def http(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.url, headers={"authorization": f"Bearer {self.key()}"}, timeout=60, trust_env=False
        )

    def events(self, response_id: str) -> list[Any]:
        return [entry.event for entry in self.ledger.of_response(response_id)]


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    root = tmp_path_factory.mktemp("gateway")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent / "blocker"))
        patch.setenv("SLUICE_TEST_WITHOUT", ",".join(WITHOUT))
        patch.setenv("SLUICE_TEST_ATTEMPTS", str(root / "attempts"))
        settings = read_settings({"SLUICE_HOME": str(root / "home"), "SLUICE_GATEWAY_CONCURRENCY": "64"})
        service = processes.ensure(settings, ("gateway",), engine="scripted")[0]
    yield Gateway(service.url, settings.home, root / "attempts")
    processes.stop(settings.home)
