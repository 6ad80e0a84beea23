"""The shapes spare a detector work and never a find: with and without them the same is found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.ner import NameFinders
from policies.guardrails.detectors import shapes
from policies.guardrails.detectors.detector import Detector
from policies.guardrails.detectors.registry import ALL_ENTITIES, personal_data
from policies.guardrails.passage import Passage
from policies.guardrails.redact import Span

PIECES = (
    *("dni ", "nie ", "x1234567l", "47.996.692-q", "nacida el ", "26/3/1995", "tel ", "+34 612 34 56 78", "612345678"),
    *(
        "4539 1488 0343 6467",
        "es91 2100 0418 4502 0005 1332",
        "calle mayor 5, 28013 madrid",
        "12 oak street",
        ", ",
        " ",
    ),
    *("1234 bcd", "m-1234-ab", "pasaporte abc123456", "10.2.3.4", "fe80::1:2", "03:cf:7f:e3:1a:16", "a58818501", "\n"),
    *("juan (at) example.org", "ana arroba example punto org", "a@b.es", "https://u:p@x.es", "12, ", "Herengracht 12"),
    *("Müllerstraße 9", "Calle Real 9", "P.O. Box 12", "PSC 12, Box 3, APO AE 09123", "Suite 120", "rakpart 7"),
    *("pº de la castellana 100", "calzada de tlalpan 1234", "malecon tajamar 45", "p.º del prado 3", "cra. 7 # 71-21"),
    *("resido en ", "domiciliada en ", "enviar a ", "mandalo a ", "viven en ", "larios 4, 29015 malaga", "d/o/b: "),
    *("brithday ", "ncaimiento: ", "12 de mayo de 1990", "cumple ", "19900512", "1 1 1990", "aaa.123456"),
    *(
        "es91-2-1-0-0-0-4-1-8-4-5-0-2-0-0-0-5-1-3-3-2",
        "12345 ext 67",
        "phone ",
        "mil novecientos noventa",
        "dos de junio de ",
    ),
    *("bowx310820hnerxn09", "536-32-3065", "1boatslrhtknngkdxeeobr76b53letttpyt", "ssn ", "ñ", ".", "7", "a", "(", "-"),
)


@pytest.fixture(scope="module")
def detectors(names: NameFinders) -> tuple[Detector, ...]:
    """All but names, which have no shape."""
    lists_only = NameFinders(None, None, names.lists)
    return personal_data(ALL_ENTITIES - {"PERSON"}, lists_only, threshold=0.5, redacts=True)


def found(detectors: tuple[Detector, ...], text: str, *, gated: bool) -> list[Span]:
    """What all of them find."""
    passage = Passage(text, "es")
    if not gated:
        every = frozenset(detector.name for detector in detectors)
        passage._worked_out[shapes._shapes_in] = every
    asked = [detector for detector in detectors if shapes.may_find(passage, detector.name)]
    return sorted((span for detector in asked for span in detector.find(passage)), key=repr)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_any_text_gives_the_same_with_and_without(detectors: tuple[Detector, ...], text: str) -> None:
    assert found(detectors, text, gated=True) == found(detectors, text, gated=False)


@pytest.mark.slow
def test_no_find_in_the_development_rows_is_lost(detectors: tuple[Detector, ...], shared_data: Path) -> None:
    for path in sorted((shared_data / "pii").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines()[::10]:
            text = json.loads(line)["text"]
            assert found(detectors, text, gated=True) == found(detectors, text, gated=False)
