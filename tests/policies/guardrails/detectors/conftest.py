"""What tests of single detectors share: the text as it leaves a check, at once and in pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest

from policies.checks import CheckBase, Language
from policies.guardrails.check import CompiledCheck
from policies.guardrails.detectors.detector import Detector
from policies.guardrails.entity_rules import EntityRules
from policies.guardrails.operators import Operators
from policies.guardrails.redact import Span, redact
from policies.guardrails.stream import OutputStream

FILLER = "We looked at it and all is fine, the parcel left the depot today. "


@pytest.fixture(scope="session")
def spans() -> Callable[..., tuple[Span, ...]]:
    """Every find of a detector, as offsets into the original text."""

    def find(detector: Detector, text: str, **metadata: object) -> tuple[Span, ...]:
        result = detector.validate(text, dict(metadata))
        assert len(text) < 20 or text not in (getattr(result, "error_message", "") or "")
        return result.metadata["spans"] if result.outcome == "fail" else ()

    return find


@pytest.fixture(scope="session")
def redacted(spans: Callable[..., tuple[Span, ...]]) -> Callable[[Detector, str], str]:
    """A text with a placeholder for each find."""
    return lambda detector, text: redact(text, spans(detector, text))


@pytest.fixture(scope="session")
def streamed() -> Callable[[Detector, str, Sequence[int]], str]:
    """A text as it leaves a stream that is cut at the given places; `!` and the rule's id where it was blocked."""

    def push(detector: Detector, text: str, cuts: Sequence[int], language: Language = "en") -> str:
        rule = CheckBase(id="c", action="redact")
        check = CompiledCheck(rule, "output", (detector,), EntityRules.of(rule), Operators())
        stream = OutputStream([check], language, buffered=False)
        edges = [0, *sorted({min(cut, len(text)) for cut in cuts}), len(text)]
        out = "".join(stream.push(text[start:end]) for start, end in pairwise(edges)) + stream.finish()
        return f"!{stream.rule}" if stream.blocked else out

    return push
