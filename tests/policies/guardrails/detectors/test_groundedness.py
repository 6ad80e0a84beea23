"""Groundedness: which sentences of an answer the given context does not support, in both languages."""

from __future__ import annotations

import pytest

from policies.guardrails.detectors.groundedness import Groundedness
from policies.guardrails.passage import Passage

SHOP = (
    "Returns are free for 30 days after delivery. The parcel must be in its original box. Refunds are paid within"
    " five working days to the card that was used. Express delivery costs 4.95 euros and arrives in 24 hours. "
    "Our shop in Lisbon opens from 9:00 to 20:30, Monday to Saturday. Marta Vidal leads customer service."
)
TIENDA = (
    "Las devoluciones son gratuitas durante 30 días desde la entrega. El paquete debe ir en su caja original. El "
    "reembolso se abona en cinco días laborables en la tarjeta utilizada. El envío urgente cuesta 4,95 euros y llega en"
    " 24 horas. La tienda de Lisboa abre de 9:00 a 20:30, de lunes a sábado. Marta Vidal dirige la atención al cliente."
)
SUPPORTED_EN = [
    *("You can return it for free within 30 days of delivery.", "The refund is paid in five working days."),
    *(
        "Refunds are paid within 5 working days.",
        "Express delivery costs €4.95.",
        "It arrives in 24 hours with express delivery.",
    ),
    *(
        "The Lisbon shop opens at 9:00.",
        "Marta Vidal leads customer service.",
        "Please keep the original box of the parcel.",
    ),
    *(
        "Sure! I am happy to help you with that.",
        "Thank you for your question.",
    ),
    *(
        "The shop is open Monday to Saturday.",
        "We pay the refund to the card that you used.",
        "Yes.",
        "I don't know that, sorry.",
    ),
]
UNSUPPORTED_EN = [
    *("You can return it within 60 days of delivery.", "Refunds are paid within ten working days."),
    *("Express delivery costs 6.95 euros.", "The Madrid shop opens at 9:00.", "Ana Ruiz leads customer service."),
    *("All watches are waterproof down to a depth of many meters.", "The shop also opens on holidays with live music."),
    *(
        "Batteries are covered by a lifetime warranty.",
        "It arrives in 48 hours.",
        "The shop closes at 22:00 on Mondays.",
    ),
    *(
        "Our drones deliver within minutes anywhere.",
        "Membership gives access to private sales.",
        "Call Pedro to return it.",
    ),
]
SUPPORTED_ES = [
    *("Puede devolverlo gratis durante 30 días desde la entrega.", "El reembolso se abona en 5 días laborables."),
    *(
        "El envío urgente cuesta 4.95 euros.",
        "Llega en 24 horas con el envío urgente.",
        "La tienda de Lisboa abre a las 9:00.",
    ),
    *(
        "Marta Vidal dirige la atención al cliente.",
        "Conserve la caja original del paquete.",
        "¡Claro! Con mucho gusto le ayudo.",
    ),
    *(
        "Gracias por su pregunta.",
        "Abre de lunes a sábado.",
        "Lo siento, no lo sé.",
        "Sí.",
        "Abonamos el reembolso en su tarjeta utilizada.",
    ),
    *("Las devoluciones son gratuitas.", "La tienda abre de 9:00 a 20:30."),
]
UNSUPPORTED_ES = [
    *("Puede devolverlo durante 60 días desde la entrega.", "El reembolso se abona en diez días laborables."),
    *(
        "El envío urgente cuesta 6,95 euros.",
        "La tienda de Madrid abre a las 9:00.",
        "Ana Ruiz dirige la atención al cliente.",
    ),
    *("Todos los relojes son sumergibles a gran profundidad marina.", "También hay conciertos gratuitos cada verano."),
    *("Las baterías tienen garantía de por vida.", "Llega en 48 horas.", "La tienda cierra a las 22:00 los lunes."),
    *(
        "Nuestros drones reparten en pocos minutos.",
        "Los socios acceden a ventas privadas.",
        "Llame a Pedro para devolverlo.",
    ),
]
CASES = [
    *((SHOP, text, False) for text in SUPPORTED_EN),
    *((SHOP, text, True) for text in UNSUPPORTED_EN),
    *((TIENDA, text, False) for text in SUPPORTED_ES),
    *((TIENDA, text, True) for text in UNSUPPORTED_ES),
]


def test_nearly_all_sentences_are_judged_right(spans) -> None:
    detector = Groundedness()
    wrong = [
        text for context, text, unsupported in CASES if bool(spans(detector, text, context=context)) != unsupported
    ]
    print(f"\nOUT groundedness: {len(CASES) - len(wrong)} of {len(CASES)} right; wrong {wrong}")
    assert len(wrong) <= 0.06 * len(CASES), wrong


def test_it_says_which_sentence(spans) -> None:
    answer = "Returns are free for 30 days. Batteries last for many years. Refunds take five working days."
    [span] = spans(Groundedness(), answer, context=[SHOP])
    assert (answer[span.start : span.end], span.entity) == ("Batteries last for many years.", "UNSUPPORTED")


@pytest.mark.parametrize(
    ("said", "given"),
    [
        ("It costs 1.200,50 euros", "The price is 1,200.50 euros"),
        ("on 12/05/2026", "the day is 12-05-2026"),
        ("24h a day", "24 hours"),
        ("two of them arrive", "2 of them arrive"),
        ("son 1.000 piezas", "son 1000 piezas"),
        ("3,0 litros", "3 litros"),
    ],
)
def test_a_number_in_another_spelling_is_the_same(spans, said: str, given: str) -> None:
    assert spans(Groundedness(threshold=0.79), said, context=given) == ()


def test_without_a_context_it_rests_unless_one_is_required(spans) -> None:
    assert spans(Groundedness(), "Anything at all is said here.") == ()
    assert spans(Groundedness(asks=True), "Anything at all is said here.")
    assert spans(Groundedness([SHOP]), "Batteries are covered by a lifetime warranty.")


def test_a_passage_carries_the_context_of_its_request() -> None:
    passage = Passage("Batteries are covered by a lifetime warranty.", "en")
    passage.context = (SHOP,)
    assert Groundedness().validate(passage.original, {"passage": passage}).outcome == "fail"
