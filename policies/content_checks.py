"""The checks of what a text says and of its form: one frozen type for each, as checks.py has them for the rest.

What they compile to stands in guardrails/content.py.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from infra.contracts.base import Frozen, Name
from infra.guard_models import ModelName
from infra.yaml_problem import BadValue
from policies.checks import CheckBase, Judging
from policies.guardrails.detectors.code_wording import CodeKind
from policies.guardrails.detectors.toxic_wording import Abuse

_TERM = 64
_HOST = (
    r"^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9-]{2,59}$|^[0-9.]{7,15}$|^\[[0-9a-f:.]{2,45}\]$"
)


def _linear(pattern: str) -> str:
    """The pattern, if RE2 knows it: what RE2 does not know can backtrack, and hang on a text made for it."""
    from policies.guardrails.patterns import compiled

    try:
        compiled(pattern)
    except Exception:  # re2.error holds the pattern, which may quote what it is to find
        cure = "write it without look-around and back references: github.com/google/re2/wiki/Syntax lists what there is"
        raise BadValue("RE2 does not know this pattern", cure=cure) from None
    return pattern


def _telling(term: str) -> str:
    """The term, if it has two letters or digits at least: one letter is in every text."""
    if sum(letter.isalnum() for letter in term) < 2:
        raise BadValue("a term needs two letters or digits", cure="write the word or phrase that is meant")
    return term


Term = Annotated[str, Field(min_length=2, max_length=_TERM), AfterValidator(_telling)]
Pattern = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_linear)]
Host = Annotated[str, Field(pattern=_HOST)]
ExampleText = Annotated[str, Field(min_length=8, max_length=500)]
Tongue = Literal[
    "ar", "bg", "ca", "de", "el", "en", "es", "fa", "fr", "he", "hi", "it", "ja", "ko", "nl", "pt", "ru",
    "th", "uk", "ur", "zh",
]  # fmt: skip


class BanListOptions(Frozen):
    """Which words."""

    words: Annotated[tuple[Term, ...], Field(min_length=1, max_length=400)]
    """Words and phrases. Case, accents, look-alike letters and gaps between letters do not matter."""
    forms: bool = True
    """Plurals, genders and possessives of both languages too."""


class BanListCheck(CheckBase):
    """Words and phrases that are not to be said."""

    detector: Literal["ban_list"]
    options: BanListOptions


class CompetitorEntry(Frozen):
    """One competitor."""

    names: Annotated[tuple[Term, ...], Field(min_length=1, max_length=20)]
    """Its name, and what else it is called."""
    everyday: bool = False
    """Its name is an everyday word too (Orange): it counts with a capital inside a sentence, or beside a word for a
    company."""


class CompetitorsOptions(Frozen):
    """Which competitors."""

    competitors: Annotated[tuple[CompetitorEntry, ...], Field(min_length=1, max_length=200)]
    """One entry for each."""


class CompetitorsCheck(CheckBase):
    """Names of competitors."""

    detector: Literal["competitors"]
    options: CompetitorsOptions


class TopicEntry(Frozen):
    """A topic by its examples."""

    name: Name
    """For those who read the policy."""
    examples: Annotated[tuple[ExampleText, ...], Field(min_length=2, max_length=50)]
    """What people say of it, in each language that they use."""


class TopicsOptions(Frozen):
    """Which topics."""

    allowed: Annotated[tuple[TopicEntry, ...], Field(max_length=50)] = ()
    """Where some are listed, a text that is near none of them is found."""
    denied: Annotated[tuple[TopicEntry, ...], Field(max_length=50)] = ()
    """A text near one of them, and nearer to it than to any allowed one, is found."""

    @model_validator(mode="after")
    def _some(self) -> TopicsOptions:
        if not self.allowed and not self.denied:
            raise BadValue("no topic is listed", cure="list topics under `allowed` or `denied`")
        return self


class TopicsCheck(CheckBase):
    """What a text is about. `threshold`: how near is near, 0 to 1; needs sentence embeddings and the whole message."""

    whole: ClassVar[bool] = True

    detector: Literal["topics"]
    options: TopicsOptions
    action: Judging

    @property
    def models(self) -> frozenset[ModelName]:
        """The models that it needs."""
        return frozenset({"embeddings"})


class ToxicityOptions(Frozen):
    """Which abuse."""

    kinds: Annotated[tuple[Abuse, ...], Field(min_length=1)] | None = None
    """Without it, all of them."""


class ToxicityCheck(CheckBase):
    """Threats, hatred, insults, coarse words.

    `threshold` is a severity: 0.9 threats and hatred, 0.7 also abuse of the reader, 0.5 also of others, 0.4 also
    insults without a target, 0.25 also coarse words.
    """

    detector: Literal["toxicity"]
    options: ToxicityOptions = ToxicityOptions()


class GroundednessOptions(Frozen):
    """What an answer stands on."""

    context: Annotated[tuple[str, ...], Field(max_length=20)] = ()
    """Texts that always hold, beside what a request gives."""
    require_context: bool = False
    """Whether an answer to a request without any context is unsupported as a whole."""


class GroundednessCheck(CheckBase):
    """Answers with sentences that the context does not support.

    `threshold`: how much of a sentence may lack support. Needs the whole message.
    """

    whole: ClassVar[bool] = True

    detector: Literal["groundedness"]
    options: GroundednessOptions = GroundednessOptions()
    action: Judging


class RegexRequiredOptions(Frozen):
    """The form."""

    pattern: Pattern
    """In RE2's syntax; the whole text, without blanks around it, must match."""


class RegexRequiredCheck(CheckBase):
    """Texts that are not of a form."""

    whole: ClassVar[bool] = True

    detector: Literal["regex_required"]
    options: RegexRequiredOptions
    action: Judging


class RegexForbiddenOptions(Frozen):
    """What is not to be there."""

    pattern: Pattern
    """In RE2's syntax. In a stream, 256 code points must be enough to know a match by."""
    entity: Annotated[str, Field(pattern=r"^[A-Z][A-Z_]{2,30}$")] = "FORBIDDEN_PATTERN"
    """Names the find in records and placeholders."""


class RegexForbiddenCheck(CheckBase):
    """What a pattern of the policy's own finds."""

    detector: Literal["regex_forbidden"]
    options: RegexForbiddenOptions


class ChoicesOptions(Frozen):
    """Which answers."""

    choices: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(min_length=1, max_length=500)
    ]
    """The answers that there may be."""
    exact: bool = False
    """Letter for letter. Else case, accents, quotation marks and a full stop do not matter."""


class ChoicesCheck(CheckBase):
    """Answers that are none of those listed."""

    whole: ClassVar[bool] = True

    detector: Literal["choices"]
    options: ChoicesOptions
    action: Judging


class UrlsOptions(Frozen):
    """Which URLs."""

    schemes: Annotated[tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9+.-]{0,20}$")], ...], Field(max_length=20)] = (
        "https",
        "http",
        "mailto",
    )
    """The schemes that are allowed."""
    hosts: Annotated[tuple[Host, ...], Field(max_length=500)] | None = None
    """`example.org` is that host, `*.example.org` it and all below it, in lower case. Without it, any but those denied
    is allowed."""
    denied: Annotated[tuple[Host, ...], Field(max_length=500)] = ()
    """Hosts that are never allowed."""
    addresses: bool = False
    """Whether a host may be an IP address."""
    international: bool = False
    """Whether a host that is not listed may have letters beyond ASCII, or punycode for them."""
    credentials: bool = False
    """Whether a user may stand before the host."""


class UrlsCheck(CheckBase):
    """URLs that are not allowed, or that deceive about where they lead."""

    detector: Literal["urls"]
    options: UrlsOptions = UrlsOptions()


class CodeInjectionOptions(Frozen):
    """Which code."""

    kinds: Annotated[tuple[CodeKind, ...], Field(min_length=1)] | None = None
    """Without it, all of them."""


class CodeInjectionCheck(CheckBase):
    """Code and markup that acts where a text is shown, stored or run."""

    detector: Literal["code_injection"]
    options: CodeInjectionOptions = CodeInjectionOptions()


class LanguageOptions(Frozen):
    """Which languages."""

    languages: Annotated[tuple[Tongue, ...], Field(max_length=10)] = ()
    """Those that are allowed (ISO 639-1)."""
    same_as_question: bool = False
    """That of the question is allowed too."""

    @model_validator(mode="after")
    def _some(self) -> LanguageOptions:
        if not self.languages and not self.same_as_question:
            raise BadValue("no language is allowed", cure="list `languages`, or say `same_as_question: true`")
        return self


class LanguageCheck(CheckBase):
    """Sentences in a language that is not allowed."""

    detector: Literal["language"]
    options: LanguageOptions
    action: Judging


Count = Annotated[int, Field(ge=0, le=1_000_000)]


class LengthOptions(Frozen):
    """How short and how long a text may be; a bound that is left out is none."""

    min_characters: Count | None = None
    """Code points at least."""
    max_characters: Count | None = None
    """Code points at most."""
    min_words: Count | None = None
    """Words at least."""
    max_words: Count | None = None
    """Words at most."""
    min_sentences: Count | None = None
    """Sentences at least."""
    max_sentences: Count | None = None
    """Sentences at most."""

    @model_validator(mode="after")
    def _consistent(self) -> LengthOptions:
        if all(getattr(self, key) is None for key in type(self).model_fields):
            raise BadValue("no bound is given", cure="say for example `max_words: 200`")
        for what in ("characters", "words", "sentences"):
            least, most = getattr(self, f"min_{what}"), getattr(self, f"max_{what}")
            if least is not None and most is not None and least > most:
                raise BadValue(f"min_{what} is more than max_{what}", cure="change one of them", key=(f"min_{what}",))
        return self


class LengthCheck(CheckBase):
    """Texts that are too short or too long. Needs the whole message: `size` bounds a stream as it runs."""

    whole: ClassVar[bool] = True

    detector: Literal["length"]
    options: LengthOptions
    action: Judging


class RepetitionOptions(Frozen):
    """What a loop is."""

    times: Annotated[int, Field(ge=3, le=20)] = 4
    """The same words so many times, one after the other."""
    characters: Annotated[int, Field(ge=20, le=320)] = 40
    """All turns together are so long at least, in code points."""


class RepetitionCheck(CheckBase):
    """Answers that run in a loop."""

    detector: Literal["repetition"]
    options: RepetitionOptions = RepetitionOptions()


class CanaryOptions(Frozen):
    """Which canaries."""

    canaries: Annotated[
        tuple[Annotated[str, Field(min_length=8, max_length=40, pattern=r"^[0-9A-Za-z_-]+$")], ...],
        Field(min_length=1, max_length=20),
    ]
    """Random words that stand in the system prompt and nowhere else."""


class CanaryCheck(CheckBase):
    """Answers that hold a canary of the system prompt, in clear, spelled out or encoded."""

    detector: Literal["canary"]
    options: CanaryOptions


ContentBoth = (
    BanListCheck
    | CompetitorsCheck
    | TopicsCheck
    | ToxicityCheck
    | RegexRequiredCheck
    | RegexForbiddenCheck
    | UrlsCheck
    | CodeInjectionCheck
    | LanguageCheck
    | LengthCheck
    | RepetitionCheck
)
CONTENT_INPUT_CHECKS = ContentBoth
"""What of them can stand in `input`."""
CONTENT_OUTPUT_CHECKS = ContentBoth | GroundednessCheck | ChoicesCheck | CanaryCheck
"""What of them can stand in `output`."""
