"""A passage: one text under check in all the forms that detectors look at, each made once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from infra.ner import NameSpan
from policies.guardrails.language import detect_language
from policies.guardrails.normalise import Folded, fold, intent, plain
from policies.guardrails.patterns import compiled
from policies.policy import Language

_PLACEHOLDER = r"<[A-Z][A-Z_]{2,30}>"


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
        self._language = language

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
        """Whether capital letters say something: not in a text that is all lower or all upper case."""
        text = self.text
        return any(letter.islower() for letter in text) and any(letter.isupper() for letter in text)

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
