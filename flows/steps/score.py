"""From answers to figures: each item judged once, then every metric with its interval, and candidate minus the
others, paired.

    exact_match    share of items whose answer is right (steps/read_answer.py); 0 to 1
    macro_f1       mean F1 over the classes of the held-out items (scikit-learn); 0 to 1; only where every item has a
    class json_valid     share of answers that parse and satisfy the schema; only for JSON answers rouge_l
    mean F1 of the longest common subsequence of words (Lin 2004); 0 to 1 chrf           mean of the sentences' chrF
    (sacrebleu, Popovic 2015); 0 to 100 perplexity     exp(-mean log-probability of the expected answer); only where
    the engine tells latency_p50_s  median seconds for one answer, guarding included, at the evaluation's concurrency
    output_tokens  mean tokens of an answer

An item that ended in an error counts as not right in the first five and is left out of the last two; a cut-off one
is never right.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from flows.steps.read_answer import OTHER, AnswerReader
from flows.steps.results import Answered
from infra.contracts.evaluation import ItemResult, Metric, Outcomes, PairedDifference, Subject, SubjectScores
from infra.contracts.row import SnapshotRow
from infra.digest import Digest
from policies.gates.gate import MetricName
from policies.gates.statistics import (
    FloatArray,
    Resampling,
    Statistic,
    distributions,
    macro_f1_of,
    mean_of,
    median_of,
    percentile_interval,
    perplexity_of,
    point,
)

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Judged:
    """One subject's items, each judged: what the figures are made of."""

    subject: Subject
    model: Digest
    results: tuple[ItemResult, ...]
    items: Digest
    """The blob that keeps the results."""
    answers: Digest
    """The blob that keeps the sealed answers."""


@dataclass(frozen=True)
class Figures:
    """All figures of one evaluation."""

    subjects: tuple[SubjectScores, ...]
    differences: tuple[PairedDifference, ...]


def judge(
    rows: Sequence[SnapshotRow],
    answers: Sequence[Answered],
    reader: AnswerReader,
    digest: Callable[[bytes], Digest],
) -> tuple[ItemResult, ...]:
    """Judges every answer; rows and answers are in the same order. `digest` names a text so that a guess proves
    nothing.
    """
    from sacrebleu.metrics import CHRF

    chrf = CHRF()
    results = []
    for row, answered in zip(rows, answers, strict=True):
        reading = reader.read(row, answered.text)
        usable = answered.ended == "whole"
        right = reading.exact and usable
        no_class = OTHER if row.label else ""
        results.append(
            ItemResult(
                row_id=row.row_id,
                outcome=_outcome(answered, right),
                label=row.label,
                predicted=reading.predicted if usable else no_class,
                exact_match=float(right),
                json_valid=None if reading.json_valid is None else float(reading.json_valid),
                rouge_l=rouge_l(row.answer, answered.text),
                chrf=float(chrf.sentence_score(answered.text, [row.answer]).score),
                seconds=answered.seconds,
                output_tokens=answered.output_tokens,
                mean_logprob=answered.mean_logprob,
                answer=digest(answered.text.encode("utf-8")),
            )
        )
    return tuple(results)


def _outcome(answered: Answered, right: bool) -> Literal["correct", "wrong", "truncated", "error"]:
    if answered.ended == "error" or answered.ended == "truncated":
        return answered.ended
    return "correct" if right else "wrong"


def rouge_l(expected: str, answer: str) -> float:
    """ROUGE-L as an F1 (beta 1): longest common subsequence of lower-cased words over each side's length; 0 to 1.

    Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", 2004, equations 2 to 4. Two texts without words
    are equal.
    """
    from rapidfuzz.distance import LCSseq

    one, other = _WORD.findall(expected.lower()), _WORD.findall(answer.lower())
    if not one and not other:
        return 1.0
    # 2PR / (P + R) with P = common / other and R = common / one.
    return 2 * int(LCSseq.similarity(one, other)) / (len(one) + len(other))


def figures(subjects: Sequence[Judged], *, resamples: int, seed: int) -> Figures:
    """Every metric of every subject with its 95 % interval, and candidate minus each other subject on the same
    resamples.

    The first subject is the candidate. Raises ValueError when there are no items or the subjects' items differ.
    """
    rows = [[result.row_id for result in subject.results] for subject in subjects]
    if any(ids != rows[0] for ids in rows):
        raise ValueError("the subjects must be judged on the same items in the same order")
    measures = [_measures(subject.results) for subject in subjects]
    flat = [measure for group in measures for measure in group]
    drawn = iter(distributions(Resampling(len(rows[0]), resamples, seed), [measure.statistic for measure in flat]))
    measured = [[_Measured(measure, next(drawn)) for measure in group] for group in measures]
    scores = tuple(_scores(subject, group) for subject, group in zip(subjects, measured, strict=True))
    differences = tuple(
        difference
        for subject, group in zip(subjects[1:], measured[1:], strict=True)
        for difference in _differences(subject.subject, measured[0], group)
    )
    return Figures(scores, differences)


@dataclass(frozen=True)
class _Measure:
    name: MetricName
    value: float
    statistic: Statistic


@dataclass(frozen=True)
class _Measured:
    measure: _Measure
    distribution: FloatArray


def _measures(results: Sequence[ItemResult]) -> list[_Measure]:
    """The metrics that can be measured on these results; what cannot is left out, and a gate that asks for it says
    NO_GO.
    """
    answered = [result.outcome != "error" for result in results]

    def values(pick: Callable[[ItemResult], float | None], *, only_answered: bool = False) -> FloatArray:
        picked = [
            pick(result) if ok or not only_answered else None for result, ok in zip(results, answered, strict=True)
        ]
        return np.array([np.nan if value is None else value for value in picked], dtype=np.float64)

    statistics: list[tuple[MetricName, Statistic]] = [("exact_match", mean_of(values(lambda r: r.exact_match)))]
    truth, predicted = [result.label for result in results], [result.predicted for result in results]
    if all(truth):
        statistics.append(("macro_f1", macro_f1_of(truth, predicted)))
    statistics += [
        ("json_valid", mean_of(values(lambda r: r.json_valid))),
        ("rouge_l", mean_of(values(lambda r: r.rouge_l))),
        ("chrf", mean_of(values(lambda r: r.chrf))),
        ("perplexity", perplexity_of(values(lambda r: r.mean_logprob))),
        ("latency_p50_s", median_of(values(lambda r: r.seconds, only_answered=True))),
        ("output_tokens", mean_of(values(lambda r: r.output_tokens, only_answered=True))),
    ]
    measures = [_Measure(name, point(statistic, len(results)), statistic) for name, statistic in statistics]
    measures = [_by_scikit_learn(measure, truth, predicted) for measure in measures]
    return [measure for measure in measures if np.isfinite(measure.value)]


def _by_scikit_learn(measure: _Measure, truth: list[str], predicted: list[str]) -> _Measure:
    """The reported macro-F1 is scikit-learn's; the numpy form serves the resamples, and a test holds the two equal."""
    if measure.name != "macro_f1":
        return measure
    from sklearn.metrics import f1_score

    value = f1_score(truth, predicted, labels=sorted(set(truth)), average="macro", zero_division=0.0)
    return _Measure(measure.name, float(value), measure.statistic)


def _scores(subject: Judged, measured: Sequence[_Measured]) -> SubjectScores:
    counts = Counter(result.outcome for result in subject.results)
    metrics = []
    for found in measured:
        interval = percentile_interval(found.distribution)
        metrics.append(Metric(name=found.measure.name, value=found.measure.value, low=interval.low, high=interval.high))
    return SubjectScores(
        subject=subject.subject,
        model=subject.model,
        metrics=tuple(metrics),
        outcomes=Outcomes(
            correct=counts["correct"], wrong=counts["wrong"], truncated=counts["truncated"], error=counts["error"]
        ),
        items=subject.items,
        answers=subject.answers,
    )


def _differences(
    against: Subject, candidate: Sequence[_Measured], other: Sequence[_Measured]
) -> Iterator[PairedDifference]:
    assert against != "candidate"
    theirs = {found.measure.name: found for found in other}
    for ours in candidate:
        found = theirs.get(ours.measure.name)
        if found is None:
            continue
        interval = percentile_interval(ours.distribution - found.distribution)
        yield PairedDifference(
            against=against,
            metric=ours.measure.name,
            difference=ours.measure.value - found.measure.value,
            low=interval.low,
            high=interval.high,
        )
