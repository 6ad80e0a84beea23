"""`sluice gc`: what is needed stays to the last byte, what is young or in use stays, and the rest goes oldest first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flows.gc import Cleaned, clean, expire
from flows.provenance import trace
from flows.record_check import check_records
from infra.contracts.base import now
from infra.contracts.lifecycle_events import StageFinished
from infra.digest import Digest, sha256, short
from infra.errors import StoreError
from infra.home import Home
from infra.settings import RetentionSettings
from infra.stores.quarantine import Quarantine, SetAside
from infra.stores.releases import Releases

_DAY_S = 86_400.0
_KEEP = RetentionSettings()


def _age(root: Path, days: float) -> None:
    """Makes everything so many days old."""
    at = time.time() - days * _DAY_S
    for path in root.rglob("*"):
        os.utime(path, (at, at))


def _write(path: Path, days: float, size: int = 20_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(size))
    at = time.time() - days * _DAY_S
    for one in (path, path.parent, path.parent.parent):
        os.utime(one, (at, at))
    return path


def _freed(done: Cleaned, home: Home) -> set[str]:
    return {str(one.path.relative_to(home.root)) for one in done.freed}


@pytest.fixture
def old(life: Any) -> Any:
    """A life that ended 400 days ago."""
    life.ledger.close()
    _age(life.home.root, 400)
    return life


def _finished(life: Any, stage: str, produced: Digest) -> None:
    from infra.ledger.log import Ledger

    ledger = Ledger.open(life.home)
    event = StageFinished(
        event_id=f"other/{stage}",
        at=now(),
        pipeline="support-triage",
        stage="finetune" if stage == "finetune" else "dataset",
        run_id="other",
        produced=produced,
        verdict=None,
        version=None,
    )
    ledger.append(event)
    ledger.close()


def test_nothing_of_a_life_goes_however_old(old: Any) -> None:
    before = {path for path in old.home.root.rglob("*") if path.is_file() and "ledger" not in path.parts}
    assert clean(old.home, _KEEP).freed == ()
    assert {path for path in old.home.root.rglob("*") if path.is_file()} >= before
    found = trace("resp-1", old.archive, rows_shown=1)
    assert all(check.ok for step in found.steps for check in step.checks)
    assert check_records(old.archive.ledger, Releases(old.home)) == ()


def test_what_nothing_needs_goes_and_the_papers_of_an_unregistered_run_stay(old: Any) -> None:
    home = old.home
    weights = old.blobs.put(b"weights of a NO_GO run" * 500)
    curve, orphan = old.blobs.put(b"its curve"), old.blobs.put(b"nobody's")
    adapter = old.adapter.model_copy(
        update={
            "files": (old.adapter.files[0].model_copy(update={"digest": weights}),),
            "figures": old.adapter.figures.model_copy(update={"loss_curve": curve}),
            "rank": 8,
        }
    )
    paper = old.blobs.put(adapter.to_json())
    _finished(old, "finetune", paper)
    _age(home.blobs, 30)
    done = clean(home, _KEEP)
    assert _freed(done, home) == {str(old.blobs.path(one).relative_to(home.root)) for one in (weights, orphan)}
    assert old.blobs.has(paper) and old.blobs.has(curve)
    assert done.after_bytes < done.before_bytes
    assert clean(home, _KEEP).freed == ()


def test_a_version_that_waits_keeps_everything(old: Any) -> None:
    weights = old.blobs.put(b"other weights")
    adapter = old.adapter.model_copy(update={"files": (old.adapter.files[0].model_copy(update={"digest": weights}),)})
    manifest = old.manifest.model_copy(update={"version": 2, "adapter": old.blobs.put(adapter.to_json())})
    old.releases.put_manifest(manifest)
    _age(old.home.root, 400)
    assert clean(old.home, _KEEP).freed == ()


def test_every_kind_of_leftover_goes_and_what_is_young_stays(old: Any) -> None:
    home = old.home
    gone = [
        "runs/run-1/dataset/page.html",
        "runs/training/long-ago/step-10/model",
        "runs/answers/old.jsonl",
        "logs/mlflow.log.1",
        "models/.smollm2.abc/model/weights",
        "blobs/tmpabc",
        "datasets/support-triage/.0123.tmp",
        f"datasets/support-triage/{'0' * 64}.rows",
        "quarantine/support-triage/run-1.rows",
    ]
    stay = [
        "runs/support-triage.lock",
        "models/smollm2/weights",
        "mlflow/artifacts/1/card",
        "stages/one",
    ]
    ended = _write(home.root / f"runs/training/p-{short(old.adapter.recipe)}/step-3/model", 5)
    for name in (*gone, *stay):
        _write(home.root / name, 200)
    young = [
        _write(home.root / "runs/run-2/page", 0.5),
        _write(home.root / "runs/training/p-2/step-1/model", 10),
        _write(home.root / "runs/answers/new.jsonl", 10),
        _write(home.root / "quarantine/support-triage/run-2.rows", 10),
        _write(home.root / f"datasets/support-triage/{'1' * 64}.rows", 60),
        _write(home.root / "logs/gateway.log.1", 0.1),
    ]
    dry = clean(home, _KEEP, dry=True)
    assert all((home.root / name).exists() for name in gone)
    done = clean(home, _KEEP)
    assert _freed(done, home) == _freed(dry, home)
    assert not any((home.root / name).exists() for name in gone) and not ended.exists()
    assert all((home.root / name).exists() for name in stay) and all(path.exists() for path in young)


def test_within_a_budget_the_oldest_go_first_and_what_expired_goes_anyway(old: Any) -> None:
    home = old.home
    runs = [_write(home.root / f"runs/run-{number}/page", 100 - number) for number in range(5)]
    expired = _write(home.root / "quarantine/support-triage/run-1.rows", 40)
    whole = clean(home, _KEEP, dry=True)
    assert len(whole.freed) == 6
    done = clean(home, _KEEP, budget_bytes=whole.before_bytes - 60_000)
    assert not expired.exists()
    assert [path.exists() for path in runs] == [False, False, True, True, True]
    assert done.after_bytes <= whole.before_bytes - 60_000
    assert clean(home, _KEEP, budget_bytes=1).after_bytes > 1
    assert not any(path.exists() for path in runs)


def test_quarantine_expires_by_itself(life: Any) -> None:
    row = SetAside(role="train", line=3, reasons=("empty",), content=b"secret")
    path = Quarantine(life.home, life.vault).write("support-triage", "run-1", [("sub-a", row)])
    assert expire(life.home, _KEEP).freed == ()
    at = time.time() - 31 * _DAY_S
    os.utime(path, (at, at))
    orphan = life.blobs.path(life.blobs.put(b"nobody's"))
    os.utime(orphan, (at, at))
    assert [one.kind for one in expire(life.home, _KEEP).freed] == ["quarantine"]
    assert not path.exists() and orphan.exists()


def test_while_a_run_goes_on_nothing_that_it_could_use_is_removed(old: Any) -> None:
    home = old.home
    orphan = old.blobs.path(old.blobs.put(b"a run may put this again, and then it is not written anew"))
    run, log = _write(home.root / "runs/run-1/page", 50), _write(home.root / "logs/old.log", 50)
    os.utime(orphan, (0, 0))
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom infra.home import Home\nfrom infra.home_lock import hold\n"
        "hold(Home.open(Path(sys.argv[1])), 'run')\nprint('held', flush=True)\ntime.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(home.root)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    try:
        done = clean(home, _KEEP)
    finally:
        process.kill()
        process.communicate()
    assert done.run_under_way and orphan.exists() and run.exists() and not log.exists()
    assert not clean(home, _KEEP).run_under_way
    assert not orphan.exists() and not run.exists()


def test_a_root_that_cannot_be_read_stops_everything(old: Any) -> None:
    orphan = old.blobs.path(old.blobs.put(b"nobody's"))
    os.utime(orphan, (0, 0))
    report = old.blobs.path(old.manifest.report)
    data = report.read_bytes()
    report.write_bytes(data.replace(b"support-triage", b"support-triagf"))
    with pytest.raises(StoreError, match="was changed"):
        clean(old.home, _KEEP)
    report.write_bytes(data)
    (path,) = old.home.releases.glob("*/manifests/*.json")
    path.write_bytes(b"{")
    with pytest.raises(StoreError, match="nobody knows what it needs"):
        clean(old.home, _KEEP)
    assert orphan.exists()


def test_the_command(old: Any) -> None:
    home = old.home
    _write(home.root / "runs/run-1/page", 50)
    program = "import sys\nfrom flows.cli.main import main\nsys.argv = ['sluice', *sys.argv[1:]]\nmain()"

    def sluice(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {"SLUICE_HOME": str(home.root), "PATH": "/usr/bin:/bin"}
        command = [sys.executable, "-P", "-c", program, "gc", *words]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    dry = sluice("--dry-run", "--json")
    assert dry.returncode == 0, dry.stderr
    shape = json.loads(dry.stdout)
    assert [one["path"] for one in shape["freed"]] == ["runs/run-1"] and shape["dry_run"] and not shape["run_under_way"]
    over = sluice("--budget", "1KB")
    assert over.returncode == 1 and "over the budget" in over.stderr and "run folder" in over.stdout
    assert sluice("--budget", "much").returncode == 2
    assert sha256(b"weights" * 1_000) == old.adapter.files[0].digest and old.blobs.has(old.adapter.files[0].digest)
