"""Parts that do not belong together are found, each by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from flows.desk import ReviewDesk
from flows.pipeline import Pipeline
from flows.steps.papers import Papers, check_papers, keep_policies
from infra.digest import sha256
from infra.errors import CheckFailed

MakePapers = Callable[..., Papers]


def check(papers: Papers, desk: ReviewDesk) -> None:
    check_papers(papers, keep_policies(papers.pipeline, desk.blobs), desk.blobs)


def test_what_belongs_together_passes_and_the_policies_are_kept(
    desk: ReviewDesk, make_papers: MakePapers, pipeline: Pipeline
) -> None:
    check(make_papers(desk.blobs), desk)
    for path in (pipeline.guardrails, pipeline.access, pipeline.gate):
        text = Path(path).read_bytes()
        assert desk.blobs.get(sha256(text)) == text


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ("snapshot", "on another snapshot"),
        ("adapter", "about another adapter"),
        ("report", "decided over another report"),
        ("decision", "decided over another report"),
    ],
)
def test_a_part_of_another_run_is_named(desk: ReviewDesk, make_papers: MakePapers, part: str, says: str) -> None:
    ours, theirs = make_papers(desk.blobs, 1), make_papers(desk.blobs, 2)
    with pytest.raises(CheckFailed, match=says):
        check(replace(ours, **{part: getattr(theirs, part)}), desk)


def test_another_snapshot_is_named_for_the_report_and_for_the_adapter(
    desk: ReviewDesk, make_papers: MakePapers
) -> None:
    ours, theirs = make_papers(desk.blobs, 1), make_papers(desk.blobs, 2)
    report = ours.report.model_copy(update={"snapshot": theirs.snapshot.digest})
    decision = ours.decision.model_copy(update={"report": report.digest})
    with pytest.raises(CheckFailed) as failure:
        check(replace(ours, report=report, decision=decision), desk)
    assert failure.value.what == "the report was made on another snapshot"
    with pytest.raises(CheckFailed) as failure:
        check(replace(ours, snapshot=theirs.snapshot, report=report, decision=decision), desk)
    assert failure.value.what == "the adapter was trained on another snapshot"


@pytest.mark.parametrize(
    ("policy", "says"), [("guardrails", "guardrails were changed"), ("gate", "gate's rules were changed")]
)
def test_rules_that_changed_on_the_way_are_named(
    desk: ReviewDesk, make_papers: MakePapers, pipeline: Pipeline, policy: str, says: str
) -> None:
    papers = make_papers(desk.blobs)
    Path(getattr(pipeline, policy)).write_text("name: changed\n", encoding="utf-8")
    with pytest.raises(CheckFailed, match=says):
        check(papers, desk)


def test_a_file_of_the_adapter_that_is_gone_is_named(desk: ReviewDesk, make_papers: MakePapers) -> None:
    papers = make_papers(desk.blobs)
    desk.blobs.path(papers.adapter.files[0].digest).unlink()
    with pytest.raises(CheckFailed, match="file of the adapter is missing"):
        check(papers, desk)
