"""Topics, with an embedder of the test's own: a vector says which words of a small list a text holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from infra.errors import ConfigError
from policies.guardrails.detectors.topics import Topic, Topics

AXES = (
    ("pedido", "order", "parcel", "paquete", "entrega", "delivery"),
    ("politics", "politica", "election", "elecciones", "vote", "votar", "party", "partido"),
    ("medicine", "medicina", "dose", "dosis", "pill", "pastilla", "symptom", "sintoma"),
    ("shop", "tienda", "price", "precio", "refund", "reembolso"),
)


class Words:
    """Counts words; in both languages alike. Keeps how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def embed(self, texts: Sequence[str], _owner: str | None = None) -> NDArray[np.float32]:
        self.asked += 1
        rows = [[sum(word in text.lower() for word in axis) for axis in AXES] + [0.4] for text in texts]
        return np.array(rows, np.float32)


DENIED = (Topic("politics", ("who wins the election, which party", "¿a quién votar en las elecciones?")),)
ALLOWED = (
    Topic("orders", ("where is my order and its delivery", "¿dónde está el paquete de mi pedido?")),
    Topic("shop", ("the price and the refund of the shop", "el precio y el reembolso de la tienda")),
)


def test_a_denied_topic_is_found_where_it_stands(spans) -> None:
    text = "My order and its parcel are late, please look. Which party wins the election when we vote? Thanks."
    found = spans(Topics(Words(), allowed=ALLOWED, denied=DENIED, threshold=0.8), text)
    assert [(text[span.start : span.end], span.entity) for span in found] == [
        ("Which party wins the election when we vote?", "DENIED_TOPIC")
    ]


@pytest.mark.parametrize("text", ["¿Qué partido gana las elecciones?", "Is it right to vote for that party again?"])
def test_it_is_found_in_both_languages(spans, text: str) -> None:
    assert spans(Topics(Words(), denied=DENIED, threshold=0.8), text)


@pytest.mark.parametrize(
    "text", ["¿Qué dosis de la pastilla tomo hoy?", "What dose of the medicine and the pill is right for me?"]
)
def test_what_no_allowed_topic_is_near_to_is_off_topic(spans, text: str) -> None:
    [span] = spans(Topics(Words(), allowed=ALLOWED), text)
    assert (span.start, span.end, span.entity) == (0, len(text), "OFF_TOPIC")


@pytest.mark.parametrize(
    "text", ["Hola", "Thanks a lot!", "¿Dónde está mi pedido ahora mismo?", "What is the price of it in the shop?"]
)
def test_greetings_and_allowed_topics_pass(spans, text: str) -> None:
    assert spans(Topics(Words(), allowed=ALLOWED, denied=DENIED, threshold=0.6), text) == ()


def test_examples_are_embedded_once_and_a_text_at_once() -> None:
    words = Words()
    topics = Topics(words, allowed=ALLOWED, denied=DENIED)
    assert words.asked == 2
    topics.validate("My order is late today. " * 60, {})
    assert words.asked == 3


def test_without_an_embedder_the_check_cannot_be_compiled() -> None:
    with pytest.raises(ConfigError, match="sentence embeddings"):
        Topics(None, denied=DENIED)


def test_an_embedder_that_gives_nonsense_is_a_failure_not_a_pass() -> None:
    class Broken:
        def embed(self, texts: Sequence[str], _owner: str | None = None) -> NDArray[np.float32]:
            return np.full((len(texts), 2), np.nan, np.float32)

    with pytest.raises(ValueError, match="no vector"):
        Topics(Broken(), denied=DENIED)
