"""The language of an answer: that of the question, or one of a list. By script, and by the most frequent words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.detectors.sentences import sentences, word_spans
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled, words
from policies.guardrails.redact import Span

_SPAN = 240
_LEAST = 3
"""Frequent words of a language that a sentence needs, and more of them than of any allowed language."""
_LEAST_SIGNS = 4
"""Letters of another script that are more than a name or a sign."""
_QUOTED = r"[\"“«][^\"“”«»\n]{3,300}[\"”»]"

_FREQUENT = {
    "en": words(
        "the of and to in is you that it he was for on are with as his they at be this have from or had by"
        " but not what all"
        " were we when your can said there use an each which she do how their if will up about out many"
        " then them these so"
        " some her would make him into has more two been who its now did get may part over after also"
        " where only our because"
        " any should could please than just here very does"
    ),
    "es": words(
        "de la que el en los se del las por un para con no una su al lo como mas pero sus le ya o este si"
        " porque esta entre"
        " cuando muy sin sobre tambien me hasta hay donde quien desde todo nos durante todos uno les ni"
        " contra otros ese eso"
        " ante ellos esto mi antes algunos unos yo otro otras otra tanto esa estos mucho quienes nada"
        " muchos cual poco ella"
        " estar estas algunas algo nosotros puede tiene su usted gracias es son y a"
    ),
    "fr": words(
        "le les des est et une dans que qui pour pas sur au avec ce il sont plus vous nous je ne se mais"
        " ou du par cette ces"
        " votre notre leur aux meme tout tres fait etre elle deux peut bien sans c'est n'est j'ai comme"
        " aussi encore chez"
        " votre merci bonjour la en un"
    ),
    "pt": words(
        "o os as do da dos das em um uma que nao para com por mais na no nas nos se como mas ao ele ela"
        " seu sua ou quando"
        " muito ja eu tambem so pelo pela ate isso entre era depois sem mesmo aos ter seus quem voce voces"
        " esta sao foi tem"
        " obrigado pode e a de"
    ),
    "de": words(
        "der die und den von zu das mit sich des auf fur ist im dem nicht ein eine als auch es an werden"
        " aus er hat dass sie"
        " nach wird bei einer um am sind noch wie einem uber einen so zum war haben nur oder aber vor zur"
        " bis mehr durch man"
        " sein wurde ich wir ihr ihre konnen kann bitte danke"
    ),
    "it": words(
        "il di che e la per un in del con non una si da le dei sono gli alla nel della come ma ha anche"
        " piu lo al dal questo"
        " alle delle nella suo sua essere o ci quando molto tutti era sul perche stato degli i loro cosa"
        " puo grazie mi tra"
    ),
    "ca": words(
        "el la els les de i que en un una per amb no es del dels al als mes com pero seva seu aquest"
        " aquesta ha son tambe ja"
        " si molt hi ho sense tot nosaltres vosaltres seves fins quan gracies pot us vostra vostre aixo"
    ),
    "nl": words(
        "de het een van en in is dat op te zijn voor met die niet aan er om ook als dan maar bij nog uit"
        " naar hebben heeft"
        " deze door over wordt worden kan je jij wij u uw geen wel"
    ),
}
_LANGUAGES_OF = {
    word: tuple(language for language, frequent in _FREQUENT.items() if word in frequent)
    for word in frozenset[str]().union(*_FREQUENT.values())
}
_SCRIPTS = {
    "Cyrillic": ("ru", "uk", "bg"),
    "Greek": ("el",),
    "Han": ("zh", "ja"),
    "Hiragana": ("ja",),
    "Katakana": ("ja",),
    "Hangul": ("ko",),
    "Arabic": ("ar", "fa", "ur"),
    "Hebrew": ("he",),
    "Devanagari": ("hi",),
    "Thai": ("th",),
}
KNOWN = tuple(sorted({*_FREQUENT, *(language for listed in _SCRIPTS.values() for language in listed)}))
"""Languages that can be told; of those that share a script, each stands for all."""


class AnswerLanguage(Detector):
    """Finds OTHER_LANGUAGE: each sentence that is surely in a language that is not allowed."""

    name = "answer-language"
    reach = Reach(span=_SPAN, context=1)
    spares_placeholders = False
    views = frozenset()

    def __init__(
        self, languages: Sequence[str] = (), *, same_as_question: bool = False, threshold: float = 0.5
    ) -> None:
        """`same_as_question`: that of the passage's language is allowed too, which is settled by the question."""
        super().__init__(threshold=threshold, redacts=False)
        self._languages = frozenset(languages)
        self._same = same_as_question

    def find(self, passage: Passage) -> Iterator[Span]:
        """What is quoted or too short to tell is left alone; a text in two languages is told by sentence."""
        allowed = self._languages | ({passage.language} if self._same else frozenset())
        yield from self._other_scripts(passage, allowed)
        plain = _without_quotes(passage.plain)
        for first, last in sentences(plain):
            for start in range(first, last, _SPAN):
                end = min(last, start + _SPAN)
                score = _score(plain[start:end], allowed)
                if score > 0.0:
                    yield Span(start, end, "OTHER_LANGUAGE", score)

    def _other_scripts(self, passage: Passage, allowed: frozenset[str]) -> Iterator[Span]:
        if passage.text.isascii():
            return
        for script, languages in _SCRIPTS.items():
            if allowed & set(languages):
                continue
            for match in compiled(
                rf"\p{{{script}}}(?:[\s,.;:!?'’-]{{0,3}}\p{{{script}}}){{{_LEAST_SIGNS - 1},55}}"
            ).finditer(passage.text):
                yield Span(match.start(), match.end(), "OTHER_LANGUAGE", 0.9)


def _without_quotes(plain: str) -> str:
    """As long as the text, with blanks for what is quoted: titles and citations are in the language they are in."""
    pieces: list[str] = []
    position = 0
    for match in compiled(_QUOTED).finditer(plain):
        pieces += (plain[position : match.start()], " " * (match.end() - match.start()))
        position = match.end()
    return "".join((*pieces, plain[position:]))


def _score(sentence: str, allowed: frozenset[str]) -> float:
    """How surely the sentence is in none of the allowed languages."""
    counts: Counter[str] = Counter()
    total = 0
    for _, _, word in word_spans(sentence):
        total += 1
        counts.update(_LANGUAGES_OF.get(word, ()))
    best = max((counts[language] for language in _FREQUENT if language not in allowed), default=0)
    own = max((counts[language] for language in allowed), default=0)
    if best < _LEAST or best < own + 2 or 6 * best < total:
        return 0.0
    return round(min(1.0, 0.5 + 0.5 * (best - own) / max(1, best)), 3)
