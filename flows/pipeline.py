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
    answer: str = "answer"
    label: str = ""
    """The class for macro-F1; empty: the answer itself is the class (text), or there is none (JSON)."""
    language: str = ""
    subject: str = ""
    row_id: str = ""


class DataRules(Frozen):
    """What must hold of the rows, wherever they come from."""

    expectations: str
    """Name or path of a suite in policies/rules/expectations."""
    test_share: Share = 0.1
    """Share of the rows that is held out where no test set is given."""
    near_duplicate_jaccard: Share = 0.8
    leakage_jaccard: Share = 0.7


class GeneratedData(DataRules):
    """Data that Sluice makes itself, seeded: the support tickets of the demo."""

    kind: Literal["support-tickets"]
    rows: Annotated[int, Field(ge=100, le=1_000_000)]
    seed: int = 7


class FileData(DataRules):
    """Data in files: CSV, JSONL or Parquet, by suffix.

    A path may hold `{slot:%Y-%m-%d}`, which a scheduled run or a backfill fills with the day that it stands for; where
    that file is missing, the run ends with "No new data". Other parts of the time: see flows/slots.py.
    """

    kind: Literal["files"]
    train: str = ""
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
    method: Literal["lora"] = "lora"
    rank: Annotated[int, Field(ge=1, le=256)] = 16
    alpha: Annotated[int, Field(ge=1)] = 32
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = 1.5e-3
    epochs: Annotated[float, Field(gt=0)] = 2.0
    max_tokens: Annotated[int, Field(ge=0)] = 0
    """Stop after so many computed tokens (0: the epochs alone decide); the schedule is scaled to what fits."""
    batch_rows: Annotated[int, Field(ge=1)] = 32
    warmup_steps: Annotated[int, Field(ge=0)] = 20
    max_row_tokens: Annotated[int, Field(ge=16)] = 512
    seed: int = 1
    zero_stage: Literal[0, 1, 2, 3] = 1
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: the faster one, measured at the start (bf16 only where the processor has it)."""
    ranks: Annotated[int, Field(ge=1)] = 1
    checkpoint_every_steps: Annotated[int, Field(ge=1)] = 50


class EvaluationSpec(Frozen):
    """How much to evaluate."""

    max_items: Annotated[int, Field(ge=0)] = 0
    """0: every held-out item."""
    score_items: Annotated[int, Field(ge=0)] = 0
    """Items for perplexity (log-probabilities cost a second pass); 0: none."""
    concurrency: Annotated[int, Field(ge=1)] = 16
    bootstrap: Annotated[int, Field(ge=100)] = 1000
    seed: int = 1


class ScheduleSpec(Frozen):
    """What becomes of a scheduled run that could not start in time, since the machine or Prefect was down."""

    missed: Literal["catch_up", "skip"] = "catch_up"
    """catch_up: it runs late (of several that were missed, the later ones find no new data and end); skip: it ends."""
    grace_s: Annotated[int, Field(ge=0)] = 300
    """With `skip`: up to so many seconds after its time, a run still starts."""


class Pipeline(Frozen):
    """One pipeline. Its name is also the registered model's and OpenAI's `model`."""

    name: Name
    description: str
    base_model: Literal["smollm2-135m-instruct"] = "smollm2-135m-instruct"
    data: DataSpec
    prompt: PromptSpec
    training: TrainingSpec = TrainingSpec()
    evaluation: EvaluationSpec = EvaluationSpec()
    schedule: ScheduleSpec = ScheduleSpec()
    gate: str
    guardrails: str
    access: str

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
