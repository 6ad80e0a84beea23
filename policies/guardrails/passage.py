"""A passage: one text under check in all the forms that detectors look at, each made once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TypeVar, cast

from infra.ner import NameSpan
from policies.checks import Language
from policies.guardrails.language import detect_language
from policies.guardrails.normalise import fold, intent, plain
from policies.guardrails.patterns import compiled
from policies.guardrails.rewritten import Rewritten
from policies.guardrails.views import View, ViewKind, views_of

_Worked = TypeVar("_Worked")
_PLACEHOLDER = r"<[A-Z][A-Z_]{2,30}(?::[eh]\.[A-Za-z0-9_-]+)?>"
_CAPITALS = 0.6
"""A text with a larger share of capitals is written in capitals."""


class Passage:
    """One text, or one window of a stream, or one view of either. Belongs to one check run: no lock is needed."""

    def __init__(
        self,
        original: str,
        language: Language | None,
        *,
        offset: int = 0,
        ner: Sequence[NameSpan] | None = None,
        view: View | None = None,
        focus: tuple[int, int] | None = None,
        owner: str | None = None,
        base: Passage | None = None,
    ) -> None:
        self.original = original
        self.view = view
        """The reading that this passage is of its text: None for the first one. Detectors need not know."""
        self.base = base or self
        """The text's own reading, where this is a view."""
        self.offset = offset
        """Where the passage begins in its message (code points)."""
        self.ner = ner
        """Names that a model found in `text`, where a batch has run it already."""
        self.focus = focus
        """Where finds are asked for, in a window of a stream: what is dear need look no further than its reach."""
        self.owner = owner
        """For whom models may keep what they said of the text; None: for nobody."""
        self.context: tuple[str, ...] = ()
        """What the request gave to answer from (passages, tool results); empty where nobody handed it in."""
        self._language = language
        self._worked_out: dict[Callable[[Passage], object], object] = {}

    @cached_property
    def folded(self) -> Rewritten:
        """The folded form, or the view's, with the way back."""
        return fold(self.original) if self.view is None else self.view.reading

    @cached_property
    def views(self) -> tuple[Passage, ...]:
        """The same text in every further reading that may hide something; of an everyday text there is none."""
        if self.view is not None:
            return ()
        found = views_of(self.original, self.folded)
        return tuple(
            Passage(self.original, self.language, offset=self.offset, view=view, owner=self.owner, base=self)
            for view in found
        )

    @property
    def kind(self) -> ViewKind | None:
        """Which view it is; None for the text itself."""
        return None if self.view is None else self.view.kind

    def counts(self, start: int, end: int) -> bool:
        """Whether a find is this passage's own: in a view it must touch what the view has changed."""
        return self.view is None or self.folded.touches(start, end)

    def once(self, work: Callable[[Passage], _Worked]) -> _Worked:
        """What a function makes of this passage, worked out once for all detectors that ask for it."""
        if work not in self._worked_out:
            self._worked_out[work] = work(self)
        return cast(_Worked, self._worked_out[work])

    @property
    def text(self) -> str:
        """The folded text. Detectors give offsets into it."""
        return self.folded.text

    @cached_property
    def plain(self) -> str:
        """As long as `text`: lower case, no accents."""
        return plain(self.text)

    @cached_property
    def intent(self) -> str:
        """As long as `text`: plain, with look-alike letters and digits for letters undone."""
        return intent(self.plain)

    @cached_property
    def language(self) -> Language:
        """The language that was given, else that of the passage's own words."""
        return self._language or detect_language(self.plain)

    @cached_property
    def has_digit(self) -> bool:
        """Whether any digit is in it: most detectors have nothing to do without one."""
        return any(letter.isdigit() for letter in self.text)

    @cached_property
    def has_case(self) -> bool:
        """Whether capitals say something: there are Capitalised words, and the text is not mostly in capitals.

        Where a redaction has taken words out, its placeholder stands for one: redacting again must not find more.
        """
        text = self.text
        if not self.placeholders and not compiled(r"\p{Lu}\p{Ll}").is_in(text):
            return False
        return sum(map(str.isupper, text)) <= _CAPITALS * sum(map(str.isalpha, text))

    @cached_property
    def placeholders(self) -> tuple[tuple[int, int], ...]:
        """Where an earlier redaction put placeholders: nothing in or across them is found again."""
        if "<" not in self.text:
            return ()
        return tuple((match.start(), match.end()) for match in compiled(_PLACEHOLDER).finditer(self.text))

    def before(self, position: int, length: int) -> str:
        """Up to `length` plain code points before a position."""
        return self.plain[max(0, position - length) : position]

    def after(self, position: int, length: int) -> str:
        """Up to `length` plain code points from a position on."""
        return self.plain[position : position + length]
