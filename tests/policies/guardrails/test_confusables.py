"""The table of look-alikes is Unicode's, where the package that carries it is at hand, and leaves plain text alone."""

from __future__ import annotations

import unicodedata

import pytest

from policies.guardrails.confusables import LOOK_ALIKES, UNICODE


def test_the_table_is_what_unicode_says() -> None:
    """Single letters and numbers that NFKC leaves alone, each with a letter or digit of ASCII that looks the same."""
    data = pytest.importorskip("confusable_homoglyphs.confusables").confusables_data
    wanted: dict[str, str] = {}
    for sign, others in data.items():
        plain = sorted(
            each["c"] for each in others if len(each["c"]) == 1 and each["c"].isascii() and each["c"].isalnum()
        )
        kind = unicodedata.category(sign[0])
        if len(sign) > 1 or sign.isascii() or (ord(sign) < 0x250 and sign not in "ıſ") or not plain:
            continue
        if kind[0] in "LN" and kind != "Nd" and unicodedata.normalize("NFKC", sign) == sign:
            wanted[sign] = "I" if plain[0] == "l" and kind == "Lu" else plain[0]
    assert {letter: plain for plain, letters in UNICODE.items() for letter in letters} == wanted


def test_each_is_foreign_and_leads_to_one_plain_letter() -> None:
    assert len(LOOK_ALIKES) > 300
    for code, plain in LOOK_ALIKES.items():
        assert code > 0xFF and len(plain) == 1 and plain.isascii() and plain.isalnum()
