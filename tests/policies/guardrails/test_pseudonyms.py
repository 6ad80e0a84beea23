"""Stand-ins: consistent, injective, nobody's value; and the way back, for every cut of a stream."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import get_args

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stdnum import iban, luhn
from stdnum.es import cif, dni, nie

from infra.engines.engine import Message, Tool, ToolCall, ToolUse
from policies.checks import Entity
from policies.guardrails.pseudonyms import Pseudonyms
from policies.guardrails.redact import Span
from policies.guardrails.stand_in_shapes import squeezed

KEY = b"k" * 32
NAMES = (
    *(
        "Nerea Sáenz Gil",
        "Nerea",
        "Gil",
        "María de la O Durán",
        "Gil Ortega, Ana",
        "Ana-María López",
        "O'Brien",
        "J. Roe",
    ),
    *("Kathy Nguyen", "李明", "Иван Петров", "A n a G i l", "Ana 4 Gil", "de la", "X", "ANA", "Jean-Luc d'Arc"),
)
VALUES: dict[str, tuple[str, ...]] = {
    "PERSON": NAMES,
    "EMAIL_ADDRESS": ("nerea@casa.es", "a.b+c@mail.co.uk"),
    "PHONE_NUMBER": (
        "+34 612 345 678",
        "912345678",
        "(206) 356-4926",
        "+1 206 356 4926",
        "+44 7911 123456",
        "07911 123456",
    ),
    "ES_NIF": ("47996692Q", "12345678-Z"),
    "ES_NIE": ("X1234567L",),
    "ES_CIF": ("B12345674",),
    "ES_NSS": ("28/12345678/40",),
    "ES_CCC": ("0073 0288 34 1496751869",),
    "ES_PLATE": ("4821 KLM",),
    "ES_PASSPORT": ("PAB123456",),
    "IBAN_CODE": ("ES77 0073 0288 3414 9675 1869", "GB82WEST12345698765432"),
    "CREDIT_CARD": ("4111 1111 1111 1111", "378282246310005"),
    "US_SSN": ("123-45-6789",),
    "MX_CURP": ("GOMC800101HDFRRL09",),
    "MX_RFC": ("GOMC800101AB1",),
    "IP_ADDRESS": ("83.44.12.9", "2a00:1450:4003::1"),
    "MAC_ADDRESS": ("00:1A:2B:3C:4D:5E",),
    "CRYPTO": ("1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "0x52908400098527886E0F7030069857D2E4169EE7"),
    "DATE_OF_BIRTH": ("12/03/1985", "12 de marzo de 1985", "March 12th, 1985"),
    "STREET_ADDRESS": ("Calle Mayor 12, 3º B, 28013 Madrid", "12 High Street"),
    "URL_CREDENTIALS": ("https://ana:s3cret@casa.es/x",),
    "LOCATION": ("Madrid",),
    "ORGANIZATION": ("Acme S.A.",),
    "API_KEY": ("AKIAQ3EGRZ7PLMN2VW4X",),
}
PAIRS = [(entity, value) for entity, values in VALUES.items() for value in values]
FILLING = st.text(st.sampled_from("ab zñ\n.,;:!¿?()'\"0 9-+"), max_size=12)
PIECES = st.lists(st.tuples(FILLING, st.sampled_from(PAIRS)), min_size=1, max_size=12)


def asked(*texts: str) -> tuple[Message, ...]:
    return tuple(Message("user", text) for text in texts)


def test_every_kind_has_values_here() -> None:
    assert set(get_args(Entity)) <= set(VALUES)


@pytest.mark.parametrize(("entity", "original"), PAIRS)
@pytest.mark.parametrize("language", ["en", "es"])
def test_a_stand_in_is_nobodys_value_and_shows_nothing_of_the_original(
    entity: str, original: str, language: str
) -> None:
    for number in range(12):
        made = Pseudonyms(bytes([number]) * 32, language).stand_in(entity, original)  # type: ignore[arg-type]
        assert made.isascii() and made.strip() == made and len(made) <= 90
        assert original.casefold() not in made.casefold() or len(original) < 2
        assert len(original) < 4 or squeezed(original) not in squeezed(made)
        assert not _real(entity, made), made


_VALID: dict[str, Callable[[str], object]] = {
    "ES_NIF": dni.is_valid,
    "ES_NIE": nie.is_valid,
    "ES_CIF": cif.is_valid,
    "IBAN_CODE": iban.is_valid,
    "CREDIT_CARD": luhn.is_valid,
}
_RESERVED = {
    "EMAIL_ADDRESS": r".+@example\.(org|com|net)",
    "IP_ADDRESS": r"(192\.0\.2|198\.51\.100|203\.0\.113|198\.1[89]\.\d+)\.\d+|2001:db8:.*",
    "US_SSN": r"666-\d\d-\d{4}",
    "ES_PLATE": r"\d{4} [A-Z][AEIOU]{2}",
    "MAC_ADDRESS": r"02:00:5e:.*",
    "PHONE_NUMBER": r"(\+1 )?\d{3}-555-01\d\d|(\+34 )?4\d\d \d{3} \d{3}"
    r"|\+44 (7700 900|1632 960|20 7946 0|\d{3} 496 0)\d{3}"
    r"|07700 900\d{3}|\+999 .*|0000 .*",
}


def _real(entity: str, made: str) -> bool:
    """Whether a stand-in could be somebody's: a valid code, or one outside of what is reserved."""
    if entity in _VALID:
        return bool(_VALID[entity](squeezed(made).upper()))
    if entity == "PHONE_NUMBER" and re.match(r"(\+34 )?4", made):
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(made, "ES")))
    return entity in _RESERVED and re.fullmatch(_RESERVED[entity], made) is None


def test_the_same_original_in_any_case_and_spacing_has_the_same_stand_in() -> None:
    people = Pseudonyms.of(KEY, asked("Me llamo Nerea Sáenz Gil."))
    full = people.stand_in("PERSON", "Nerea Sáenz Gil")
    assert people.stand_in("PERSON", "NEREA  SÁENZ\nGIL") == full == people.stand_in("PERSON", "nerea sáenz gil")
    assert people.stand_in("PERSON", "Nere\u200ba Sáenz Gil") == full
    assert people.stand_in("PERSON", "Nerea") == full.split()[0]
    phone = people.stand_in("PHONE_NUMBER", "+34 612 345 678")
    assert (
        people.stand_in("PHONE_NUMBER", "+34612345678") == phone == people.stand_in("PHONE_NUMBER", "+34-612-345-678")
    )
    assert people.stand_in("EMAIL_ADDRESS", "A@b.es") == people.stand_in("EMAIL_ADDRESS", "a@B.es")


def test_it_follows_from_the_key_alone_and_differs_between_conversations() -> None:
    seen = {Pseudonyms(bytes([number]) * 32, "es").stand_in("EMAIL_ADDRESS", "a@b.es") for number in range(50)}
    assert len(seen) == 50
    history = asked("Soy Ana Gil, ana@casa.es", "Y ahora Luis Paz")
    first, again = (Pseudonyms.of(KEY, history[:count]) for count in (1, 2))
    for entity, original in (("PERSON", "Ana Gil"), ("EMAIL_ADDRESS", "ana@casa.es")):
        assert first.stand_in(entity, original) == again.stand_in(entity, original)


def test_names_keep_their_language_and_gender_where_they_are_known() -> None:
    from policies.guardrails.stand_in_names import given_names

    for key in range(40):
        people = Pseudonyms(bytes([key]) * 32, "es")
        assert people.stand_in("PERSON", "Lucía Vega").split()[0] in given_names("es", "f")
        assert people.stand_in("PERSON", "Javier Soto").split()[0] in given_names("es", "m")
        assert people.stand_in("PERSON", "Kathleen Byrne").split()[0] in given_names("en", "f")


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PAIRS), unique=True, min_size=2), st.binary(min_size=32, max_size=32))
def test_two_originals_never_have_the_same_stand_in(pairs: list[tuple[str, str]], key: bytes) -> None:
    stand_ins = Pseudonyms(key, "es")
    made = [(entity, stand_ins.stand_in(entity, original).casefold()) for entity, original in pairs]
    assert len({text for _, text in made}) == len({(entity, original.casefold()) for entity, original in pairs})


def test_a_thousand_names_in_one_conversation_stay_apart_and_come_back() -> None:
    originals = [
        f"Nombre{chr(97 + a)}{chr(97 + b)}{chr(97 + c)} Apellido{chr(97 + c)}"
        for a in range(10)
        for b in range(10)
        for c in range(10)
    ]
    stand_ins = Pseudonyms(KEY, "es")
    made = [stand_ins.stand_in("PERSON", original) for original in originals]
    assert len(set(made)) == len(originals)
    assert stand_ins.restorer().whole("\n".join(made)) == "\n".join(originals)


def test_it_is_never_a_text_that_the_caller_wrote_himself() -> None:
    alone = [Pseudonyms(bytes([number]) * 32, "es").stand_in("PERSON", "Ana Gil") for number in range(40)]
    for number, taken in enumerate(alone):
        given_name, surname = taken.split()
        history = asked(f"Ayer vi a {given_name.upper()}, y los {surname}s; yo soy Ana Gil.")
        made = Pseudonyms.of(bytes([number]) * 32, history).stand_in("PERSON", "Ana Gil")
        assert given_name not in made and surname not in made
    mail = Pseudonyms(KEY, "es").stand_in("EMAIL_ADDRESS", "ana@casa.es")
    assert Pseudonyms.of(KEY, asked(f"Hola {mail}")).stand_in("EMAIL_ADDRESS", "ana@casa.es") != mail
    rule = Message("system", f"You are {alone[0].split()[0]}.")
    assert alone[0].split()[0] not in Pseudonyms.of(bytes(32), (rule, *asked("Soy Ana Gil"))).stand_in(
        "PERSON", "Ana Gil"
    )


def test_a_stand_in_that_the_assistant_said_stays_the_same_when_the_caller_quotes_it() -> None:
    opening = Message("user", "Soy Ana Gil.")
    made = Pseudonyms.of(KEY, (opening,)).stand_in("PERSON", "Ana Gil")
    first, last = made.split()
    later = (opening, Message("assistant", f"Hola, {made}."), Message("user", f"¿Por qué {first}? ¿Y {last.upper()}?"))
    again = Pseudonyms.of(KEY, later)
    assert again.stand_in("PERSON", "Ana Gil") == made
    assert again.stand_in("PERSON", made) == made
    assert again.stand_in("PERSON", first) == first
    assert again.stand_in("PERSON", last.upper()) == last.upper()


def _written(stand_ins: Pseudonyms, pieces: list[tuple[str, tuple[str, str]]]) -> tuple[str, str]:
    """A text with entities in it, as the caller wrote it and as the model sees it."""
    original = seen = ""
    for filling, (entity, value) in pieces:
        original += f"{filling} {value} "
        seen += f"{filling} {stand_ins.stand_in(entity, value)} "
    return original + " fin", seen + " fin"


@settings(max_examples=400, deadline=None)
@given(PIECES, st.binary(min_size=1, max_size=32), st.data())
@example([("", ("PERSON", "Nerea")), ("", ("PERSON", "Gil"))], KEY, None)
def test_restoring_undoes_pseudonymising_for_every_cut(pieces: list, key: bytes, data: st.DataObject | None) -> None:
    text = "".join(f"{filling} {value} " for filling, (_, value) in pieces)
    stand_ins = Pseudonyms.of(key, asked(text))
    original, seen = _written(stand_ins, pieces)
    restorer = stand_ins.restorer()
    assert _alike(restorer.whole(seen)) == _alike(original)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(seen)), max_size=30))) if data else range(1, len(seen))
    stream = restorer.stream()
    streamed = "".join(stream.push(seen[start:end]) for start, end in zip([0, *cuts], [*cuts, len(seen)], strict=True))
    assert streamed + stream.finish() == restorer.whole(seen)


def _alike(text: str) -> str:
    """`Ana` inside of `ANA` is the same person: it comes back as it was spelled first."""
    return text.casefold()


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200), st.data())
def test_a_text_without_stand_ins_passes_unchanged_however_it_is_cut(text: str, data: st.DataObject) -> None:
    stand_ins = Pseudonyms.of(KEY, asked(text))
    for entity, value in PAIRS:
        stand_ins.stand_in(entity, value)
    stream = stand_ins.restorer().stream()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=20)))
    pieces = [stream.push(text[start:end]) for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    whole = "".join(pieces) + stream.finish()
    assert whole == stand_ins.restorer().whole(text)
    if not stand_ins._forms.places(text):
        assert whole == text


def test_what_is_held_back_is_the_beginning_of_a_stand_in_and_no_more() -> None:
    stand_ins = Pseudonyms.of(KEY, asked("Ana Gil, +34 612 345 678"))
    made = [stand_ins.stand_in("PERSON", "Ana Gil"), stand_ins.stand_in("PHONE_NUMBER", "+34 612 345 678")]
    stream = stand_ins.restorer().stream()
    assert stream.push("Nothing of it here") == "Nothing of it here" and stream.held == 0
    longest = 0
    for sign in " ".join(made * 20):
        stream.push(sign)
        longest = max(longest, stream.held)
    assert longest <= max(map(len, made)) + 2
    assert stream.push("z" * 100_000) and stream.held == 0


@pytest.mark.parametrize(
    ("form", "becomes"),
    [
        ("{full}", "Lucía Vega Soto"),
        ("{FULL}", "Lucía Vega Soto"),
        ("{first}", "Lucía"),
        ("{first}'s", "Lucía's"),
        ("Sra. {last}", "Sra. Soto"),
        ("los {middle}s", "los Vegas"),
        ("{last}, {first}", "Soto, Lucía"),
        ("{first}\n{middle}", "Lucía\nVega"),
        ("{first}-{last}", "Lucía-Soto"),
        ("{initial}. {middle} {last}", "L. Vega Soto"),
        ("**{full}**", "**Lucía Vega Soto**"),
        ("{first}x", "{first}x"),
        ("x{first}", "x{first}"),
        ("{mail}", "lucia@casa.es"),
        ("mailto:{MAIL}.", "mailto:lucia@casa.es."),
        ("{phone}", "+34 612 345 678"),
        ("{squeezed_phone}", "+34 612 345 678"),
        ("({national_dashes})", "(+34 612 345 678)"),
        ("(+34) {national}", "+34 612 345 678"),
        ("0034 {national}", "+34 612 345 678"),
        ("{national}7", "{national}7"),
        ("9{national}", "9{national}"),
        ("{iban_squeezed}", "ES77 0073 0288 3414 9675 1869"),
        ("{iban_dots}", "ES77 0073 0288 3414 9675 1869"),
        ("{nif_dash}", "47996692Q"),
        ("{nif_lower}", "47996692Q"),
        ("{street}", "Calle Mayor 12"),
        ("{street_comma}", "Calle Mayor 12"),
    ],
)
def test_what_a_model_does_to_a_stand_in(form: str, becomes: str) -> None:
    stand_ins = Pseudonyms.of(KEY, asked("Hola, soy Lucía Vega Soto"))
    full = stand_ins.stand_in("PERSON", "Lucía Vega Soto")
    first, middle, last = full.split()
    mail = stand_ins.stand_in("EMAIL_ADDRESS", "lucia@casa.es")
    phone = stand_ins.stand_in("PHONE_NUMBER", "+34 612 345 678")
    iban_code = stand_ins.stand_in("IBAN_CODE", "ES77 0073 0288 3414 9675 1869")
    nif = stand_ins.stand_in("ES_NIF", "47996692Q")
    street = stand_ins.stand_in("STREET_ADDRESS", "Calle Mayor 12")
    forms = {
        **{"full": full, "FULL": full.upper(), "first": first, "middle": middle, "last": last, "initial": first[0]},
        **{"mail": mail, "MAIL": mail.upper(), "phone": phone, "squeezed_phone": phone.replace(" ", "")},
        **{"national": phone[4:], "national_dashes": phone[4:].replace(" ", "-")},
        **{"iban_squeezed": iban_code.replace(" ", ""), "iban_dots": iban_code.replace(" ", ".")},
        **{"nif_dash": f"{nif[:-1]}-{nif[-1]}", "nif_lower": nif.lower()},
        **{"street": street, "street_comma": ", ".join(street.rsplit(" ", 1))},
    }
    written = form.format(**forms)
    expected = becomes.format(**forms)
    assert stand_ins.restorer().whole(written) == expected
    stream = stand_ins.restorer().stream()
    assert "".join(map(stream.push, written)) + stream.finish() == expected


def test_an_initial_that_two_persons_share_comes_back_as_neither() -> None:
    for number in range(400):
        stand_ins = Pseudonyms(number.to_bytes(32), "es")
        pair = [stand_ins.stand_in("PERSON", name) for name in ("Lucía Vega", "Marta Vega")]
        if pair[0][0] == pair[1][0]:
            short = f"{pair[0][0]}. {pair[0].split()[1]}"
            assert stand_ins.restorer().whole(short) == f"{pair[0][0]}. Vega"
            return
    pytest.fail("no two names with the same initial")


def test_originals_do_not_break_the_json_that_they_are_put_into() -> None:
    import json

    stand_ins = Pseudonyms(KEY, "en")
    made = stand_ins.stand_in("PERSON", 'Ana "la\\Jefa" Gil')
    answer = json.dumps({"name": made})
    assert json.loads(stand_ins.restorer(in_json=True).whole(answer)) == {"name": 'Ana "la\\Jefa" Gil'}


def test_the_output_check_spares_stand_ins_and_nothing_beside_them() -> None:
    stand_ins = Pseudonyms.of(KEY, asked("Soy Ana Gil"))
    made = stand_ins.stand_in("PERSON", "Ana Gil")
    text = f"Dear {made} Smith, write to {made}"
    start = text.index(made)
    find = Span(start, start + len(made) + len(" Smith"), "PERSON", 0.9)
    other = Span(text.rindex(made), len(text), "PERSON", 0.9)
    spared = stand_ins.spare(text, (find, other))
    assert [text[span.start : span.end].strip() for span in spared] == ["Smith"]
    assert Pseudonyms(KEY, "es").spare(text, (find,)) == (find,)


def test_a_find_that_touches_no_stand_in_stays_whatever_it_holds() -> None:
    stand_ins = Pseudonyms(KEY, "es")
    text = f"{stand_ins.stand_in('PERSON', 'Nerea Sáenz')} ☠☠"
    signs, nothing = Span(len(text) - 2, len(text), "FORBIDDEN_PATTERN", 1.0), Span(0, 0, "JSON", 1.0)
    assert stand_ins.spare(text, (signs,)) == (signs,)
    assert stand_ins.spare("", (nothing,)) == (nothing,)


def test_the_arguments_of_calls_are_no_words_of_the_caller() -> None:
    asked = Message("user", "Busque a Nerea Sáenz.")
    stand_in = Pseudonyms.of(KEY, (asked,)).stand_in("PERSON", "Nerea Sáenz")
    call = Message("assistant", "", (ToolCall("call-1", "find", json.dumps({"name": stand_in}, ensure_ascii=False)),))
    told = Message("tool", f"{stand_in}: 2 pedidos", call_id="call-1")
    assert Pseudonyms.of(KEY, (asked, call, told)).stand_in("PERSON", "Nerea Sáenz") == stand_in
    # Where the definition of a tool holds it, it is the caller's own.
    tools = ToolUse((Tool("find", json.dumps({"name": "find", "description": stand_in}, ensure_ascii=False)),))
    assert Pseudonyms.of(KEY, (asked,), tools).stand_in("PERSON", "Nerea Sáenz") != stand_in


def test_what_came_in_escapes_comes_back_readable() -> None:
    stand_ins = Pseudonyms(KEY, "es")
    stand_in = stand_ins.stand_in("EMAIL_ADDRESS", r"jos\u00e9@casa.es")
    assert stand_ins.restorer().whole(f"a {stand_in}.") == "a josé@casa.es."
