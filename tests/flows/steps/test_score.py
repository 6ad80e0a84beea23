"""Figures of an evaluation, against answers whose scores are known."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.steps.read_answer import OTHER, AnswerReader
from flows.steps.results import Answered
from flows.steps.score import Judged, figures, judge, rouge_l
from infra.contracts.evaluation import ItemResult, Subject, SubjectScores
from infra.contracts.model_version import PromptSpec
from infra.contracts.row import SnapshotRow
from infra.digest import sha256

CLASSES = ("arrival", "refund", "rate")
READER = AnswerReader(frozenset(CLASSES), None)
ITEMS = 90


def rows(count: int = ITEMS) -> list[SnapshotRow]:
    return [
        SnapshotRow(
            row_id=f"r{i}",
            split="test",
            subject=f"sub-{i}",
            language="en" if i % 2 else "es",
            text="text",
            answer=CLASSES[i % 3],
            label=CLASSES[i % 3],
            salt="0" * 32,
        )
        for i in range(count)
    ]


def whole(i: int, text: str) -> Answered:
    return Answered(f"r{i}", text, "whole", 0.5 + i / 1000, 3, mean_logprob=-0.5)


def judged(subject: Subject, answers: list[Answered]) -> Judged:
    results = judge(rows(len(answers)), answers, READER, sha256)
    return Judged(subject, sha256(subject.encode()), results, sha256(b"items"), sha256(b"answers"))


def value(scores: SubjectScores, name: str) -> float:
    found = scores.metric(name)
    assert found is not None
    return found.value


def test_every_item_is_in_exactly_one_outcome_and_only_whole_answers_are_right() -> None:
    answers = [
        whole(0, "arrival"),
        whole(1, "arrival"),
        Answered("r2", "rate", "truncated", 1.0, 3),
        Answered("r3", "", "blocked", 0.1, 0),
        Answered("r4", "", "error", 0.1, 0, failure="the engine stopped"),
        whole(5, "a poem"),
    ]
    results = judged("candidate", answers).results
    assert [result.outcome for result in results] == ["correct", "wrong", "truncated", "wrong", "error", "wrong"]
    assert [result.predicted for result in results] == ["arrival", "arrival", OTHER, OTHER, OTHER, OTHER]
    assert [result.exact_match for result in results] == [1, 0, 0, 0, 0, 0]
    scores = figures([judged("candidate", answers)], resamples=100, seed=1).subjects[0]
    outcomes = scores.outcomes
    assert (outcomes.correct, outcomes.wrong, outcomes.truncated, outcomes.error) == (1, 3, 1, 1)
    assert value(scores, "exact_match") == pytest.approx(1 / 6)
    assert value(scores, "latency_p50_s") == pytest.approx(0.501), "an item in error has no latency"


def test_the_metrics_of_a_half_right_candidate() -> None:
    answers = [whole(i, CLASSES[i % 3] if i % 2 else "nothing") for i in range(ITEMS)]
    scores = figures([judged("candidate", answers)], resamples=300, seed=1).subjects[0]
    assert value(scores, "exact_match") == 0.5
    assert value(scores, "macro_f1") == pytest.approx(2 / 3), "recall 1/2, precision 1"
    assert value(scores, "rouge_l") == 0.5
    assert 50 < value(scores, "chrf") < 60
    assert value(scores, "perplexity") == pytest.approx(2.718281828**0.5)
    assert value(scores, "output_tokens") == 3
    assert scores.metric("json_valid") is None, "answers are text"
    for metric in scores.metrics:
        assert metric.low <= metric.value <= metric.high, metric.name
    exact = scores.metric("exact_match")
    assert exact is not None and 0.3 < exact.low < 0.5 < exact.high < 0.7


def test_where_rows_have_no_class_there_is_no_macro_f1() -> None:
    plain = [row.model_copy(update={"label": ""}) for row in rows()]
    results = judge(plain, [whole(i, "x") for i in range(ITEMS)], AnswerReader.of(PROMPT, plain), sha256)
    scores = figures([Judged("candidate", sha256(b"c"), results, sha256(b"i"), sha256(b"a"))], resamples=100, seed=1)
    assert scores.subjects[0].metric("macro_f1") is None


PROMPT = PromptSpec(system="s", answer_format="text", max_new_tokens=8)


def test_what_no_item_measured_is_absent_rather_than_zero() -> None:
    answers = [Answered(f"r{i}", "", "error", 0.1, 0, failure="gone") for i in range(ITEMS)]
    scores = figures([judged("candidate", answers)], resamples=100, seed=1).subjects[0]
    names = {metric.name for metric in scores.metrics}
    assert "latency_p50_s" not in names and "perplexity" not in names and "output_tokens" not in names
    assert value(scores, "exact_match") == 0 and scores.outcomes.error == ITEMS


def test_differences_are_candidate_minus_the_other_on_the_same_resamples() -> None:
    ours = judged("candidate", [whole(i, CLASSES[i % 3] if i % 10 else "x") for i in range(ITEMS)])
    base = judged("base", [whole(i, "x") for i in range(ITEMS)])
    champion = judged("champion", [whole(i, CLASSES[i % 3] if i % 10 else "x") for i in range(ITEMS)])
    found = figures([ours, base, champion], resamples=300, seed=1)
    by = {(difference.against, difference.metric): difference for difference in found.differences}
    gain = by["base", "exact_match"]
    assert gain.difference == pytest.approx(0.9) and 0.8 < gain.low < 0.9 < gain.high < 1.0
    assert by["base", "macro_f1"].difference > 0.9
    for name in ("exact_match", "macro_f1", "chrf", "rouge_l", "latency_p50_s"):
        same = by["champion", name]
        assert (same.difference, same.low, same.high) == (0, 0, 0)


def test_subjects_on_different_items_are_never_compared() -> None:
    ours = judged("candidate", [whole(i, "x") for i in range(ITEMS)])
    fewer = judged("base", [whole(i, "x") for i in range(ITEMS - 1)])
    with pytest.raises(ValueError, match="same items"):
        figures([ours, fewer], resamples=100, seed=1)


@pytest.mark.parametrize(
    ("expected", "answer", "score"),
    [
        # Lin 2004, section 3: the candidates of "police killed the gunman"; precision and recall are both 3/4 and 2/4.
        ("police killed the gunman", "police kill the gunman", 0.75),
        ("police killed the gunman", "the gunman kill police", 0.5),
        ("police killed the gunman", "the gunman police killed", 0.5),
        ("Tarjeta perdida", "tarjeta PERDIDA.", 1.0),
        ("uno dos tres", "uno", 2 * 1 * (1 / 3) / (1 + 1 / 3)),
        ("", "", 1.0),
        ("word", "", 0.0),
    ],
)
def test_rouge_l_by_hand(expected: str, answer: str, score: float) -> None:
    assert rouge_l(expected, answer) == pytest.approx(score)


@given(st.text(max_size=40), st.text(max_size=40))
@settings(deadline=None)
def test_rouge_l_is_symmetric_and_within_0_and_1(one: str, other: str) -> None:
    assert 0 <= rouge_l(one, other) <= 1
    assert rouge_l(one, other) == rouge_l(other, one)
    assert rouge_l(one, one) == 1


def test_a_result_survives_being_written() -> None:
    result = judged("candidate", [whole(0, "arrival")]).results[0]
    assert ItemResult.model_validate_json(result.model_dump_json()) == result
