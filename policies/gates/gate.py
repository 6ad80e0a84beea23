"""A gate's rules: YAML text (policies/rules/gates) read into one frozen policy. What follows from them stands in
evaluation.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from infra.contracts.base import Frozen, Name
from infra.digest import Digest, sha256
from infra.typed_yaml import parse_yaml
from infra.yaml_problem import BadValue

MetricName = Literal[
    "exact_match", "macro_f1", "json_valid", "rouge_l", "chrf", "perplexity", "latency_p50_s", "output_tokens"
]
"""Every metric that an evaluation can report: a misspelt one is refused when the file is read, not found missing
later."""

LOWER_IS_BETTER: frozenset[str] = frozenset({"perplexity", "latency_p50_s", "output_tokens"})
Share = Annotated[float, Field(ge=0, le=1)]


class OutcomeLimits(Frozen):
    """How many of the candidate's items may have no proper answer, as shares of all items."""

    error_at_most: Share
    """Items that ended in an error instead of an answer."""
    truncated_at_most: Share
    """Items whose answer ran into `prompt.max_new_tokens`."""


class Threshold(Frozen):
    """One metric of the candidate against a fixed figure: exactly one of `at_least` and `at_most`."""

    metric: MetricName
    """Which figure of the report."""
    at_least: float | None = None
    """It must not be lower."""
    at_most: float | None = None
    """It must not be higher."""
    on: Literal["value", "interval"] = "value"
    """value: the figure itself. interval: all of its 95 % interval, so the low end for at_least, the high end for
    at_most."""

    @model_validator(mode="after")
    def _one_bound(self) -> Threshold:
        if (self.at_least is None) == (self.at_most is None):
            what = "a threshold has exactly one of at_least and at_most"
            raise BadValue(what, cure="give one of the two", key=("metric",))
        return self


class NoWorseThan(Frozen):
    """One metric of the candidate against another subject's on the same items."""

    metric: MetricName
    """Which figure of both reports."""
    against: Literal["champion", "base"]
    """champion: the base model takes its place as long as there is no champion."""
    margin: Annotated[float, Field(ge=0)]
    """How much worse is still no harm, in the metric's own unit."""


class GateRules(Frozen):
    """What the YAML file holds."""

    name: Name
    """Stands in the decision and on the version's card."""
    minimum_items: Annotated[int, Field(ge=1)]
    """Fewer evaluated items than this decide nothing: the verdict is INCONCLUSIVE."""
    outcomes: OutcomeLimits
    """What may go wrong with single items."""
    thresholds: tuple[Threshold, ...] = ()
    """Bounds for the candidate's own figures."""
    no_worse_than: tuple[NoWorseThan, ...] = ()
    """Comparisons with the champion or the base model."""

    @model_validator(mode="after")
    def _asks_something(self) -> GateRules:
        if not self.thresholds and not self.no_worse_than:
            what = "a gate without thresholds and without no_worse_than would let everything through"
            raise BadValue(what, cure="add `thresholds:`, `no_worse_than:` or both", key=("thresholds",))
        return self


@dataclass(frozen=True)
class GatePolicy:
    """A gate as it is enforced: its rules, and the digest of the very text that was read."""

    rules: GateRules
    digest: Digest

    @property
    def name(self) -> str:
        """The gate's name."""
        return self.rules.name


def parse_gate(text: str, *, source: str) -> GatePolicy:
    """Reads a gate. Raises ConfigError with every problem of the file: its lines, keys and cures."""
    return GatePolicy(parse_yaml(text, GateRules, source=source), sha256(text.encode("utf-8")))
