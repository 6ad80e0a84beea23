"""Whether the sentences of an answer stand on the context that the request gave: by words, numbers and names. No model.

It finds what the context does not speak of; it does not see a `not` too many.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from guardrails.validator_base import ValidationResult

from policies.guardrails.detectors.detector import PASSAGE, Detector, Reach
from policies.guardrails.detectors.sentences import sentences, word_spans
from policies.guardrails.normalise import fold, plain
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled, words
from policies.guardrails.redact import Span

CONTEXT = "context"
"""Metadata key under which the context is handed in: a text or several."""

_LEAST_WORDS = 3
"""A sentence with fewer words that say something is not judged, unless it holds a number."""
_STRANGE_NUMBER = 0.8
_STRANGE_NAME = 0.65
"""How far a sentence with a number or a name that the context lacks is unsupported, at least."""
_STEM = 5
"""Letters of a stem: `devoluciones` and `devolver` have the same."""
_WINDOW = 3
"""Sentences of the context that one sentence of the answer may join."""
_PLEASANTRIES = (
    r"^(?:(?:hi|hello|hey|dear|thanks?|thank you|sure|of course|certainly|great|sorry|please|let me know"
    r"|feel free|if you"
    r" (?:need|have)|i hope|i(?:'m| am) (?:happy|glad|sorry|afraid)|you're welcome|hola|buen[oa]s|gracias|claro"
    r"|por supuesto|desde luego"
    r"|lo siento|lamento|perdon|espero|si (?:necesita|tiene|quiere)|no dud[ea]|quedo a|estoy (?:aqui"
    r"|encantad)|con mucho gusto|de nada"
    r"|according to|based on the|here (?:is|are)|segun (?:el|la|los)|a continuacion|estos son)\b|i"
    r" (?:don't|do not) (?:know|have)|no (?:lo se|tengo))"
)
_STOP = words(
    "a an the and or but if then so as of at by for with about to from in on off over under is are was"
    " were be been being"
    " have has had do does did will would can could may might must shall should not no nor only own same"
    " than too very it"
    " its this that these those i you he she we they me him her us them my your his our their what which who whom when"
    " where why how all any each few more most other some such there here also just into out up down again once during"
    " before after above below between through because until while both he's it's you're s t also however therefore"
    " el la los las un una unos unas y e o u pero si entonces como de del al a ante con contra desde en"
    " entre hacia hasta"
    " para por segun sin sobre tras es son era eran fue fueron ser sido estar esta estan estaba ha han habia haber hay"
    " tiene tienen no ni solo mismo que cual cuales quien quienes cuando donde porque muy mas menos"
    " tambien ya se su sus"
    " le les lo me mi mis te tu tus nos nuestro nuestra vuestro yo ella ellos ellas usted ustedes este esta esto estos"
    " estas ese esa eso esos esas aquel aquella todo toda todos todas otro otra otros otras cada algun alguna algunos"
    " puede pueden debe deben podria deberia asi aqui alli durante antes despues ademas aunque mientras"
)
_ENDINGS = (
    *(
        "amientos",
        "imientos",
        "amiento",
        "imiento",
        "aciones",
        "acion",
        "iciones",
        "icion",
        "mente",
        "ations",
        "ation",
        "ings",
        "ing",
    ),
    *(
        "ados",
        "adas",
        "idos",
        "idas",
        "ado",
        "ada",
        "ido",
        "ida",
        "aron",
        "ieron",
        "aban",
        "ando",
        "iendo",
        "ies",
        "ed",
        "es",
        "ly",
    ),
    *("er", "ar", "ir", "an", "en", "os", "as", "s", "e", "o", "a", "y"),
)
_NUMBER_WORDS = {
    **{
        "one": "1",
        "two": "2",
        "three": "3",
        "four": "4",
        "five": "5",
        "six": "6",
        "seven": "7",
        "eight": "8",
        "nine": "9",
    },
    **{
        "ten": "10",
        "twelve": "12",
        "uno": "1",
        "una": "1",
        "dos": "2",
        "tres": "3",
        "cuatro": "4",
        "cinco": "5",
        "seis": "6",
    },
    **{
        "siete": "7",
        "ocho": "8",
        "nueve": "9",
        "diez": "10",
        "doce": "12",
        "quince": "15",
        "fifteen": "15",
        "twenty": "20",
    },
    **{
        "veinte": "20",
        "thirty": "30",
        "treinta": "30",
        "hundred": "100",
        "cien": "100",
        "thousand": "1000",
        "mil": "1000",
    },
}


class Groundedness(Detector):
    """Finds UNSUPPORTED: each sentence of an answer that the context does not support. Needs the whole message."""

    name = "groundedness"
    reach = Reach(span=0, context=0, whole=True)
    spares_placeholders = False
    views = frozenset()

    def __init__(self, context: Sequence[str] = (), *, threshold: float = 0.5, asks: bool = False) -> None:
        """`context`: where it is always the same. `asks`: without any context, the whole answer is unsupported."""
        super().__init__(threshold=threshold, redacts=False)
        self._always = tuple(context)
        self._ground = _Ground(self._always)
        self._asks = asks

    def _validate(self, value: str, metadata: dict[str, Any]) -> ValidationResult:
        given = metadata.get(CONTEXT)
        if given is None or PASSAGE in metadata:
            return super()._validate(value, metadata)
        passage = Passage(value, metadata.get("language"))
        passage.context = (given,) if isinstance(given, str) else tuple(given)
        return super()._validate(value, {**metadata, PASSAGE: passage})

    def find(self, passage: Passage) -> Iterator[Span]:
        """One span over each sentence; its score is how little of it the context supports."""
        texts = (*self._always, *passage.context)
        if not any(text.strip() for text in texts):
            if self._asks and passage.text:
                yield Span(0, len(passage.text), "UNSUPPORTED", 1.0)
            return
        ground = _Ground(texts) if passage.context else self._ground
        for start, end in sentences(passage.text):
            score = ground.unsupported(passage.text[start:end])
            if score > 0.0:
                yield Span(start, end, "UNSUPPORTED", round(score, 4))


class _Ground:
    """A context, ready to be asked."""

    def __init__(self, texts: Sequence[str]) -> None:
        folded = [fold(text).text for text in texts]
        each = [_content(text[start:end]) for text in folded for start, end in sentences(text)]
        self._windows = [frozenset().union(*each[at : at + _WINDOW]) for at in range(len(each))]
        self._all = frozenset().union(*each)
        self._numbers = frozenset().union(*map(_numbers, folded))

    def unsupported(self, sentence: str) -> float:
        """From 0, all of it stands in the context, to 1, nothing does."""
        content, numbers = _content(sentence), _numbers(sentence)
        if compiled(_PLEASANTRIES).is_in(plain(sentence)) and not numbers:
            return 0.0
        if len(content) < _LEAST_WORDS and not numbers:
            return 0.0
        best = max((len(content & window) for window in self._windows), default=0)
        score = 1.0 - best / len(content) if len(content) >= _LEAST_WORDS else 0.0
        if numbers - self._numbers:
            score = max(score, _STRANGE_NUMBER)
        if _names(sentence) - self._all:
            score = max(score, _STRANGE_NAME)
        return score


def _content(text: str) -> frozenset[str]:
    """Stems of the words that say something; numbers are looked at apart."""
    found = (word for _, _, word in word_spans(plain(text)))
    return frozenset(_stem(word) for word in found if word not in _STOP and not word[0].isdigit() and len(word) > 1)


def _stem(word: str) -> str:
    word = word.removesuffix("'s").removesuffix("’s")
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    return word[:_STEM]


def _numbers(text: str) -> frozenset[str]:
    """The numbers of a text, however thousands and decimals are written; those written as words are told too."""
    found = set()
    for _, _, word in word_spans(plain(text)):
        if word[0].isdigit():
            found |= _readings(word)
        elif word in _NUMBER_WORDS:
            found.add(_NUMBER_WORDS[word])
    return frozenset(found)


def _readings(word: str) -> set[str]:
    """A number in one spelling: `1.200,50` and `1,200.50` are 1200.5, `12/05` is 12 and 5, `24h` is 24."""
    pieces = {"".join(sign for sign in piece if sign.isdigit() or sign in ".,") for piece in _parts(word)}
    return {_one_spelling(piece.strip(".,")) for piece in pieces if any(map(str.isdigit, piece))}


def _parts(word: str) -> list[str]:
    """The parts of a date, time or range."""
    for sign in "/:-_@":
        word = word.replace(sign, " ")
    return word.split()


def _one_spelling(number: str) -> str:
    signs = [sign for sign in number if sign in ".,"]
    if signs and (len(number.rpartition(signs[-1])[2]) == 3 and len(set(signs)) == 1):
        return number.replace(signs[-1], "").lstrip("0") or "0"
    if signs:
        whole, _, part = number.rpartition(signs[-1])
        part = part.rstrip("0")
        digits = whole.replace(".", "").replace(",", "").lstrip("0") or "0"
        return f"{digits}.{part}" if part else digits
    return number.lstrip("0") or "0"


def _names(sentence: str) -> frozenset[str]:
    """Stems of Capitalised words inside the sentence, not its first and not all in capitals as a heading."""
    found = [word for _, _, word in word_spans(sentence)]
    if sum(word[:1].isupper() for word in found) > 0.6 * len(found):
        return frozenset()
    return frozenset(
        _stem(plain(word)) for word in found[1:] if word[:1].isupper() and len(word) > 2 and plain(word) not in _STOP
    )
