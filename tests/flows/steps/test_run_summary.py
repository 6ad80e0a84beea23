"""The run's summary: the outcome first, links that are there, a review as commands, whole tables, no text of a row."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from flows.desk import ReviewDesk
from flows.ingest import IngestFindings
from flows.lifecycle import Lifecycle
from flows.steps.papers import Papers
from flows.steps.run_summary import Addresses, headline, review_markdown, summary_markdown
from infra.contracts.gate import GateVerdict
from infra.contracts.model_version import ModelVersion

ADDRESSES = Addresses("http://127.0.0.1:5/#/run", "http://127.0.0.1:5/#/version", "")


@pytest.fixture
def waiting(
    desk: ReviewDesk, make_papers: Callable[..., Papers], make_version: Callable[..., ModelVersion]
) -> Lifecycle:
    papers = make_papers(desk.blobs, 3)
    findings = IngestFindings(snapshot=papers.snapshot, planted=(), data_docs="/docs", quarantine="", times=())
    version = make_version(desk, 3)
    return Lifecycle("run-3", findings, papers.snapshot, papers.adapter, papers.report, papers.decision, (), version)


def test_it_says_where_to_look_and_leaves_out_what_is_not_there(waiting: Lifecycle) -> None:
    text = summary_markdown("tickets", waiting, ADDRESSES)
    assert text.startswith("# tickets version 3: GO, waits for a review\n")
    assert "[MLflow run](http://127.0.0.1:5/#/run)" in text
    assert "`/docs`" in text and "`sluice audit show run-3/gate`" in text
    assert "MLflow comparison" not in text
    assert waiting.version is not None and f"`{waiting.version.digest}`" in text


def test_the_review_is_three_commands_while_it_waits(waiting: Lifecycle) -> None:
    commands = re.findall(r"^sluice .*$", review_markdown("tickets", waiting), flags=re.MULTILINE)
    assert commands == [
        "sluice review show tickets 3",
        'sluice review approve tickets 3 --by NAME --reason "WHY"',
        'sluice review reject tickets 3 --by NAME --reason "WHY"',
    ]


def test_a_refused_model_offers_no_approval(waiting: Lifecycle) -> None:
    decision = waiting.decision.model_copy(update={"verdict": GateVerdict.NO_GO})
    refused = replace(waiting, version=None, decision=decision)
    assert headline("tickets", refused) == "tickets: NO_GO, nothing was registered"
    assert "approve" not in summary_markdown("tickets", refused, Addresses())


def test_every_row_of_a_table_has_as_many_cells_as_its_head(waiting: Lifecycle) -> None:
    tables = re.findall(r"(?:^\|.*\|$\n?)+", summary_markdown("tickets", waiting, ADDRESSES), flags=re.MULTILINE)
    assert len(tables) == 7
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_the_prompt_of_the_pipeline_is_not_in_it(waiting: Lifecycle) -> None:
    assert "Sort the ticket." not in summary_markdown("tickets", waiting, ADDRESSES)
