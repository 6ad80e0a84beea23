"""After a whole life with planted personal data, secrets, prompts and crashes, they stand nowhere in the clear.

The chain runs for real (Prefect, MLflow, the trainer on a tiny model, the gateway) before an engine that repeats what
it is told in answers and errors. Then every file is searched that the home, the user's folder and the temporary folder
hold, and everything that the commands printed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import crashes
import echo
import httpx
import pytest
import visitors
from planted_forms import Planted
from plants import ROW_WAYS, Plants, everything, mail, ticket_plants, write_pipeline, write_rows, write_scan
from search import search

from infra.base_model import SMOLLM2
from infra.contracts.dataset import DatasetSnapshot
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter
from infra.ledger.vault import Vault
from infra.processes import stop
from infra.server_state import read_state
from infra.stores.blobs import Blobs
from infra.stores.callers import Callers
from infra.stores.datasets import Datasets

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(2400)]
SLUICE = str(Path(sys.executable).with_name("sluice"))
SCAN_WAYS = ("scan-one", "scan-two")
CRASH_WAYS = tuple(f"crash-{way}" for way in (*crashes.PARTS, "trainer"))
TICKET_ROWS = 200
TICKETS = (f"data.rows={TICKET_ROWS}", "training.max_tokens=6000", "training.max_row_tokens=2048", "training.rank=4")
PLANTS = Plants((*ROW_WAYS, *visitors.WAYS, *SCAN_WAYS, "scan-torn", *CRASH_WAYS))


@dataclass
class Life:
    """One installation with its user, and what its commands printed."""

    root: Path
    environment: dict[str, str]
    printed: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Home:
        return Home(self.root / "home")

    def run(self, *arguments: str, name: str = "", expect: int = 0, engine: str = "upstream") -> str:
        """Runs a command, keeps everything that it prints, and gives its stdout."""
        environment = self.environment | {"SLUICE_ENGINE_NAME": engine}
        done = subprocess.run(
            arguments, env=environment, cwd=self.root / "work", capture_output=True, text=True, timeout=1500
        )
        self.printed[name or " ".join(arguments[1:3])] = f"{done.stdout}\n{done.stderr}"
        assert done.returncode == expect, done.stderr[-2000:]
        return done.stdout

    def sluice(self, *arguments: str, name: str = "", expect: int = 0) -> str:
        return self.run(SLUICE, *arguments, name=name, expect=expect)


SHOWS_TEXTS = ("guard scan", "audit show", "explain")
"""Commands that are asked for texts: redacted sentences are their answer."""


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Iterator[Life]:
    root = tmp_path_factory.mktemp("life")
    for folder in ("home/models", "user", "tmp", "work", "raw"):
        (root / folder).mkdir(parents=True, mode=0o700)
    (root / "home").chmod(0o700)
    (root / "home/models" / SMOLLM2).symlink_to(tiny_base)
    server, url = echo.serve()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLUICE_", "PREFECT_", "XDG_"))}
    settings = {
        "SLUICE_HOME": str(root / "home"),
        "SLUICE_ENGINE_UPSTREAM_URL": url,
        "SLUICE_ENGINE_UPSTREAM_MODEL": "echo",
    }
    life = Life(root, {**kept, **settings, "HOME": str(root / "user"), "TMPDIR": str(root / "tmp")})
    try:
        live(life)
        yield life
    finally:
        echo.STALL.set()
        stop(life.home)
        server.shutdown()


def live(life: Life) -> None:
    """Everything that happens, in order."""
    rows = life.root / "raw" / "rows.csv"
    write_rows(rows)
    pipeline = str(write_pipeline(life.root / "raw", rows))
    life.sluice("up", name="up")
    life.run(
        sys.executable, "-P", crashes.__file__, pipeline, name="crashes", expect=-signal.SIGKILL, engine="scripted"
    )
    state = read_state(life.home, "gateway")
    assert state is not None
    key = Callers(life.home).create("shop").key
    with httpx.Client(
        base_url=state.url, headers={"authorization": f"Bearer {key}"}, timeout=120, trust_env=False
    ) as client:
        wait_for(client, "leaks")
        visitor = visitors.Visitor(client, "leaks")
        response_id = visitors.visit(visitor)
        for command in (
            ("audit", "query"),
            ("audit", "show", response_id),
            ("explain", response_id),
            ("audit", "verify"),
        ):
            life.sluice(*command, name=" ".join(command[:2]) if command[0] == "audit" else command[0])
        scan = life.root / "raw" / "scan.jsonl"
        write_scan(scan, SCAN_WAYS)
        life.sluice("guard", "scan", str(scan), "--json-lines", expect=2)
        tickets = (f"--set={one}" for one in TICKETS)
        life.run(SLUICE, "retrain", "support-triage", *tickets, name="retrain tickets", expect=1, engine="scripted")
        kill_gateway_under_way(visitor, state.pid)
    life.sluice("status", name="status")
    life.sluice("down", name="down")
    life.sluice("audit", "verify", name="audit verify, again")


def wait_for(client: httpx.Client, model: str) -> None:
    for _ in range(600):
        if any(entry["id"] == model for entry in client.get("/v1/models").json()["data"]):
            return
        time.sleep(0.2)
    pytest.fail("the gateway did not take the release up")


def kill_gateway_under_way(visitor: visitors.Visitor, pid: int) -> None:
    """Kill -9 of the gateway while it holds a prompt and half an answer."""
    import psutil

    def ask() -> None:
        with pytest.raises(httpx.HTTPError):
            visitor.stream(f"STALL {everything('killed')}")

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(1.0)
    supervisor = psutil.Process(pid)
    for process in (*supervisor.children(recursive=True), supervisor):
        process.kill()
    asking.join(30)


def test_nothing_that_was_planted_stands_in_any_file(life: Life) -> None:
    tickets = ticket_plants(TICKET_ROWS, 7, 0.1)
    assert len(tickets) > 100
    report = {
        folder: search(life.root / folder, (*PLANTS.personal, *PLANTS.sentences, *tickets))
        for folder in ("home", "user", "tmp", "work")
    }
    assert report["home"].files > 50 and report["home"].cells > 1000, "the search saw the home"
    assert not any(one.findings or one.unread for one in report.values()), "\n".join(
        f"{name}: {one}" for name, one in report.items()
    )


def test_no_command_printed_a_planted_value(life: Life, tmp_path: Path) -> None:
    for name, text in life.printed.items():
        folder = tmp_path / name.replace("/", "_")
        folder.mkdir()
        (folder / "printed").write_text(text)
        values: tuple[Planted, ...] = PLANTS.personal
        values += () if name.startswith(SHOWS_TEXTS) else (*PLANTS.sentences, *ticket_plants(TICKET_ROWS, 7, 0.1))
        report = search(folder, values)
        assert not report.findings, f"{name}: {report}"


def test_the_values_did_go_through(life: Life) -> None:
    """Else the two tests above would show nothing."""
    vault = Vault.open(life.home)
    blobs, ledger = Blobs(life.home.blobs), Ledger.open(life.home)
    stages = [
        entry.event for entry in ledger.query(AuditFilter(kinds=("stage.finished",))) if entry.event.stage == "dataset"
    ]
    snapshot = DatasetSnapshot.from_json(blobs.get(stages[0].produced))
    datasets = Datasets(life.home, blobs, vault)
    texts = " ".join(row.text + row.answer for split in ("train", "test") for row in datasets.rows(snapshot, split))
    assert "vermilion ocelot row-text ledger" in texts and "Bartholomew-Qux" in texts
    assert mail("row-text") not in texts and "<EMAIL_ADDRESS>" in texts


def test_each_crash_was_told_in_one_sentence(life: Life) -> None:
    printed = life.printed["crashes"]
    assert "whole run exit 0" in printed
    for way in (*crashes.PARTS, "trainer"):
        assert f"crash {way} exit 3" in printed, way
    assert "Traceback" not in printed
    assert printed.count("unexpected ValueError") >= len(crashes.PARTS)
    trace = (life.home.logs / "failures.log").read_text()
    assert "in to_row" in trace or "read_csv.py" in trace
    assert "ValueError" in trace and "KeyError" in trace
    training = (life.home.logs / "training-leaks.log").read_text()
    assert "flows/training/session.py" in training and "ValueError" in training


def test_everything_is_its_owners_alone(life: Life) -> None:
    pages = life.home.prefect / "ui"  # Prefect's own pages, copied with their modes: nothing of anybody's
    open_to_others = [
        str(path.relative_to(life.root))
        for path in life.home.root.rglob("*")
        if not path.is_symlink() and not path.is_relative_to(pages) and path.stat().st_mode & 0o077
    ]
    assert not open_to_others
