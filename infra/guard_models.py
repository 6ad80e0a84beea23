"""The models that guardrails may need, loaded once per process and handed to `compile_guards` as one object."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from infra.ner import NameFinders, load_name_finders

if TYPE_CHECKING:
    from infra.embeddings import Encoder
    from infra.injection_model import InjectionModel

ModelName = Literal["names", "injection", "embeddings"]
"""One for each field of `Models`."""


@dataclass(frozen=True)
class Models:
    """What was loaded; None: not needed by the policies at hand."""

    names: NameFinders | None = None
    """Finds names of persons."""
    injection: InjectionModel | None = None
    """Judges whether a text attacks the instructions."""
    embeddings: Encoder | None = None
    """Says how alike two texts are; the same object as the injection model's, so that a text is read once."""


def load_models(needed: Collection[ModelName]) -> Models:
    """Loads what a policy needs (`GuardrailPolicy.models`). Takes seconds the first time in a process.

    Raises MissingPart when a model is not installed.
    """
    return Models(
        names=_names() if "names" in needed else None,
        injection=_injection() if "injection" in needed else None,
        embeddings=_embeddings() if "embeddings" in needed else None,
    )


@cache
def _names() -> NameFinders:
    return load_name_finders()


@cache
def _embeddings() -> Encoder:
    from infra.embeddings import load_encoder

    return load_encoder()


@cache
def _injection() -> InjectionModel:
    from infra.injection_model import load_injection_model

    return load_injection_model(_embeddings())
