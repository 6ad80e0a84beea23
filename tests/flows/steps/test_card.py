"""The model card: everything a reviewer asks for, no text of a row, well-formed tables."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from flows.desk import ReviewDesk
from flows.steps.card import model_card
from flows.steps.markdown import ROOM
from flows.steps.papers import Papers
from infra.contracts.gate import GateVerdict
from infra.contracts.model_version import ModelVersion
from infra.stores.tracking import shorten


@pytest.fixture
def card(desk: ReviewDesk, make_papers: Callable[..., Papers], make_version: Callable[..., ModelVersion]) -> str:
    return model_card(make_papers(desk.blobs, 3), make_version(desk, 3)).replace(ROOM, "")


@pytest.mark.parametrize(
    "line",
    [
        "# tickets version 3",
        "Sorts made-up tickets | by intent.",
        "Gate: **GO**.",
        "| exact_match | 0.9000 [0.8500, 0.9500] | 0.1000 [0.0500, 0.1500] |",
        "| latency_p50_s (lower is better) | 0.2500 [0.2000, 0.3000] | 0.2500 [0.2000, 0.3000] |",
        "| candidate | 9 | 1 | 0 | 0 | 10 |",
        "| candidate − base | exact_match | +0.8000 [+0.7000, +0.9000] |",
        "| thresholds.exact_match | at least 0.5 | 0.9 | GO |",
        "| rows in | 100 |",
        "| quarantined | 4 (empty text 4) |",
        "| training rows dropped as leaked | 1 (word-set Jaccard >= 0.7) |",
        "| spans redacted | 12 (EMAIL_ADDRESS 7, PERSON 5) |",
        "| rows kept | 80 train, 10 test |",
        "| speed | 401.5 tokens/s for 246.6 s |",
        "| loss per answer token | 2 at first, 0.0017 at the end |",
        "- On the held-out rows 10.0% of its answers were not right; expect at least that elsewhere.",
    ],
)
def test_the_card_says(card: str, line: str) -> None:
    assert line in card.splitlines() or line in card


def test_the_card_names_the_licence_and_every_parent(card: str, desk: ReviewDesk) -> None:
    manifest = desk.releases.manifests("tickets")[-1]
    assert "licence Apache-2.0" in card
    for digest in (manifest.digest, manifest.adapter, manifest.snapshot, manifest.report, manifest.decision):
        assert f"`{digest}`" in card


def test_every_row_of_a_table_has_as_many_cells_as_its_head(card: str) -> None:
    tables = re.findall(r"(?:^\|.*\|$\n?)+", card, flags=re.MULTILINE)
    assert len(tables) == 7
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_the_prompt_of_the_pipeline_is_not_in_the_card(card: str) -> None:
    assert "Sort the ticket." not in card


def test_markup_in_a_description_stays_text(desk: ReviewDesk, make_papers: Callable[..., Papers]) -> None:
    papers = make_papers(desk.blobs)
    pipeline = papers.pipeline.model_copy(update={"description": "<script>alert(1)</script>\n\n# Not a heading"})
    card = model_card(Papers(pipeline, papers.snapshot, papers.adapter, papers.report, papers.decision), None)
    assert "<script" not in card
    assert not [line for line in card.splitlines() if line.startswith("# Not")]


def test_a_refused_model_says_so(desk: ReviewDesk, make_papers: Callable[..., Papers]) -> None:
    card = model_card(make_papers(desk.blobs, 1, GateVerdict.INCONCLUSIVE), None)
    assert card.startswith("# tickets (not registered)")
    assert "Gate: **INCONCLUSIVE**. It is kept for the record and can not be released." in card


def test_a_card_that_is_too_long_for_mlflow_is_cut_between_sections(card: str) -> None:
    long = card.replace("## Data", "## Data\n\n" + "word " * 1_000)
    short = shorten(long)
    assert len(short) <= 4_900
    assert "## Evaluation" in short
    assert "## Data" not in short
    assert short.rstrip().endswith("`card.md`.*")
    assert shorten(card) == card
