"""Erasure while others are at work: killed and gone on with, beside gateways, a retraining and MLflow's server."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import format_trace_id
from recorded import assert_whole, events

from flows.erasure import Erasure, erase
from infra import processes, telemetry
from infra.ledger.rewrap import masters
from infra.ledger.vault import Vault
from infra.settings import read_settings
from infra.stores.mlflow_server import MlflowServer
from infra.telemetry_export import LateExporter


def test_a_run_that_was_killed_at_any_moment_goes_on(planted: Any, cut_off: Callable[..., Iterator[int]]) -> None:
    home, gone, stays, kept = planted.home, planted.gone, planted.stays, planted.home.root.with_name("kept")
    sealed = planted.life.ledger.payload(planted.life.ledger.get(f"resp-{stays.identifier}/completed"))
    planted.life.ledger.close()
    shutil.copytree(home.root, kept)

    def prepare() -> None:
        shutil.rmtree(home.root)
        shutil.copytree(kept, home.root)

    seen = set()
    for _ in cut_off(prepare, lambda: erase(gone.subject, home)):
        vault = Vault.open(home)
        assert vault.unseal(stays.subject, sealed) == stays.said("request").encode()
        whole = vault.keys_of(gone.subject).live == (1,)
        seen.add((whole, len(events(home, "subject.erased"))))
        assert_whole(home)
        assert erase(gone.subject, home).keys in (0, 1)
        assert vault.keys_of(gone.subject).live == () and len(masters(home)) == 2
        (event,) = events(home, "subject.erased")
        assert event.keys == 1
        assert len([one for one in events(home, "key.changed") if one.purpose == "master"]) == 2
        assert_whole(home)
    assert seen == {(True, 0), (False, 0)}


def test_a_gateway_that_runs_seals_and_reads_all_the_while(planted: Any) -> None:
    vault, over, failed, done = planted.life.vault, threading.Event(), list[Exception](), list[int]()

    def work() -> None:
        number = 0
        while not over.is_set():
            try:
                sealed = vault.seal_many([("sub-x", b"x"), (f"sub-x{number}", b"y")])
                assert vault.unseal_many([("sub-x", sealed[0]), (f"sub-x{number}", sealed[1])]) == [b"x", b"y"]
            except Exception as error:
                failed.append(error)
            number += 1
        done.append(number)

    working = threading.Thread(target=work)
    working.start()
    try:
        results: list[Erasure] = [
            erase(subject, planted.home) for subject in (planted.gone.subject, planted.stays.subject)
        ]
    finally:
        over.set()
        working.join()
    assert not failed and done[0] > 0 and [one.keys for one in results] == [1, 1]


def test_a_retraining_that_goes_on_is_told(planted: Any) -> None:
    descriptor = os.open(planted.home.root / ".run.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    try:
        assert erase(planted.gone.subject, planted.home).run_under_way
    finally:
        os.close(descriptor)
    assert not erase(planted.gone.subject, planted.home).run_under_way


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_traces_of_its_requests_leave_mlflow(planted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `telemetry_content` says so, their spans hold redacted texts in the clear; its server goes on meanwhile."""
    home, life, people = planted.home, planted.life, (planted.gone, planted.stays)
    settings = read_settings({"SLUICE_HOME": str(home.root)})
    (server,) = processes.ensure(settings, ("mlflow",))
    try:
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(LateExporter("", lambda: server.url, telemetry.REQUESTS)))
        for person in people:
            with provider.get_tracer("sluice").start_as_current_span("sluice.request") as span:
                span.set_attribute(telemetry.INPUT_MESSAGES, person.text * 50)
            trace_id = format_trace_id(span.get_span_context().trace_id)
            first = life.ledger.get(f"resp-{person.identifier}/admitted").event
            named = {"event_id": f"t-{person.identifier}", "response_id": f"t-{person.identifier}"}
            life.ledger.append(first.model_copy(update={**named, "trace_id": trace_id}))

        def kept(person: Any) -> bool:
            files = [path for path in home.root.rglob("*") if path.is_file()]
            return any(person.text.encode() in path.read_bytes() for path in files)

        assert kept(planted.gone) and kept(planted.stays)
        nowhere = tmp_path / "nowhere"
        nowhere.mkdir()
        monkeypatch.chdir(nowhere)
        erase(planted.gone.subject, home)
        assert not kept(planted.gone) and kept(planted.stays)
        assert not list(nowhere.iterdir())
        client = MlflowServer.open(server.url).client
        experiment = client.get_experiment_by_name(telemetry.REQUESTS).experiment_id
        assert len(client.search_traces(locations=[experiment])) == 1
    finally:
        processes.stop(home)
    with closing(sqlite3.connect(home.mlflow / "mlflow.db")) as connection:
        assert connection.execute("PRAGMA freelist_count").fetchone() == (0,)
