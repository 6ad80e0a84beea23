"""The check that runs a guardrails-ai validator of any installed package: what a YAML file says of it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue, field_validator

from infra.contracts.base import Frozen
from policies.checks import CheckBase

_OURS = ("on_fail", "use_local", "validation_endpoint")
"""What becomes of a find is the check's `action`, and validators run here, never at a vendor's."""


class InstalledOptions(Frozen):
    """Which validator, and with what."""

    package: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+){0,8}$", max_length=60)]
    """The package's name without `guardrails-ai-`: `ban-list` for guardrails-ai-ban-list."""
    validator: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=60)] | None = None
    """The validator's class, where the package has several."""
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    """What the validator is made with, by name, as its package says: `{banned_words: [athena]}`."""
    budget_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    """Seconds for one text. A validator that takes longer is killed, and the check has failed."""
    memory_mib: Annotated[int, Field(ge=256, le=65_536)] = 2_048
    """The most memory of its process, in MiB."""

    @field_validator("arguments")
    @classmethod
    def _not_ours(cls, arguments: dict[str, JsonValue]) -> dict[str, JsonValue]:
        taken = sorted(set(arguments) & set(_OURS))
        if taken:
            raise ValueError(f"{', '.join(taken)}: not a policy's to set; `action` says what becomes of a find")
        return arguments


class InstalledCheck(CheckBase):
    """A guardrails-ai validator of an installed package, in a process of its own that gets no network."""

    whole: ClassVar[bool] = True

    detector: Literal["guardrails-ai"]
    options: InstalledOptions
