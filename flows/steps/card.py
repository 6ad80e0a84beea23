"""The model card in Markdown: what a reviewer reads before saying yes.

Made from contracts alone, so it holds no text of a row.

Follows the sections of Mitchell et al., "Model Cards for Model Reporting", FAT* 2019 (arXiv:1810.03993).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from flows.steps.markdown import one_line, table
from flows.steps.papers import Papers
from infra.contracts.dataset import DatasetSnapshot
from infra.contracts.evaluation import EvaluationReport, Subject, SubjectScores
from infra.contracts.gate import GateDecision, GateVerdict
from infra.contracts.model_version import ModelVersion
from policies.gates.gate import LOWER_IS_BETTER

_SUBJECTS: tuple[Subject, ...] = ("candidate", "base", "champion")
_NONE = "–"


@dataclass(frozen=True)
class BaseFacts:
    """What is known of a base model."""

    title: str
    licence: str
    languages: str
    source: str


_BASES = {
    "smollm2-135m-instruct": BaseFacts(
        "SmolLM2-135M-Instruct",
        "Apache-2.0",
        "English mostly; other languages as far as the training rows teach them",
        "Hugging Face TB, arXiv:2502.02737",
    )
}


def model_card(papers: Papers, version: ModelVersion | None) -> str:
    """Writes the card, verdict and scores first, so that a shortened one still holds what matters.

    `version` is None for a model that the gate turned away.
    """
    sections = (
        _head(papers, version),
        _evaluation(papers.report),
        _gate(papers.decision),
        _data(papers.snapshot),
        _training(papers),
        _use(papers),
        _limits(papers),
        _provenance(papers, version),
    )
    return "\n\n".join(section.strip() for section in sections) + "\n"


def _head(papers: Papers, version: ModelVersion | None) -> str:
    name = papers.pipeline.name
    title = f"{name} version {version.version}" if version else f"{name} (not registered)"
    base = _BASES[papers.pipeline.base_model]
    reviewed = (
        "It answers nobody without a signed approval."
        if papers.decision.verdict is GateVerdict.GO
        else "It is kept for the record and can not be released."
    )
    return f"""# {title}

{one_line(papers.pipeline.description)}

A LoRA adapter (rank {papers.adapter.rank}) on {base.title} ({base.licence}).

Gate: **{papers.decision.verdict.value}**. {reviewed}"""


def _evaluation(report: EvaluationReport) -> str:
    scored = [found for subject in _SUBJECTS if (found := report.scores(subject))]
    heads = ["metric", *(scores.subject for scores in scored)]
    names = list(dict.fromkeys(metric.name for scores in scored for metric in scores.metrics))
    rows = [[_metric_name(name), *(_metric(scores, name) for scores in scored)] for name in names]
    outcomes = [
        [scores.subject, *(str(count) for count in _counts(scores)), str(scores.outcomes.items)] for scores in scored
    ]
    differences = [
        [
            f"candidate − {one.against}",
            _metric_name(one.metric),
            f"{one.difference:+.4f} [{one.low:+.4f}, {one.high:+.4f}]",
        ]
        for one in report.differences
    ]
    engine = report.engine
    parts = [
        "## Evaluation",
        f"On held-out rows, through the path that serves (engine {engine.name} {engine.version}, {engine.precision}; "
        "the same prompt and guardrails). Brackets are 95 % bootstrap intervals.",
        table(heads, rows),
        "Every item has exactly one outcome:",
        table(["model", "correct", "wrong", "truncated", "error", "items"], outcomes),
    ]
    if differences:
        parts += ["On the same items, paired:", table(["difference", "metric", "value"], differences)]
    return "\n\n".join(parts)


def _gate(decision: GateDecision) -> str:
    rows = [[reason.rule, reason.required, reason.measured, reason.verdict.value] for reason in decision.reasons]
    heads = ["rule", "required", "measured", "verdict"]
    return f"## Gate: {decision.verdict.value}\n\n{table(heads, rows)}"


def _data(snapshot: DatasetSnapshot) -> str:
    kept = ", ".join(f"{split.rows:,} {split.name}" for split in snapshot.splits)
    quarantined = sum(one.rows for one in snapshot.quarantined)
    rows = [
        ["rows in", f"{snapshot.rows_in:,}"],
        ["quarantined", _with_parts(quarantined, ((one.reason, one.rows) for one in snapshot.quarantined))],
        ["exact duplicates dropped", f"{snapshot.duplicates_exact:,}"],
        ["near duplicates dropped", f"{snapshot.duplicates_near:,}"],
        ["training rows dropped as leaked", f"{snapshot.leaked:,} ({snapshot.leakage_measure})"],
        [
            "spans redacted",
            _with_parts(
                sum(one.spans for one in snapshot.redacted), ((one.entity, one.spans) for one in snapshot.redacted)
            ),
        ],
        ["rows kept", kept],
    ]
    return f"## Data\n\n{table(['what', 'how many'], rows)}"


def _training(papers: Papers) -> str:
    recipe, figures = papers.pipeline.training, papers.adapter.figures
    sanity = papers.adapter.sanity
    rows = [
        ["objective, method", f"{papers.adapter.objective}, {papers.adapter.method}"],
        ["rank, alpha", f"{papers.adapter.rank}, {papers.adapter.alpha}"],
        ["learning rate", f"{recipe.learning_rate:g} after {recipe.warmup_steps} steps of warm-up"],
        ["rows a step, seed", f"{recipe.batch_rows}, {recipe.seed}"],
        ["DeepSpeed", f"ZeRO stage {recipe.zero_stage}, precision {recipe.precision}, ranks {recipe.ranks}"],
        ["epochs, steps", f"{_number(figures.epochs)}, {figures.steps:,}"],
        ["tokens computed, learned from", f"{figures.tokens:,}, {figures.label_tokens:,}"],
        ["speed", f"{_number(figures.tokens_per_s)} tokens/s for {_number(figures.seconds)} s"],
        ["loss per answer token", f"{_number(figures.first_loss)} at first, {_number(figures.last_loss)} at the end"],
        [
            "sanity check",
            f"{sanity.tensors} tensors, {sanity.zero_tensors} all zero; logits differ from the base's by up to "
            f"{_number(sanity.base_max_logit_difference)}, from those before a reload by up to "
            f"{_number(sanity.reload_max_logit_difference)}",
        ],
    ]
    return f"## Training\n\n{table(['what', 'value'], rows)}"


def _use(papers: Papers) -> str:
    base, prompt = _BASES[papers.pipeline.base_model], papers.pipeline.prompt
    guardrails = Path(papers.pipeline.guardrails).stem
    form = "JSON that its schema allows" if prompt.answer_format == "json" else "plain text"
    return f"""## Intended use

- For the task above, behind the guardrails `{guardrails}`, which check input and output.
- Answers are {form}, {prompt.max_new_tokens} tokens at most.
- Languages of the base model: {base.languages}.
- Base model: {base.title}, {base.source}, licence {base.licence}; the adapter is bound by it too."""


def _limits(papers: Papers) -> str:
    scores = papers.report.scores("candidate")
    missed = ""
    if scores and scores.outcomes.items:
        share = 1 - scores.outcomes.correct / scores.outcomes.items
        missed = f"\n- On the held-out rows {share:.1%} of its answers were not right; expect at least that elsewhere."
    return f"""## Limits
{missed}
- The figures hold for rows like the held-out ones, greedy decoding and the engine named above.
- Personal data were found and replaced by machine in the training rows; a detector can miss some.
- A small model: it knows little beyond its task and must not decide alone about people."""


def _provenance(papers: Papers, version: ModelVersion | None) -> str:
    rows = [
        ["dataset snapshot", papers.snapshot.digest],
        *([f"{split.name} rows", split.manifest] for split in papers.snapshot.splits),
        ["base model", papers.adapter.base_model],
        ["recipe", papers.adapter.recipe],
        ["adapter", papers.adapter.digest],
        ["evaluation report", papers.report.digest],
        ["gate policy", papers.decision.gate],
        ["gate decision", papers.decision.digest],
        ["guardrails", papers.report.guardrails],
    ]
    if version:
        rows += [["access policy", version.access], ["signed manifest", version.digest]]
    return f"## Provenance\n\n{table(['what', 'SHA-256'], [[name, f'`{digest}`'] for name, digest in rows])}"


def _metric_name(name: str) -> str:
    return f"{name} (lower is better)" if name in LOWER_IS_BETTER else name


def _metric(scores: SubjectScores, name: str) -> str:
    found = scores.metric(name)
    return f"{found.value:.4f} [{found.low:.4f}, {found.high:.4f}]" if found else _NONE


def _counts(scores: SubjectScores) -> tuple[int, int, int, int]:
    outcomes = scores.outcomes
    return (outcomes.correct, outcomes.wrong, outcomes.truncated, outcomes.error)


def _with_parts(total: int, parts: Iterable[tuple[str, int]]) -> str:
    told = ", ".join(f"{name} {count:,}" for name, count in parts if count)
    return f"{total:,} ({told})" if told else f"{total:,}"


def _number(text: str) -> str:
    value = float(text)
    return f"{value:,.0f}" if math.isfinite(value) and abs(value) >= 1000 else f"{value:.4g}"
