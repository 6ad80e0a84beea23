"""Normal forms and similarity: what counts as the same text, and how near two texts are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.expectations.same_text import jaccard, normal_form, shingles

SAME = [
    ("Where is my card?", "  WHERE is\tmy card"),
    ("¿Dónde está?", "dónde está"),
    ("ｃａｒｄ №1", "card No1"),
    ("cafe\u0301 con leche", "café con leche"),
    ("Straße", "STRASSE"),
    ("top-up", "Top up!"),
]
OTHER = [
    ("card to account", "account to card"),
    ("esta", "está"),
    ("año", "ano"),
    ("order 12", "order 13"),
    ("😀", "😡"),
    ("?", "!"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_but_for_case_blanks_and_marks(one: str, other: str) -> None:
    assert normal_form(one) == normal_form(other)
    assert jaccard(shingles(one), shingles(other)) == 1.0


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_other_words_are_another_text(one: str, other: str) -> None:
    assert normal_form(one) != normal_form(other)


@given(st.text(max_size=60))
def test_a_normal_form_is_its_own_normal_form(text: str) -> None:
    assert normal_form(normal_form(text)) == normal_form(text)
    assert shingles(text)


@given(st.text(alphabet="abc ", max_size=40), st.text(alphabet="abc ", max_size=40))
def test_jaccard_is_symmetric_and_one_for_equal_sets_only(one: str, other: str) -> None:
    near = jaccard(shingles(one), shingles(other))
    assert near == jaccard(shingles(other), shingles(one))
    assert 0 <= near <= 1
    assert (near == 1) == (shingles(one) == shingles(other))


def test_one_word_of_twelve_is_a_known_distance() -> None:
    text = "one two three four five six seven eight nine ten eleven twelve"
    changed = text.replace("six", "other")
    assert jaccard(shingles(text), shingles(changed)) == pytest.approx(7 / 13)
