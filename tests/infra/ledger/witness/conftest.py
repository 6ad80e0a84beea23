"""Real witnesses: a folder, a server that speaks c2sp.org/tlog-witness, an S3-compatible store with object lock."""

from __future__ import annotations

import base64
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra.home import Home
from infra.ledger.cosignature import WitnessKey, cosign
from infra.ledger.log import Ledger
from infra.ledger.verify import EMPTY_ROOT, Checkpoint, LogKey, Wrong, check_consistency, open_checkpoint
from infra.ledger.witness import Witness, open_witness
from infra.settings import WitnessSettings
from infra.signing import Signer

_NAME = "witness.example/w1"


@dataclass
class TlogWitness:
    """A witness as the specification has it: what it knows of each log, and its own key."""

    signer: Signer
    known: dict[str, list[LogKey]] = field(default_factory=dict)
    last: dict[str, Checkpoint] = field(default_factory=dict)
    times: list[datetime] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    odd: tuple[int, dict[str, str], bytes] | None = None
    """What it answers instead, whatever it is asked."""
    asked: list[str] = field(default_factory=list)

    @property
    def key(self) -> WitnessKey:
        return WitnessKey(_NAME, self.signer.verify_key.raw)

    def learn(self, ledger: Ledger) -> None:
        self.known[ledger.origin] = list(ledger.keys)

    def answer(self, body: str) -> tuple[int, dict[str, str], bytes]:
        head, _, note = body.partition("\n\n")
        first, *proof = head.split("\n")
        if not first.startswith("old ") or not first[4:].isdecimal() or len(proof) > 63:
            return 400, {}, b""
        old, origin = int(first[4:]), note.partition("\n")[0]
        if origin not in self.known:
            return 404, {}, b""
        try:
            new = open_checkpoint(note, self.known[origin])
        except Wrong:
            return 403, {}, b""
        if old > new.size:
            return 400, {}, b""
        with self.lock:
            last = self.last.get(origin, Checkpoint(origin, 0, EMPTY_ROOT))
            if old != last.size or (old == new.size and last.root != new.root):
                return 409, {"content-type": "text/x.tlog.size"}, f"{last.size}\n".encode()
            try:
                check_consistency(old, new.size, last.root, new.root, [base64.b64decode(line) for line in proof])
            except Wrong:
                return 422, {}, b""
            self.last[origin] = new
        self.times.append(datetime.now(UTC).replace(microsecond=0))
        other = base64.b64encode(bytes(76)).decode()
        lines = f"— other.example {other}\n{cosign(new.text, _NAME, self.signer, self.times[-1])}"
        return 200, {}, lines.encode()


@dataclass(frozen=True)
class Serving:
    """A tlog-witness server that listens."""

    url: str
    witness: TlogWitness

    @property
    def settings(self) -> WitnessSettings:
        return WitnessSettings(witness=self.url, witness_key=str(self.witness.key))


@pytest.fixture
def tlog_witness(tmp_path: Path) -> Iterator[Serving]:
    """A real peer: a tlog-witness server that knows no log yet."""
    witness = TlogWitness(Signer.load_or_create(tmp_path / "witness.key"))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            witness.asked.append(self.path)
            found = witness.odd or ((404, {}, b"") if self.path != "/w1/add-checkpoint" else witness.answer(body))
            status, headers, answer = found
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield Serving(f"http://127.0.0.1:{server.server_port}/w1/", witness)
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass(frozen=True)
class Bucket:
    """A bucket of its own in an S3-compatible server."""

    client: Any
    endpoint: str
    name: str

    @property
    def settings(self) -> WitnessSettings:
        return WitnessSettings(
            witness=f"s3://{self.name}/acme/audit", witness_endpoint=self.endpoint, witness_retention_days=30
        )

    def versions(self) -> list[dict[str, Any]]:
        return list(self.client.list_object_versions(Bucket=self.name).get("Versions", []))


@pytest.fixture
def make_bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Bucket]:
    """Makes a bucket in it, by default with object lock. Credentials stand in the environment, as for any SDK."""
    import boto3

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "sluice")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    client = boto3.client("s3", endpoint_url=s3_server, region_name="us-east-1")

    def make(*, lock: bool = True) -> Bucket:
        name = f"witness-{threading.get_native_id()}-{len(client.list_buckets()['Buckets'])}"
        client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock)
        return Bucket(client, s3_server, name)

    return make


@pytest.fixture
def bucket(make_bucket: Callable[..., Bucket]) -> Bucket:
    """A bucket with object lock."""
    return make_bucket()


@dataclass(frozen=True)
class Place:
    """One place, under its settings; each `open` is what a new process would have."""

    settings: WitnessSettings
    learn: Callable[[Ledger], None]
    gone: WitnessSettings
    """The same kind of place, where nothing answers."""

    def open(self, ledger: Ledger) -> Witness:
        self.learn(ledger)
        found = open_witness(self.settings, ledger.keys, ledger.origin)
        assert found is not None
        return found


@pytest.fixture(params=["folder", "http", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Each of the three kinds."""
    if request.param == "folder":
        folder = tmp_path / "elsewhere"
        folder.mkdir()
        gone = WitnessSettings(witness=str(tmp_path / "not" / "mounted"))
        return Place(WitnessSettings(witness=str(folder)), lambda _: None, gone)
    if request.param == "http":
        serving: Serving = request.getfixturevalue("tlog_witness")
        gone = WitnessSettings(witness="http://127.0.0.1:9/w1", witness_key=str(serving.witness.key))
        return Place(serving.settings, serving.witness.learn, gone)
    bucket: Bucket = request.getfixturevalue("bucket")
    gone = WitnessSettings(witness="s3://bucket/prefix", witness_endpoint="http://127.0.0.1:9")
    return Place(bucket.settings, lambda _: None, gone)


@pytest.fixture
def copied(home: Home, tmp_path: Path) -> Callable[[str], Home]:
    """Copies the home as it is now, keys and all: what a backup of it, restored elsewhere, would be."""

    def copy(name: str) -> Home:
        shutil.copytree(home.root, tmp_path / name)
        return Home.open(tmp_path / name)

    return copy
