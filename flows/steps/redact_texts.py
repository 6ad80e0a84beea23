"""Redacts batches of texts in their order: what data sets, files and worker processes share.

What is redacted together decides nothing but the speed, yet a model may round otherwise in another batch: so a batch is
made of the rows alone, never of how many processes there are, and the result is the same to the byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from infra.contracts.base import Contract
from infra.errors import PartFailed
from policies.expectations.rows import Language

Carried = TypeVar("Carried")
BATCH_TEXTS = 256
"""Texts that are redacted together at most."""
FAILED_REASON = "a check failed on it"
"""Why a row is set aside on which a detector raised: what could not be checked does not go on."""


class Found(Protocol):
    """One find: code-point offsets, end exclusive."""

    @property
    def start(self) -> int:
        """First code point."""
        ...

    @property
    def end(self) -> int:
        """The code point after the last."""
        ...

    @property
    def entity(self) -> str:
        """What it is, e.g. EMAIL_ADDRESS."""
        ...


class RedactedText(Protocol):
    """A text after redaction, with the finds as offsets into the text before."""

    @property
    def text(self) -> str:
        """With a placeholder in the place of each find."""
        ...

    @property
    def spans(self) -> Sequence[Found]:
        """The finds, sorted, without overlaps."""
        ...


class Redactor(Protocol):
    """What redacts: `policies.guardrails.compiled.Guards`."""

    @property
    def policy(self) -> Contract:
        """The policy whose detectors are at work."""
        ...

    def redact_rows(self, texts: Sequence[str], languages: Sequence[Language]) -> Sequence[RedactedText]:
        """Redacts texts in their order. Raises PartFailed when a check fails on one."""
        ...


@dataclass(frozen=True, slots=True)
class Batch(Generic[Carried]):
    """Texts to redact together, and what the caller wants back beside them."""

    texts: tuple[str, ...] = field(repr=False)
    languages: tuple[Language, ...]
    carried: Carried = field(repr=False)


Results = tuple[RedactedText | None, ...]
"""One for each text; None where a check failed on it."""


class BatchRedactor(Redactor, Protocol):
    """A redactor that takes many batches and may work on several at once."""

    def redact_batches(self, batches: Iterable[Batch[Carried]]) -> Iterator[tuple[Carried, Results]]:
        """Redacts every batch, in order. Takes only a few ahead, so that memory stays bounded."""
        ...


class InTurn:
    """One batch after the other, in this process."""

    def __init__(self, redactor: Redactor, policy: Contract | None = None) -> None:
        self._redactor = redactor
        self._policy = policy

    @property
    def policy(self) -> Contract:
        """The policy whose detectors are at work: the whole one, where the redactor was given a part of it."""
        return self._policy or self._redactor.policy

    def redact_rows(self, texts: Sequence[str], languages: Sequence[Language]) -> Sequence[RedactedText]:
        """Redacts texts in their order. Raises PartFailed when a check fails on one."""
        return self._redactor.redact_rows(texts, languages)

    def redact_batches(self, batches: Iterable[Batch[Carried]]) -> Iterator[tuple[Carried, Results]]:
        """Redacts every batch, in order."""
        for batch in batches:
            yield batch.carried, redact_each(self._redactor, batch.texts, batch.languages)


def redact_each(redactor: Redactor, texts: Sequence[str], languages: Sequence[Language]) -> Results:
    """Redacts one batch; where that fails, text by text, so that only those are None on which a check fails."""
    try:
        return tuple(redactor.redact_rows(texts, languages))
    except Exception:  # whatever a detector raised: its words may quote the text
        return tuple(_redact_one(redactor, *one) for one in zip(texts, languages, strict=True))


def all_redacted(results: Results) -> tuple[RedactedText, ...]:
    """The results of texts that must all go on. Raises PartFailed when a check failed on one."""
    done = tuple(result for result in results if result is not None)
    if len(done) < len(results):
        raise PartFailed(
            "a check failed on a row", cure="sluice guard scan on the file tells the row; mend or remove it"
        )
    return done


def _redact_one(redactor: Redactor, text: str, language: Language) -> RedactedText | None:
    try:
        [done] = redactor.redact_rows((text,), (language,))
    except Exception:  # as above
        return None
    return done
