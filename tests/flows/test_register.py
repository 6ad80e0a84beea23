"""Registration against a real MLflow server: what it shows, and that only a GO becomes a candidate."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows.desk import ReviewDesk
from flows.progress import Silent
from flows.register import PassingDecision, log_refused, register
from flows.steps.papers import Papers
from flows.workshop import Workshop
from infra.contracts.gate import GateVerdict
from infra.contracts.lifecycle_events import StageFinished
from infra.contracts.model_version import ModelVersion
from infra.contracts.signed import Signed
from infra.digest import short
from infra.errors import CheckFailed, PartFailed
from infra.home import Home
from infra.ledger.query import AuditFilter
from infra.processes import address
from infra.settings import Settings
from infra.stores.registry import Registry
from infra.stores.trust import installation_key

MakePapers = Callable[..., Papers]
NO_SERVER = "http://127.0.0.1:9"


def open_shop(settings: Settings, run_id: str, url: str) -> Workshop:
    return Workshop.open(settings, run_id=run_id, progress=Silent(), mlflow_url=url)


def register_all(papers: Papers, shop: Workshop) -> ModelVersion:
    passing = PassingDecision.of(papers.decision)
    return register(papers.pipeline, papers.snapshot, papers.adapter, papers.report, passing, shop)


@pytest.mark.parametrize("verdict", [GateVerdict.NO_GO, GateVerdict.INCONCLUSIVE])
def test_only_go_makes_a_passing_decision(desk: ReviewDesk, make_papers: MakePapers, verdict: GateVerdict) -> None:
    decision = make_papers(desk.blobs, 1, verdict).decision
    for make in (PassingDecision, PassingDecision.of):
        with pytest.raises(CheckFailed, match=verdict.value):
            make(decision)


def test_parts_of_different_runs_are_not_registered(settings: Settings, make_papers: MakePapers) -> None:
    shop = open_shop(settings, "run-1", NO_SERVER)
    ours, theirs = make_papers(shop.blobs, 1), make_papers(shop.blobs, 2)
    with pytest.raises(CheckFailed, match="decided over another report"):
        register_all(replace(ours, decision=theirs.decision), shop)
    assert shop.releases.manifests("tickets") == ()


def test_without_mlflow_nothing_is_signed(settings: Settings, make_papers: MakePapers) -> None:
    shop = open_shop(settings, "run-1", NO_SERVER)
    with pytest.raises(PartFailed, match="MLflow does not answer"):
        register_all(make_papers(shop.blobs), shop)
    assert shop.releases.manifests("tickets") == ()
    assert shop.ledger.query(AuditFilter()) == ()


@pytest.fixture(scope="module")
def url(mlflow_settings: Settings) -> str:
    return address(mlflow_settings.home, "mlflow")


@pytest.fixture
def shop(settings: Settings, url: str, home: Home) -> Iterator[Workshop]:
    yield open_shop(settings, f"run-{home.root.parent.name}", url)


@pytest.fixture
def client(url: str) -> Any:
    return Registry.open(url).server.client


@pytest.mark.slow
def test_a_version_shows_all_that_a_reviewer_needs(
    shop: Workshop, client: Any, make_papers: MakePapers, tmp_path: Path
) -> None:
    papers = make_papers(shop.blobs)
    manifest = register_all(papers, shop)
    run = client.get_run(manifest.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["training/rank"] == "16"
    assert run.data.metrics["candidate/exact_match"] == 0.9
    assert run.data.metrics["candidate_interval/exact_match_low"] == pytest.approx(0.85)
    assert run.data.metrics["candidate_minus_base_interval/exact_match_high"] == pytest.approx(0.9)
    assert len(client.get_metric_history(manifest.run_id, "train/loss")) == 1_200
    inputs = {one.dataset.name: one.dataset for one in run.inputs.dataset_inputs}
    assert set(inputs) == {"tickets train", "tickets test"}
    train = papers.snapshot.split("train").manifest
    assert json.loads(inputs["tickets train"].source) == {"digest": train}
    assert train.removeprefix("sha256:").startswith(inputs["tickets train"].digest)

    version = Registry.open(shop.mlflow_url).version("tickets", manifest.version)
    assert version.description.startswith(f"# tickets version {manifest.version}")
    assert version.aliases == ("candidate",)
    assert version.tags["sluice.manifest"] == short(manifest.digest)
    for name in ("snapshot", "adapter", "report", "decision", "guardrails", "access", "base_model"):
        assert version.tags[f"sluice.{name}"] == short(getattr(manifest, name)) == run.data.tags[f"sluice.{name}"]

    kept = Path(client.download_artifacts(manifest.run_id, "", str(tmp_path / "kept")))
    assert {path.name for path in (kept / "plots").iterdir()} >= {"loss.png", "f1-per-class.png"}
    assert (kept / "plots" / "loss.png").read_bytes().startswith(b"\x89PNG")
    envelope = Signed.from_json((kept / "manifest.json").read_bytes())
    assert installation_key(shop.settings.home).open(envelope, ModelVersion) == manifest
    assert (kept / "contracts" / "gate-decision.json").is_file()
    source = client.get_model_version_download_uri("tickets", str(manifest.version))
    check_model(_download(shop.mlflow_url, source, tmp_path), papers, shop)


def check_model(folder: Path, papers: Papers, shop: Workshop) -> None:
    """A signature, an input example of made-up text, the adapter's files, and nothing pickled."""
    from mlflow.models import Model

    model = Model.load(str(folder))
    example = model.load_input_example(str(folder))
    assert example["model"] == "tickets"
    assert set(model.signature.inputs.input_names()) == set(example)
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    assert not [name for name in files if name.endswith((".pkl", ".pickle", ".bin", ".pt", ".pth", ".joblib"))]
    for file in papers.adapter.files:
        assert files[f"adapter/{file.name}"].read_bytes() == shop.blobs.get(file.digest)


def _download(url: str, source: str, folder: Path) -> Path:
    import mlflow

    return Path(mlflow.artifacts.download_artifacts(artifact_uri=source, dst_path=str(folder), tracking_uri=url))


@pytest.mark.slow
def test_the_stage_is_recorded_and_a_retry_makes_no_second_version(
    shop: Workshop, settings: Settings, make_papers: MakePapers
) -> None:
    papers = make_papers(shop.blobs, 3)
    manifest = register_all(papers, shop)
    known = len(Registry.open(shop.mlflow_url).versions("tickets"))
    assert register_all(papers, shop) == manifest
    assert register_all(papers, open_shop(settings, "run-later", NO_SERVER)) == manifest
    assert len(Registry.open(shop.mlflow_url).versions("tickets")) == known
    events = [entry.event for entry in shop.ledger.query(AuditFilter(kinds=("stage.finished",)))]
    stages = [event for event in events if isinstance(event, StageFinished)]
    assert {(one.produced, one.version, one.verdict) for one in stages} == {
        (manifest.digest, manifest.version, GateVerdict.GO)
    }
    assert len(stages) == 2  # one for each run
    assert shop.blobs.get(manifest.digest) == manifest.to_json()


@pytest.mark.slow
def test_a_refused_model_is_a_run_and_never_a_version(shop: Workshop, client: Any, make_papers: MakePapers) -> None:
    papers = make_papers(shop.blobs, 4, GateVerdict.NO_GO)
    before = {one.run_id for one in Registry.open(shop.mlflow_url).versions("tickets")}
    run_id = log_refused(*_parts(papers), shop).mlflow_run
    run = client.get_run(run_id)
    assert run.data.tags["sluice.verdict"] == "NO_GO"
    assert run.data.tags["mlflow.note.content"].startswith("# tickets (not registered)")
    assert len(run.outputs.model_outputs) == 1
    assert {one.run_id for one in Registry.open(shop.mlflow_url).versions("tickets")} == before
    assert shop.releases.manifests("tickets") == ()
    with pytest.raises(CheckFailed, match="said GO"):
        log_refused(*_parts(make_papers(shop.blobs, 4)), shop)


def _parts(papers: Papers) -> tuple[Any, ...]:
    return (papers.pipeline, papers.snapshot, papers.adapter, papers.report, papers.decision)
