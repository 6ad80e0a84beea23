"""The English name model: light, the same one by one and in batches, and lists that hold what they say."""

from __future__ import annotations

import subprocess
import sys

import pytest

from infra.ner import NameFinder, load_name_lists, load_ner


@pytest.fixture(scope="module")
def english() -> NameFinder:
    """The packaged model."""
    finder = load_ner("en")
    assert finder is not None
    return finder


def names(finder: NameFinder, text: str) -> list[str]:
    return [text[span.start : span.end] for span in finder.find(text)]


def test_names_are_found_in_any_case(english: NameFinder) -> None:
    assert names(english, "I met Sarah Connor in Boston yesterday.") == ["Sarah Connor"]
    assert names(english, "WE CALLED SARAH CONNOR TODAY") == ["SARAH CONNOR"]
    assert names(english, "Nothing to see here.") == []


def test_a_batch_gives_what_one_by_one_gives(english: NameFinder) -> None:
    texts = ("I met Sarah Connor.", "", "Call John Smith and Mary Jones now.")
    assert english.find_many(texts) == tuple(english.find(text) for text in texts)
    assert english.find_many(()) == ()


def test_the_lists_hold_single_plain_words() -> None:
    lists = load_name_lists()
    for words in (lists.given, lists.surnames, lists.words, lists.common):
        assert len(words) > 500
        assert all(word == word.lower() and " " not in word for word in words)
    assert lists.words <= lists.given | lists.surnames
    assert "nerea" in lists.given and "saenz" in lists.surnames and "rosa" in lists.words
    assert lists.is_common("multiplies") and not lists.is_common("nerea")


def test_loading_needs_no_torch_and_does_not_import_it() -> None:
    code = "import sys; from infra.ner import load_ner; load_ner('en'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
