"""The pages of MLflow and Prefect in a real browser: what a reviewer needs is there, and nothing runs over the edge."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from flows.ingest import IngestFindings
from flows.lifecycle import Lifecycle
from flows.observe import publish_summary
from flows.progress import Silent
from flows.register import PassingDecision, register
from flows.stages import step
from flows.steps.papers import Papers
from flows.workshop import Workshop
from infra.processes import address, ensure, stop
from infra.settings import Settings, read_settings

pytest.importorskip("playwright", reason="pip install -e .[pages]; and a chromium on the path")
if not shutil.which("chromium"):
    pytest.skip("no chromium on the path", allow_module_level=True)
sys.path.insert(0, str(Path(__file__).parent))
from addresses import pages_of
from photograph import Seen, browser, look

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

_SERVERS = ("prefect", "mlflow")
_THEIRS = ("Failed to load resource", "ResizeObserver loop")
"""What MLflow's and Prefect's own pages complain about in every installation."""
_TRACES = """
import sys
from infra import telemetry
from infra.settings import read_settings
from services.tracing import RequestTrace

settings = read_settings({"SLUICE_HOME": sys.argv[1]})
telemetry.start("pages", settings.telemetry, sys.argv[2], experiment=telemetry.REQUESTS)
trace = RequestTrace.begin("", content_allowed=False)
trace.guard_begins()
with trace.part("record admitted"):
    pass
engine = trace.span.child("chat tickets", {
    telemetry.OPERATION: "chat", telemetry.REQUEST_MODEL: "tickets",
    telemetry.INPUT_TOKENS: 21, telemetry.OUTPUT_TOKENS: 9,
})
engine.end()
trace.end("blocked", rule="prompt_injection")
telemetry.flush(60.0)
"""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A home with its own Prefect and MLflow: the shared one has no Prefect."""
    settings = read_settings({"SLUICE_HOME": str(tmp_path_factory.mktemp("pages-home"))})
    ensure(settings, _SERVERS)
    yield settings
    stop(settings.home)


def test_every_page_shows_what_a_reviewer_needs(
    servers: Settings, make_papers: Callable[..., Papers], tmp_path: Path
) -> None:
    prefect, mlflow = (address(servers.home, name) for name in _SERVERS)
    _live_a_little(servers, make_papers, prefect, mlflow)
    with browser() as chromium:
        pages = [page for page in pages_of(mlflow, prefect, "tickets") if page.name in _EXPECTED]
        seen = {page.name: look(chromium, page, tmp_path) for page in pages}
    _nothing_is_wrong(seen)
    for name, texts in _EXPECTED.items():
        missing = [text for text in texts if text not in seen[name].text]
        assert not missing, f"{name} lacks {missing}"


_EXPECTED: Mapping[str, tuple[str, ...]] = {
    "mlflow-version": ("tickets version 2", "sluice.manifest", "Evaluation", "0.9000 [0.8500, 0.9500]"),
    "mlflow-run": ("tickets version 2", "sluice.snapshot", "tickets train"),
    "mlflow-plot": ("confusions.png", "flips-base.png", "loss.png"),
    "mlflow-compare": ("tickets version 1", "tickets version 2", "candidate/exact_match"),
    "mlflow-request-trace": ("sluice.request", "chat tickets", "sluice.record admitted"),
    "mlflow-request-traces": ("blocked by prompt_injection",),
    "prefect-run": ("register",),
    "prefect-summary": ("tickets version 2: GO, waits for a review", "Where to look", "MLflow model version"),
    "prefect-review": ("sluice review approve tickets 2", "sluice review reject tickets 2"),
}


def _live_a_little(settings: Settings, make_papers: Callable[..., Papers], prefect: str, mlflow: str) -> None:
    """Two versions, a flow run with its artifacts, and a request's trace."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: f"{prefect}/api"}):
        for seed in (1, 2):
            shop = Workshop.open(settings, run_id=f"run-{seed}", progress=Silent(), mlflow_url=mlflow)
            _run(make_papers(shop.blobs, seed), shop)
    subprocess.run([sys.executable, "-P", "-c", _TRACES, str(settings.home.root), mlflow], check=True)


def _run(papers: Papers, shop: Workshop) -> None:
    """The end of a run: its parts were made, and it registers them and leaves its summary."""
    from prefect import flow

    @flow(name="retrain", flow_run_name=f"tickets {shop.run_id}")
    def retrain() -> None:
        passing = PassingDecision.of(papers.decision)
        parts = (papers.snapshot, papers.adapter, papers.report)
        version = step("register", shop, lambda: register(papers.pipeline, *parts, passing, shop))
        findings = IngestFindings(snapshot=papers.snapshot, planted=(), data_docs="/docs", quarantine="", times=())
        done = Lifecycle(shop.run_id, findings, *parts, papers.decision, (), version)
        publish_summary(papers.pipeline, done, shop)

    retrain()


def _nothing_is_wrong(seen: Mapping[str, Seen]) -> None:
    for name, one in seen.items():
        ours = [error for error in one.errors if not any(theirs in error for theirs in _THEIRS)]
        assert (name, one.missing, ours) == (name, (), [])
        assert one.wide_px <= 0, f"{name} is {one.wide_px} px too wide"
        for trouble in ("Something went wrong", "An error occurred", "[object Object]", "{'", "undefined"):
            assert trouble not in one.text, f"{name} shows {trouble!r}"
