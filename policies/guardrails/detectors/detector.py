"""What every detector is: a guardrails-ai `Validator` with a name, a reach and a threshold.

They are driven through `Validator.validate`, guardrails' public way in, and not through its `Guard`: a `Guard` keeps
every text in a history, costs 1.5 ms a call, and starts an exporter to its vendor's cloud whenever one is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from infra.quiet import hide_nltk, hush

hush()  # guardrails-ai sends and downloads at import unless it is told not to
hide_nltk()

from guardrails.settings import settings  # noqa: E402
from guardrails.types.on_fail import OnFailAction  # noqa: E402
from guardrails.validator_base import (  # noqa: E402
    ErrorSpan,
    FailResult,
    PassResult,
    ValidationResult,
    Validator,
    register_validator,
)

from policies.guardrails.detectors.shapes import may_find  # noqa: E402
from policies.guardrails.passage import Passage  # noqa: E402
from policies.guardrails.redact import Span, redact, settle  # noqa: E402
from policies.guardrails.sound import sound_spans  # noqa: E402
from policies.guardrails.views import ALL_VIEWS, LONGEST, ViewKind  # noqa: E402

PASSAGE = "passage"
"""Metadata key under which a passage is handed in, so that a text is folded once for all detectors."""


@dataclass(frozen=True)
class Reach:
    """What a detector needs to see, in code points. The hold-back of a stream follows from it."""

    span: int
    """The longest find. A longer one is recognised from its first `span` code points, and blocks a stream."""
    context: int
    """How far on both sides of a find the text may decide about it."""
    whole: bool = False
    """Needs the whole message."""
    before: int = 0
    """How far before a find, where that is further than `context`: what has left costs a stream no time."""

    @property
    def lookback(self) -> int:
        """Code points before a find that may decide about it."""
        return max(self.context, self.before)


class Detector(Validator):  # type: ignore[misc]
    """Finds spans in a passage."""

    name: ClassVar[str]
    reach: ClassVar[Reach]
    spares_placeholders: ClassVar[bool] = True
    """What touches a placeholder of an earlier redaction is no find. Not so for checks of a text as a whole."""
    views: ClassVar[frozenset[ViewKind]] = ALL_VIEWS
    """The further readings of a text that it looks at too. What asks about the text as it is written has none."""

    leaves_python_free: bool = False
    """Whether most of its time is spent in a model that does not hold Python's global lock."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "reach" in cls.__dict__ and cls.reach.span and cls.views:
            # What a view has found may be written longer than it is.
            cls.reach = replace(cls.reach, span=max(cls.reach.span, LONGEST))
        if "name" in cls.__dict__:
            register_validator(name=f"sluice/{cls.name}", data_type="string")(cls)

    def __init__(self, *, threshold: float = 0.5, redacts: bool = True, entities: frozenset[str] | None = None) -> None:
        settings.rc.enable_metrics = False  # else guardrails-ai makes an exporter to its vendor's cloud
        settings.disable_tracing = True
        super().__init__(on_fail=OnFailAction.FIX if redacts else OnFailAction.EXCEPTION)
        self.threshold = threshold
        self._entities = entities

    def find(self, passage: Passage) -> Iterable[Span]:
        """Spans in `passage.text`, any order, overlaps allowed, scores below the threshold included.

        Called for the text, and for each of its views, where they hold the detector's shape: it need not know which.
        """
        raise NotImplementedError

    def has_work(self, passage: Passage) -> bool:
        """Whether a text or one of its views holds the detector's shape; else it finds nothing and need not be run."""
        return may_find(passage, self.name) or any(may_find(view, self.name) for view in self._views_of(passage))

    def _validate(self, value: str, metadata: dict[str, Any]) -> ValidationResult:
        """Passes or fails. The result's metadata holds `spans` (offsets into `value`) and the highest `score`."""
        passage = metadata.get(PASSAGE) or Passage(value, metadata.get("language"))
        found = self._found(passage)
        for view in self._views_of(passage):
            found += self._found(view)
        best = max((span.score for span in found), default=0.0)
        spans = [span for span in found if span.score >= self.threshold]
        if not spans:
            return PassResult(metadata={"score": best})
        settled = settle(spans)
        return FailResult(
            error_message=f"{self.name}: {len(settled)} found",
            error_spans=[ErrorSpan(start=span.start, end=span.end, reason=span.entity) for span in settled],
            fix_value=redact(value, settled),
            metadata={"score": best, "spans": settled},
        )

    def _views_of(self, passage: Passage) -> Sequence[Passage]:
        """The further readings of the text that the detector looks at."""
        if not self.views or not passage.views:
            return ()
        return [view for view in passage.views if view.kind in self.views]

    def _found(self, passage: Passage) -> list[Span]:
        """What counts of one reading, as offsets into the original."""
        found: list[Span] = []
        if not may_find(passage, self.name):
            return found
        for span in sound_spans(self.find(passage), len(passage.text)):
            if self._entities is not None and span.entity not in self._entities:
                continue
            if self.spares_placeholders and _touches(span, passage.placeholders):
                continue
            if not passage.counts(span.start, span.end):
                continue
            start, end = passage.folded.original(span.start, span.end)
            score = span.score if passage.view is None else round(span.score * passage.view.trust, 4)
            found.append(Span(start, end, span.entity, score))
        return found


def _touches(span: Span, places: tuple[tuple[int, int], ...]) -> bool:
    return any(span.start < end and start < span.end for start, end in places)
