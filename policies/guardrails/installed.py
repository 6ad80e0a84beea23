"""A validator of an installed guardrails-ai package as a detector: it sees the whole text, in its own process.

Where it names the places of what it found, those are the find; else all of the text is. The process is infra's.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from infra.errors import SluiceError
from infra.validator_process import ValidatorProcess
from infra.validator_wire import Found, Loading
from policies.guardrails.detectors.detector import PASSAGE, Detector, Reach
from policies.guardrails.entity_rules import VERDICTS
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled
from policies.guardrails.redact import Span, redact, settle
from policies.installed_checks import InstalledCheck
from policies.verdict import Verdict

if TYPE_CHECKING:
    from guardrails.validator_base import ValidationResult

_MIB = 1 << 20
_MOST_LETTERS = 30


class Asked(Protocol):
    """A validator that is ready."""

    def check(self, text: str) -> Found:
        """What it says of a text. Raises PartFailed when it says nothing usable in time."""
        ...


class Starts(Protocol):
    """Makes a validator ready."""

    def __call__(self, loading: Loading, *, budget_s: float) -> Asked:
        """Raises SluiceError when it cannot be used."""
        ...


class InstalledValidator(Detector):
    """Finds what the validator finds, as one entity named after its package."""

    name = "installed"
    reach = Reach(span=0, context=0, whole=True)
    spares_placeholders = False

    def __init__(self, validator: Asked, entity: str, *, redacts: bool) -> None:
        super().__init__(redacts=redacts)
        self._validator = validator
        self._entity = entity

    def _validate(self, value: str, metadata: dict[str, Any]) -> ValidationResult:
        """Passes or fails, with the places in the text as it came. Raises PartFailed where the validator failed."""
        from guardrails.validator_base import ErrorSpan, FailResult, PassResult

        passage = metadata.get(PASSAGE) or Passage(value, metadata.get("language"))
        found = self._validator.check(passage.original)
        if found.passed:
            return PassResult(metadata={"score": 0.0})
        places = found.spans or ((0, len(value)),)
        spans = settle(Span(start, end, self._entity, 1.0) for start, end in places)
        return FailResult(
            error_message=f"{self._entity}: {len(spans)} found",
            error_spans=[ErrorSpan(start=span.start, end=span.end, reason=span.entity) for span in spans],
            fix_value=redact(value, spans),
            metadata={"score": 1.0, "spans": spans},
        )


def installed_validator(check: InstalledCheck, start: Starts = ValidatorProcess) -> InstalledValidator:
    """Starts the check's validator. Raises SluiceError, headed by the check's id, when it cannot be used."""
    options = check.options
    loading = Loading(
        package=options.package.replace("-", "_"),
        validator=options.validator or "",
        arguments=json.dumps(options.arguments),
        memory_bytes=options.memory_mib * _MIB,
    )
    try:
        validator = start(loading, budget_s=options.budget_s)
    except SluiceError as error:
        raise type(error)(error.what, where=f"check {check.id}", cure=error.cure) from None
    return InstalledValidator(validator, entity_of(options.package), redacts=VERDICTS[check.action] is Verdict.REDACT)


def entity_of(package: str) -> str:
    """The kind that stands in records and placeholders: `BAN_LIST` for ban-list."""
    words = (match.group() for match in compiled("[A-Z]+").finditer(package.upper()))
    letters = "_".join(words)[:_MOST_LETTERS].strip("_")
    return letters if len(letters) > 2 else f"VALIDATOR_{letters or 'X'}"
