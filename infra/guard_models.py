"""The models that guardrails may need, loaded once per process and handed to `compile_guards` as one object."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Literal

from infra.ner import NameFinders, load_name_finders

ModelName = Literal["names"]
"""One for each field of `Models`."""


@dataclass(frozen=True)
class Models:
    """What was loaded; None: not needed by the policies at hand."""

    names: NameFinders | None = None
    """Finds names of persons."""


def load_models(needed: Collection[ModelName]) -> Models:
    """Loads what a policy needs (`GuardrailPolicy.models`). Takes seconds the first time in a process.

    Raises MissingPart when a model is not installed.
    """
    return Models(names=_names() if "names" in needed else None)


@cache
def _names() -> NameFinders:
    return load_name_finders()
