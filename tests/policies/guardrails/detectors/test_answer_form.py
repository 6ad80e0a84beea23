"""The form of an answer: pattern, choices, length, loops, language; each with near-misses in both languages."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.guardrails.detectors.answer_language import KNOWN, AnswerLanguage
from policies.guardrails.detectors.choices import Choices
from policies.guardrails.detectors.length import Bounds, Length
from policies.guardrails.detectors.regex_forbidden import RegexForbidden
from policies.guardrails.detectors.regex_required import RegexRequired
from policies.guardrails.detectors.repetition import Repetition
from policies.guardrails.detectors.sentences import sentences, word_count

FILLER = "We looked at it and all is fine, the parcel left the depot today. "


@pytest.mark.parametrize("text", ["AB-1234", " AB-1234\n", "ZZ-0000"])
def test_a_text_of_the_form_passes(spans, text: str) -> None:
    assert spans(RegexRequired("[A-Z]{2}-[0-9]{4}"), text) == ()


@pytest.mark.parametrize("text", ["", "AB-123", "ab-1234", "AB-12345", "It is AB-1234", "AB-1234 CD-5678", "AB-1234."])
def test_a_text_of_another_form_does_not(spans, text: str) -> None:
    result = RegexRequired("[A-Z]{2}-[0-9]{4}").validate(text, {})
    assert result.outcome == "fail" if text else True


def test_a_forbidden_pattern_is_redacted_in_text_and_stream(redacted, streamed) -> None:
    ours = RegexForbidden(r"\bPRJ-[0-9]{4}\b", entity="PROJECT")
    text = FILLER * 2 + "see PRJ-1234, PRJ-12345 and prj-1234; PRJ\u2011777\u200b7 too. " + FILLER * 6
    expected = FILLER * 2 + "see <PROJECT>, PRJ-12345 and prj-1234; <PROJECT> too. " + FILLER * 6
    assert redacted(ours, text) == expected == streamed(ours, text, range(len(text)))
    assert redacted(RegexForbidden("x*"), "abc") == "abc"


@pytest.mark.parametrize("text", ["sí", "Sí.", "SI", " «no» ", "No", "**No**", "tal vez", "Tal  vez."])
def test_a_listed_answer_passes(spans, text: str) -> None:
    assert spans(Choices(["sí", "no", "tal vez"]), text) == ()


@pytest.mark.parametrize("text", ["s", "sí, claro", "no lo sé", "nope", "sí no", "tal", "vez", "?", "si o no", "noo"])
def test_any_other_answer_does_not(spans, text: str) -> None:
    assert [span.entity for span in spans(Choices(["sí", "no", "tal vez"]), text)] == ["NOT_A_CHOICE"]


def test_exact_choices_are_letter_for_letter(spans) -> None:
    exact = Choices(["refund", "card"], exact=True)
    assert spans(exact, "refund") == ()
    assert all(spans(exact, text) for text in ("Refund", "refund.", " refund"))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. Two! Three? Four", 4),
        ("El Sr. Gil vive en la Avda. Mayor 3. Llame antes.", 2),
        ("It costs 3.50 euros. e.g. this one.", 2),
        ("Mr. Smith came at 5 p.m. and left.", 1),
        ("¿Qué? ¡No! Sí…", 3),
        ("1. Open it\n2. Close it\n", 2),
        ("Visit example.org today. Thanks", 2),
        ("a\n\nb", 2),
        ("", 0),
        ("J. R. R. Tolkien wrote it. It is long.", 2),
    ],
)
def test_sentences_end_where_they_end(text: str, count: int) -> None:
    found = list(sentences(text))
    assert len(found) == count
    assert all(text[start:end].strip() == text[start:end] for start, end in found)


def test_lengths_are_bounded_at_both_ends(spans) -> None:
    text = "Uno dos tres. Cuatro cinco."
    assert word_count(text) == 5
    inside = Length(characters=Bounds(5, 27), words=Bounds(5, 5), sentences=Bounds(2, 2))
    assert spans(inside, text) == ()
    [long] = spans(Length(words=Bounds(None, 3)), text)
    assert (text[long.start :], long.entity) == (". Cuatro cinco.", "TOO_LONG")
    [short] = spans(Length(sentences=Bounds(3, None)), text)
    assert (short.start, short.end, short.entity) == (0, len(text), "TOO_SHORT")
    assert spans(Length(characters=Bounds(None, 26)), text)[0].start == 26
    assert Length(words=Bounds(1, None)).validate("", {}).outcome in {"pass", "fail"}


LOOPS = [
    "and then it goes on and then it goes on and then it goes on and then it goes on and then it goes on",
    "El pedido está listo. El pedido está listo. El pedido está listo. El pedido está listo. El pedido está listo.",
    "very very very very very very very very very very very very very",
    "1. Llame a la tienda\n1. Llame a la tienda\n1. Llame a la tienda\n1. Llame a la tienda\n1. Llame a la tienda",
    "a" * 60,
    "jajaja " * 20,
    "I am sorry, but I cannot. I am sorry, but I cannot! I AM SORRY, but I cannot - I am sorry, but i cannot.",
    "token " * 50,
    "!" * 80,
    "La respuesta es: la respuesta es: la respuesta es: la respuesta es: la respuesta es: la",
    "ha" * 4 + "h" * 70,
    "uno dos tres uno dos tres uno dos tres uno dos tres uno dos tres",
]
NO_LOOPS = [
    "no no no, that is not it",
    "Ja, ja, ja, ja. ¡Qué bueno!",
    "very very good",
    "-" * 100,
    "=" * 70 + "\ntitle\n" + "=" * 70,
    "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n| 5 | 6 |",
    "El pedido 1 está listo. El pedido 2 está listo. El pedido 3 está listo. El pedido 4 está listo.",
    "Row, row, row your boat, gently down the stream",
    "bla bla bla bla",
    "one two three four one two three four one two three four",
    "2026-01-01, 2026-01-02, 2026-01-03, 2026-01-04, 2026-01-05, 2026-01-06",
    "a b a b a b a b",
    "for i in range(3): for j in range(3): for k in range(3): print(i, j, k)",
    "Sí, sí, sí, sí, claro que sí.",
    "We sell red shoes, blue shoes, green shoes, white shoes, black shoes and grey shoes",
    "." * 100,
    " " * 120,
    "0, 1, 1, 2, 3, 5, 8, 13, 21, 34",
]


@pytest.mark.parametrize("text", LOOPS)
def test_a_loop_is_found_after_its_first_turn(spans, text: str) -> None:
    found = spans(Repetition(), f"Here: {text}")
    assert found and found[0].start > 6 and found[-1].end <= len(text) + 6


@pytest.mark.parametrize("text", NO_LOOPS)
def test_what_repeats_for_a_reason_is_no_loop(spans, text: str) -> None:
    assert spans(Repetition(), text) == ()


@pytest.mark.parametrize("loop", LOOPS)
def test_a_loop_that_never_ends_ends_the_stream(streamed, loop: str) -> None:
    text = FILLER + "Then. " + (loop + " ") * 40
    out = streamed(Repetition(), text, range(0, len(text), 7))
    assert out.startswith("!c") or out.count("<REPETITION>") == 40


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.sampled_from("ab \n.-"), max_size=400), cuts=st.lists(st.integers(0, 400), max_size=12))
def test_any_cut_is_the_same_to_loops(streamed, text: str, cuts: list[int]) -> None:
    assert streamed(Repetition(), text, cuts) == streamed(Repetition(), text, [])


SPOKEN = {
    "en": "Your order left the depot this morning, and it should be with you by the end of the week.",
    "es": "Su pedido salió del almacén esta mañana y lo recibirá antes de que termine la semana.",
    "fr": "Votre commande est partie ce matin et vous la recevrez avant la fin de la semaine, merci pour tout.",
    "pt": "O seu pedido saiu do armazém esta manhã e você vai receber a encomenda até o fim da semana, obrigado.",
    "de": "Ihre Bestellung hat heute das Lager verlassen und wird bis zum Ende der Woche bei Ihnen sein.",
    "it": "Il suo ordine è partito questa mattina e arriverà prima della fine della settimana, grazie per la pazienza.",
    "ca": "La seva comanda ha sortit del magatzem aquest matí i la rebrà abans que acabi la setmana, moltes gràcies.",
    "nl": "Uw bestelling is vanmorgen uit het magazijn vertrokken en wordt voor het einde van de week bij u bezorgd.",
    "ru": "Ваш заказ покинул склад сегодня утром, и вы получите его до конца недели.",
    "zh": "您的订单今天早上已从仓库发出，本周末之前您将会收到。",
    "ar": "غادر طلبك المستودع هذا الصباح وسيصلك قبل نهاية الأسبوع.",
    "ja": "ご注文の商品は今朝倉庫から出荷されました。週末までに届きます。",
}


@pytest.mark.parametrize("asked", ["en", "es"])
@pytest.mark.parametrize("language", SPOKEN)
def test_an_answer_is_in_the_language_of_the_question_or_found(spans, asked: str, language: str) -> None:
    found = spans(AnswerLanguage(same_as_question=True), SPOKEN[language], language=asked)
    assert bool(found) == (asked != language)


@pytest.mark.parametrize("language", SPOKEN)
def test_a_listed_language_is_allowed_and_every_other_found(spans, language: str) -> None:
    assert language in KNOWN
    detector = AnswerLanguage([language])
    assert {other for other, text in SPOKEN.items() if spans(detector, text)} >= set(SPOKEN) - {
        language,
        *(("zh",) if language == "ja" else ()),
    }
    assert spans(detector, SPOKEN[language]) == ()


@pytest.mark.parametrize(
    "text",
    [
        "OK",
        "Gracias",
        "The film «La casa de las flores que no se ven en la noche» is on now.",
        'We call it "el pan de cada día que nos da la vida" here.',
        "Call Calle de la Princesa 12, Madrid.",
        "SELECT name FROM users WHERE id = 3",
        "Run pip install and then python -m pytest",
        "The team of El Corte de la Sierra won.",
        "Rosé, café and jalapeño are words too.",
        "Ω is the last letter, and π is 3.14",
        "de la Cruz, M. and van der Berg, J. wrote it.",
        "https://ejemplo.es/la/lista/de/los/pedidos",
        "12345 67890",
        "Los Angeles, Las Vegas, El Paso, San Francisco and La Jolla are on the list.",
        "I would say 你好 to them.",
    ],
)
def test_names_titles_and_code_are_in_no_other_language(spans, text: str) -> None:
    assert spans(AnswerLanguage(["en"]), text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "Haga clic en «Sign in with the account that you use for this» y espere.",
        "El botón Log in está arriba.",
        "El software de Open Source Initiative es libre.",
        "The Beatles y The Rolling Stones tocaron aquí.",
        "Usamos machine learning, big data y cloud.",
        "El paquete sale con Royal Mail el lunes.",
        "Vea la serie The Office y la película Up.",
        "El correo es the.manager@example.org",
        "ok, thanks",
        "Es un must have de la temporada.",
        "El Manchester City y el West Ham empataron.",
        "El CEO y la CFO viajan a New York.",
        "Se dice check-in, no facturación.",
        "El hash es deadbeef y el commit, 9fceb02.",
        "La canción Let it be es de 1970.",
    ],
)
def test_english_names_in_spanish_are_no_other_language(spans, text: str) -> None:
    assert spans(AnswerLanguage(["es"]), text) == ()


def test_a_stream_that_changes_its_language_ends(streamed) -> None:
    text = FILLER * 4 + SPOKEN["es"] + " " + FILLER * 3
    assert "<OTHER_LANGUAGE>" in streamed(AnswerLanguage(same_as_question=True), text, range(0, len(text), 5))
