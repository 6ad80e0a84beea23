"""A passage: one text under check in all the forms that detectors look at, each made once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TypeVar, cast

from infra.ner import NameSpan
from policies.checks import Language
from policies.guardrails.language import detect_language
from policies.guardrails.normalise import Folded, fold, intent, plain
from policies.guardrails.patterns import compiled

_Worked = TypeVar("_Worked")
_PLACEHOLDER = r"<[A-Z][A-Z_]{2,30}(?::[eh]\.[A-Za-z0-9_-]+)?>"
_CAPITALS = 0.6
"""A text with a larger share of capitals is written in capitals."""


class Passage:
    """One text, or one window of a stream. Belongs to one check run, so that no lock is needed."""

    def __init__(
        self, original: str, language: Language | None, *, offset: int = 0, ner: Sequence[NameSpan] | None = None
    ) -> None:
        self.original = original
        self.offset = offset
        """Where the passage begins in its message (code points)."""
        self.ner = ner
        """Names that a model found in `text`, where a batch has run it already."""
        self.context: tuple[str, ...] = ()
        """What the request gave to answer from (passages, tool results); empty where nobody handed it in."""
        self._language = language
        self._worked_out: dict[Callable[[Passage], object], object] = {}

    def once(self, work: Callable[[Passage], _Worked]) -> _Worked:
        """What a function makes of this passage, worked out once for all detectors that ask for it."""
        if work not in self._worked_out:
            self._worked_out[work] = work(self)
        return cast(_Worked, self._worked_out[work])

    @cached_property
    def folded(self) -> Folded:
        """The folded form with the way back."""
        return fold(self.original)

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
        if not self.placeholders and compiled(r"\p{Lu}\p{Ll}").search(text) is None:
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
