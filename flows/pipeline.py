"""The pipeline file: what a person types (about 25 keys), read into frozen types.

The full configuration is built from it, late.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from flows.slots import check_path
from infra.contracts.base import Frozen, Name
from infra.contracts.model_version import PromptSpec
from infra.engines.json_schema import check_schema
from infra.errors import BadInput, ConfigError
from infra.rules import RuleKind, read_rule
from infra.typed_yaml import parse_yaml
from infra.yaml_problem import BadValue, BadValues
from infra.yaml_text import read_yaml_text

SHIPPED = Path(__file__).parent / "pipelines"
Share = Annotated[float, Field(gt=0, lt=1)]


class Columns(Frozen):
    """Which column holds what. Only `text` and `answer` must be there; without `subject`, a row is one of its own."""

    text: str = "text"
    """The column that the model reads."""
    answer: str = "answer"
    """The column that it learns to write."""
    label: str = ""
    """The class for macro-F1; empty: the answer itself is the class (text), or there is none (JSON)."""
    language: str = ""
    """Names a column of `en` or `es`; empty: `data.language` decides."""
    subject: str = ""
    """Names whose row it is: their rows are encrypted under one key, which can be destroyed."""
    row_id: str = ""
    """Names a column that tells rows apart; empty: the row's number in its file."""


class DataRules(Frozen):
    """What must hold of the rows, wherever they come from."""

    expectations: str
    """Name or path of a suite in policies/rules/expectations."""
    test_share: Share = 0.1
    """Share of the rows that is held out where no test set is given."""
    near_duplicate_jaccard: Share = 0.8
    """Two training rows whose words overlap at least so much are one; the first stays."""
    leakage_jaccard: Share = 0.7
    """A training row that overlaps so much with a test row is taken out of the training rows."""


class GeneratedData(DataRules):
    """Data that Sluice makes itself, seeded: the support tickets of the demo."""

    kind: Literal["support-tickets"]
    rows: Annotated[int, Field(ge=100, le=1_000_000)]
    """How many tickets."""
    seed: int = 7
    """The same seed makes the same tickets."""


class FileData(DataRules):
    """Data in files: CSV, JSONL or Parquet, by suffix.

    A path may hold `{slot:%Y-%m-%d}`, which a scheduled run or a backfill fills with the day that it stands for; where
    that file is missing, the run ends with "No new data". Other parts of the time: see flows/slots.py.
    """

    kind: Literal["files"]
    train: str = ""
    """The file of training rows; must be given here or with --set data.train=PATH."""
    test: str = ""
    """A test set of the user's own is never filtered. Empty: a share of the rows is held out."""
    columns: Columns = Columns()
    language: Literal["en", "es", "auto"] = "auto"
    """The language of rows whose language column is absent."""

    @field_validator("train", "test")
    @classmethod
    def _slots_can_be_filled(cls, path: str) -> str:
        return check_path(path)

    @model_validator(mode="after")
    def _train_is_given(self) -> FileData:
        if not self.train:
            raise BadValue(
                "no training file is given", cure="add `train: PATH`, or --set data.train=PATH", key=("train",)
            )
        if self.train == self.test:
            cure = "give another file, or leave `test` out: a share of the rows is then held out"
            raise BadValue("the test set is the training file itself", cure=cure, key=("test",))
        return self


DataSpec = Annotated[GeneratedData | FileData, Field(discriminator="kind")]
"""Where the rows come from and what must hold of them; `data.kind` tells which."""


class TrainingSpec(Frozen):
    """How to fine-tune."""

    objective: Literal["sft"] = "sft"
    """Supervised fine-tuning: the loss counts the answer's tokens only."""
    method: Literal["lora"] = "lora"
    """Low-rank adapters beside frozen weights (PEFT)."""
    rank: Annotated[int, Field(ge=1, le=256)] = 16
    """The adapter's rank: how much it can hold."""
    alpha: Annotated[int, Field(ge=1)] = 32
    """The adapter is scaled by alpha / rank."""
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = 1.5e-3
    """The highest, after the warm-up; it falls to a hundredth along a cosine."""
    epochs: Annotated[float, Field(gt=0)] = 2.0
    """How often each row is seen; parts of one are allowed."""
    max_tokens: Annotated[int, Field(ge=0)] = 0
    """Stop after so many computed tokens (0: the epochs alone decide); the schedule is scaled to what fits."""
    batch_rows: Annotated[int, Field(ge=1)] = 32
    """Rows of one optimiser step, over all ranks."""
    warmup_steps: Annotated[int, Field(ge=0)] = 20
    """Steps in which the learning rate rises from zero."""
    max_row_tokens: Annotated[int, Field(ge=16)] = 512
    """A longer row is left out and counted, never cut."""
    seed: int = 1
    """Decides the adapter's first weights and the order of the rows."""
    zero_stage: Literal[0, 1, 2, 3] = 1
    """What DeepSpeed shares out among the ranks: 0 nothing, 1 optimiser, 2 gradients too, 3 weights too."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: the faster one, measured at the start (bf16 only where the processor has it)."""
    ranks: Annotated[int, Field(ge=1)] = 1
    """Training processes side by side."""
    checkpoint_every_steps: Annotated[int, Field(ge=1)] = 50
    """A run that was killed goes on after the last of these."""


class EvaluationSpec(Frozen):
    """How much to evaluate."""

    max_items: Annotated[int, Field(ge=0)] = 0
    """0: every held-out item."""
    score_items: Annotated[int, Field(ge=0)] = 0
    """Items for perplexity (log-probabilities cost a second pass); 0: none."""
    concurrency: Annotated[int, Field(ge=1)] = 16
    """Items that the engine answers at once."""
    bootstrap: Annotated[int, Field(ge=100)] = 1000
    """Resamples behind each 95 % interval."""
    seed: int = 1
    """Decides the resamples."""


class ScheduleSpec(Frozen):
    """What becomes of a scheduled run that could not start in time, since the machine or Prefect was down."""

    missed: Literal["catch_up", "skip"] = "catch_up"
    """catch_up: it runs late (of several that were missed, the later ones find no new data and end); skip: it ends."""
    grace_s: Annotated[int, Field(ge=0)] = 300
    """With `skip`: up to so many seconds after its time, a run still starts."""


class Pipeline(Frozen):
    """One pipeline. Its name is also the registered model's and OpenAI's `model`."""

    name: Name
    """Also the registered model's name and what callers send as `model`."""
    description: str
    """One line for people: what the model does."""
    base_model: Literal["smollm2-135m-instruct"] = "smollm2-135m-instruct"
    """The model that is fine-tuned; it comes from the package registry."""
    data: DataSpec
    """Where the rows come from and what must hold of them."""
    prompt: PromptSpec
    """How the model is asked and what it answers."""
    training: TrainingSpec = TrainingSpec()
    """How to fine-tune."""
    evaluation: EvaluationSpec = EvaluationSpec()
    """How much to evaluate."""
    schedule: ScheduleSpec = ScheduleSpec()
    """What becomes of a missed run."""
    gate: str
    """Name or path of a gate: what a model must show before a person is asked."""
    guardrails: str
    """Name or path of a policy: what is checked in evaluation and in service."""
    access: str
    """Name or path of an access policy: who may approve."""

    @field_validator("prompt")
    @classmethod
    def _prompt_holds_together(cls, prompt: PromptSpec) -> PromptSpec:
        found = tuple(_prompt_problems(prompt))
        if found:
            raise BadValues(*found)
        return prompt


def _prompt_problems(prompt: PromptSpec) -> Iterator[BadValue]:
    if prompt.max_new_tokens < 1:
        yield BadValue("must be at least 1", cure="change the value", key=("max_new_tokens",))
    if prompt.answer_format == "json" and not prompt.json_schema:
        cure = "add `json_schema:`, or say `answer_format: text`"
        yield BadValue("answer_format: json needs a schema", cure=cure, key=("answer_format",))
    if prompt.answer_format == "text" and prompt.json_schema:
        cure = "delete it, or say `answer_format: json`"
        yield BadValue("a schema goes with answer_format: json only", cure=cure, key=("json_schema",))
    if prompt.json_schema:
        try:
            check_schema(prompt.json_schema)
        except BadInput as error:
            yield BadValue(error.what, cure=error.cure, key=("json_schema",))


def read_pipeline(name_or_path: str, overrides: Mapping[str, str] | None = None) -> Pipeline:
    """Reads a shipped pipeline by name, or a file by path.

    Raises BadInput (no such file) or ConfigError (every problem of it, or of a rule file that it names): a broken gate
    must not come to light after an hour of training.
    """
    text, path = read_yaml_text(name_or_path, SHIPPED, kind="pipeline")
    pipeline = parse_yaml(text, Pipeline, source=str(path), overrides=overrides, also=_missing_rules)
    _check_rules(pipeline)
    return pipeline


def _named_rules(pipeline: Pipeline) -> tuple[tuple[RuleKind, str, tuple[str, ...]], ...]:
    """Each rule file that a pipeline names: its kind, its name or path, and the key that names it."""
    return (
        ("expectations", pipeline.data.expectations, ("data", "expectations")),
        ("gates", pipeline.gate, ("gate",)),
        ("guardrails", pipeline.guardrails, ("guardrails",)),
        ("access", pipeline.access, ("access",)),
    )


def _check_rules(pipeline: Pipeline) -> None:
    from policies.access import parse_access
    from policies.expectations.suite import parse_suite
    from policies.gates.gate import parse_gate
    from policies.policy import parse_guardrails

    parsers = {"expectations": parse_suite, "gates": parse_gate, "guardrails": parse_guardrails, "access": parse_access}
    for kind, name, _ in _named_rules(pipeline):
        rule = read_rule(kind, name)
        parsers[kind](rule.text, source=rule.source)


def _missing_rules(pipeline: Pipeline) -> Iterator[BadValue]:
    """The rule files that the pipeline names and that are not there."""
    for kind, name, key in _named_rules(pipeline):
        try:
            read_rule(kind, name)
        except ConfigError:
            pass  # there, and told with its own lines where it is read
        except BadInput as error:
            yield BadValue(f"{error.what} ({error.where})", cure=error.cure, key=key)
