"""Views: each disguise is read, leads back to the right stretch, and everyday texts have none."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.guardrails.detectors.credit_card import CreditCard
from policies.guardrails.detectors.detector import PASSAGE, Detector
from policies.guardrails.detectors.email_address import EmailAddress
from policies.guardrails.detectors.es_identity import EsIdentity
from policies.guardrails.detectors.iban import Iban
from policies.guardrails.detectors.ip_address import IpAddress
from policies.guardrails.detectors.phone_number import PhoneNumber
from policies.guardrails.passage import Passage
from policies.guardrails.redact import settle

sys.path.insert(0, str(Path(__file__).parents[2] / "soak"))

from evasion_forms import FORMS, Form, entity

AWKWARD = st.text(
    st.sampled_from("aQ479é\u0301\u200b\u04041２ .*-\n%4&#;x\\u@=\U000e0041\U00040000\ud800İﬁ½arrobapuntodot"),
    max_size=80,
)
CARD = "4539 1488 0343 6467"


def code(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.fixture(scope="module")
def detectors() -> tuple[Detector, ...]:
    return CreditCard(), EmailAddress(), EsIdentity(), Iban(), IpAddress(), PhoneNumber()


def found(detectors: tuple[Detector, ...], text: str) -> list[tuple[str, str]]:
    """Kinds and the stretches of the original, as a redaction sees them."""
    passage = Passage(text, "es")
    results = [detector.validate(text, {PASSAGE: passage}) for detector in detectors]
    spans = settle(span for result in results for span in result.metadata.get("spans", ()))
    return [(span.entity, text[span.start : span.end]) for span in spans]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_an_entity_is_found_in_every_form_and_in_its_whole_length(detectors: tuple[Detector, ...], form: Form) -> None:
    random = Random(3)
    tried = 0
    while tried < 12:
        value = entity(random)
        if value.kind in form.fits:
            tried += 1
            written = form.write(value.text, random)
            assert found(detectors, f"Es este: {written}, dijo.") == [(value.kind, written)]


@pytest.mark.parametrize(
    ("text", "kind", "stretch"),
    [
        (f"x={code('pay with ' + CARD)}&y", "CREDIT_CARD", code("pay with " + CARD)),
        ("\u200bZ\u200b47996692Q", "ES_NIF", "47996692Q"),
        ("soy 4 7 9 9 6 6 9 2 Q y vivo", "ES_NIF", "4 7 9 9 6 6 9 2 Q"),
        ("write to jane at mail dot com now", "EMAIL_ADDRESS", "jane at mail dot com"),
        (
            "ana punto ruiz arroba correo punto com punto ar",
            "EMAIL_ADDRESS",
            "ana punto ruiz arroba correo punto com punto ar",
        ),
        ("jane_roe(at)gmail.com", "EMAIL_ADDRESS", "jane_roe(at)gmail.com"),
        ('{"a":"tel\\n47996692Q"}', "ES_NIF", "47996692Q"),
        ("DNI 47-99-66-92-Q", "ES_NIF", "47-99-66-92-Q"),
        ("card 4OllOO7111062448", "CREDIT_CARD", "4OllOO7111062448"),
        (f"x={code('4 7 9 9 6 6 9 2 Q')} {'and so on ' * 40}%2541", "ES_NIF", code("4 7 9 9 6 6 9 2 Q")),
        (
            "mi móvil: seis uno dos tres cuatro cinco seis siete ocho",
            "PHONE_NUMBER",
            "seis uno dos tres cuatro cinco seis siete ocho",
        ),
    ],
)
def test_a_find_leads_back_to_its_own_stretch(
    detectors: tuple[Detector, ...], text: str, kind: str, stretch: str
) -> None:
    assert found(detectors, text) == [(kind, stretch)]


def test_disguises_far_apart_are_each_read_near_where_they_stand(detectors: tuple[Detector, ...]) -> None:
    filling = "All is well, and so on and so forth. " * 60
    hidden = [
        *(("CREDIT_CARD", code("pay with " + CARD)), ("ES_NIF", "4 7 9 9 6 6 9 2 Q"), ("ES_NIF", "47996692\u200bQ")),
        *(("EMAIL_ADDRESS", "jane at mail dot com"), ("CREDIT_CARD", "4OllOO7111062448")),
    ]
    text = filling.join(["", *(f"see {written} now. " for _, written in hidden), ""])
    assert found(detectors, text) == hidden
    views = Passage(text, "es").views
    assert len(views) >= len(hidden) and all(len(view.text) < 1_500 for view in views)


@pytest.mark.parametrize(
    "text",
    [
        "¿Dónde está mi pedido? Llegó el 12/05/2024 a las 14:30, costó 1.234,56 € (IVA 21 %).",
        "Look at example.com, then call us at 9 or write an e-mail: it is a test.",
        "State-of-the-art. A/B tests, a, b and c; vitamins A, B, C.",
        "The quick brown fox is internationally known & loved; 100% of 20 people agree.",
    ],
)
def test_an_everyday_text_has_no_view(text: str) -> None:
    assert Passage(text, None).views == ()


@pytest.mark.parametrize(
    "text",
    [
        "1 2 3 4 5 6 7 8 9 10 11 12",
        "ISBN 978-84-376-0494-7 y EAN 8 4 1 2 3 4 5 6 7 8 9 0 5",
        "4100, 4200, 4350, 4500, 4600",
        "10.0.4.300, 1.2.3.4.5.6",
        "uno, dos, tres, cuatro, cinco, seis, siete, ocho, nueve, diez",
        "look at example dot com for more",
        "sumas: 12+34+56+78 = 180",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ],
)
def test_lists_sums_codes_and_counting_are_no_finds(detectors: tuple[Detector, ...], text: str) -> None:
    assert found(detectors, text) == []


@settings(max_examples=300, deadline=None)
@given(AWKWARD)
def test_in_every_view_offsets_are_in_bounds_and_in_order(text: str) -> None:
    for passage in (Passage(text, "en"), *Passage(text, "en").views):
        last = (0, 0)
        for position in range(len(passage.text)):
            start, end = passage.folded.original(position, position + 1)
            assert 0 <= start < end <= len(text)
            assert start >= last[0] and end >= last[1]
            last = (start, end)
        assert len(passage.plain) == len(passage.text) == len(passage.intent)


@settings(max_examples=200, deadline=None)
@given(
    st.text(st.sampled_from("ab 9.\n"), max_size=12),
    st.integers(0, 10_000),
    st.text(st.sampled_from("ab 9.\n"), max_size=12),
)
def test_the_original_slice_of_a_find_reads_as_what_was_found(before: str, number: int, after: str) -> None:
    """What a find leads back to is found again when it stands alone."""
    detectors = (CreditCard(), EmailAddress(), EsIdentity(), Iban())
    random = Random(number)
    value = entity(random)
    form = random.choice([form for form in FORMS if value.kind in form.fits])
    text = f"{before} ; {form.write(value.text, random)} ; {after}"
    for kind, stretch in found(detectors, text):
        assert (kind, stretch) in found(detectors, stretch)


def test_codes_within_codes_are_undone_to_a_bounded_depth(detectors: tuple[Detector, ...]) -> None:
    text = CARD
    for depth in range(1, 9):
        text = code(text)
        assert bool(found(detectors, text)) == (depth <= 5), depth


def test_a_long_code_is_redacted_whole(detectors: tuple[Detector, ...]) -> None:
    long = code("We looked at it and all is fine. " * 200 + CARD + " thanks " * 200)
    assert found(detectors, f"see {long} there") == [("CREDIT_CARD", long)]
