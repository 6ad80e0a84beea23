"""EvaluationReport: how candidate, base and champion did on the same held-out items, item by item."""

from __future__ import annotations

from typing import ClassVar, Literal

from infra.contracts.base import Contract, DigestStr, Frozen, Name

Subject = Literal["candidate", "base", "champion"]


class Metric(Frozen):
    """A figure with its bootstrap confidence interval (95 %, percentile)."""

    name: str
    value: float
    low: float
    high: float

    @property
    def in_words(self) -> str:
        """The value with its interval, for people."""
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


class Outcomes(Frozen):
    """Every item is in exactly one of these; nothing is silently zero."""

    correct: int
    wrong: int
    truncated: int
    error: int

    @property
    def items(self) -> int:
        """How many items there were."""
        return self.correct + self.wrong + self.truncated + self.error


class ItemResult(Frozen):
    """One item's result for one subject. Texts are kept only as digests; the texts lie encrypted with the snapshot."""

    row_id: str
    outcome: Literal["correct", "wrong", "truncated", "error"]
    label: str
    """The expected class (empty where the task has none); class names are not personal data."""
    predicted: str
    """The class that was read out of the answer; '<other>' when it is none of the known ones."""
    exact_match: float
    json_valid: float | None
    rouge_l: float
    chrf: float
    seconds: float
    output_tokens: int
    mean_logprob: float | None
    """Mean log-probability of the expected answer's tokens, where the engine gives it."""
    answer: DigestStr


class SubjectScores(Frozen):
    """All figures of one subject, and the blob with its per-item results (JSON lines of ItemResult)."""

    subject: Subject
    model: DigestStr
    """Digest of the Adapter or ModelVersion scored, or of the base model."""
    metrics: tuple[Metric, ...]
    outcomes: Outcomes
    items: DigestStr
    answers: DigestStr | None = None
    """Blob with the answers' texts, sealed per data subject (JSON lines of row id, subject, sealed text)."""

    def metric(self, name: str) -> Metric | None:
        """One metric by name, or None where it was not measured."""
        return next((metric for metric in self.metrics if metric.name == name), None)


class PairedDifference(Frozen):
    """Candidate minus another subject on the same items, with a paired bootstrap interval."""

    against: Literal["base", "champion"]
    metric: str
    difference: float
    low: float
    high: float


class EngineRecord(Frozen):
    """What generated the answers, exactly."""

    name: str
    precision: str
    version: str


class EvaluationReport(Contract):
    """The scores of a candidate beside its base and the present champion, through the path that serves."""

    schema_id: ClassVar[str] = "sluice/evaluation-report/1"

    pipeline: Name
    snapshot: DigestStr
    adapter: DigestStr
    base_model: DigestStr
    guardrails: DigestStr
    engine: EngineRecord
    subjects: tuple[SubjectScores, ...]
    differences: tuple[PairedDifference, ...]

    def scores(self, subject: Subject) -> SubjectScores | None:
        """One subject's scores, or None where it was not evaluated."""
        return next((scores for scores in self.subjects if scores.subject == subject), None)
