"""What becomes of a text, check by check and entity by entity: flags, languages, budgets, and failures that close."""

from __future__ import annotations

import time
import typing
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.guard_keys import GuardKeys
from infra.guard_models import Models
from policies.checks import CheckBase
from policies.guardrails.compiled import Guards, compile_guards
from policies.guardrails.detectors.mac_address import MacAddress
from policies.guardrails.detectors.shapes import SHAPES
from policies.guardrails.makers import MAKERS
from policies.guardrails.passage import Passage
from policies.guardrails.redact import Span
from policies.policy import InputCheck, OutputCheck, parse_guardrails

KEYS = GuardKeys(digest=b"d" * 32, cipher=b"c" * 64)
LETTER = "Soy Nerea Sáenz Gil, DNI 47996692Q, correo ana@example.org, IBAN ES7700730288341496751869."


def policy(check: str) -> str:
    return f"name: p\nstream: holdback\ninput:\n  - {check}\noutput:\n  - {check}\n"


def both(guards: Guards, text: str, language: typing.Literal["en", "es"] = "es") -> Iterator[typing.Any]:
    yield guards.check_input(text, language)
    yield guards.check_output(text, language)


def test_every_type_of_check_has_its_maker() -> None:
    types = {kind for union in (InputCheck, OutputCheck) for kind in get_args(get_args(union)[0])}
    assert types == set(MAKERS) and all(issubclass(kind, CheckBase) for kind in types)


def test_a_flag_is_recorded_and_lets_the_text_through(compiled: Callable[[str], Guards]) -> None:
    for guarded in both(compiled(policy("{id: pii, detector: pii, action: flag}")), LETTER):
        assert (guarded.verdict, guarded.text, guarded.rule) == ("flag", LETTER, "")
        assert [check.verdict for check in guarded.checks] == ["flag"] and guarded.checks[0].spans
        assert {span.verdict for span in guarded.spans} == {"flag"}


def test_each_entity_may_have_its_own_action_and_threshold(compiled: Callable[[str], Guards]) -> None:
    entities = (
        "[PERSON, {entity: EMAIL_ADDRESS, action: flag}, {entity: IBAN_CODE, action: mask},"
        " {entity: ES_NIF, threshold: 0.99}]"
    )
    guards = compiled(policy(f"{{id: pii, detector: pii, action: redact, options: {{entities: {entities}}}}}"))
    for guarded in both(guards, LETTER):
        assert guarded.verdict == "redact"
        masked = "*" * 20 + "1869"
        assert guarded.text == f"Soy <PERSON>, DNI 47996692Q, correo ana@example.org, IBAN {masked}."
        assert [span.entity for span in guarded.spans] == ["PERSON", "EMAIL_ADDRESS", "IBAN_CODE"]
    for guarded in both(guards, "correo info@example.org"):
        assert (guarded.verdict, guarded.text) == ("flag", "correo info@example.org")


@pytest.fixture
def long_find(monkeypatch: pytest.MonkeyPatch) -> None:
    """A detector of MAC addresses that takes the whole text for one."""

    def find(_self: MacAddress, passage: Passage) -> Iterator[Span]:
        yield Span(0, len(passage.text), "MAC_ADDRESS", 0.9)

    monkeypatch.delitem(SHAPES, MacAddress.name)  # it is asked about any text
    monkeypatch.setattr(MacAddress, "find", find)


@pytest.mark.usefixtures("long_find")
def test_a_longer_flag_does_not_hide_what_is_to_be_redacted(compiled: Callable[[str], Guards]) -> None:
    entities = "[EMAIL_ADDRESS, {entity: MAC_ADDRESS, action: %s}]"
    check = f"{{id: pii, detector: pii, action: redact, options: {{entities: {entities}}}}}"
    for guarded in both(compiled(policy(check % "flag")), "to ana@a.org"):
        assert (guarded.verdict, guarded.text) == ("redact", "to <EMAIL_ADDRESS>")
    # Where two would be replaced in different ways, a placeholder shows nothing of either.
    for guarded in both(compiled(policy(check % "hash")), "to ana@a.org"):
        assert (guarded.verdict, guarded.text) == ("redact", "<MAC_ADDRESS>")


@pytest.mark.parametrize("span", [Span(2, 99, "MAC_ADDRESS", 0.9), Span(3, 1, "MAC_ADDRESS", 0.9)])
def test_finds_that_the_text_cannot_have_are_a_failure(
    compiled: Callable[[str], Guards], monkeypatch: pytest.MonkeyPatch, span: Span
) -> None:
    from guardrails.validator_base import FailResult

    def validate(*_: object) -> FailResult:
        return FailResult(error_message="found", metadata={"score": 0.9, "spans": (span,)})

    monkeypatch.delitem(SHAPES, MacAddress.name)  # it is asked about any text
    monkeypatch.setattr(MacAddress, "validate", validate)
    guards = compiled(policy("{id: pii, detector: pii, action: redact, options: {entities: [MAC_ADDRESS]}}"))
    for guarded in both(guards, "nothing"):
        assert (guarded.verdict, guarded.rule, guarded.text) == ("block", "pii.failed", "")


def test_one_entity_may_block(compiled: Callable[[str], Guards]) -> None:
    rule = "{entity: IBAN_CODE, action: block}"
    check = (
        f"{{id: pii, detector: pii, action: redact, message: No accounts., options: {{entities: [PERSON, {rule}]}}}}"
    )
    for guarded in both(compiled(policy(check)), LETTER):
        assert (guarded.verdict, guarded.rule, guarded.message, guarded.text) == ("block", "pii", "No accounts.", "")


def test_a_check_runs_only_for_its_languages(compiled: Callable[[str], Guards]) -> None:
    guards = compiled(policy("{id: pii, detector: pii, action: block, languages: [en]}"))
    for guarded in both(guards, LETTER, "es"):
        assert (guarded.verdict, [check.rule for check in guarded.checks]) == ("allow", ["pii.rested"])
    for guarded in both(guards, LETTER, "en"):
        assert (guarded.verdict, guarded.rule) == ("block", "pii")


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """One detector that takes longer than any budget of these tests, and finds nothing."""

    def find(_self: MacAddress, _passage: Passage) -> Iterator[Span]:
        time.sleep(0.03)
        yield from ()

    monkeypatch.delitem(SHAPES, MacAddress.name)  # it is asked about any text
    monkeypatch.setattr(MacAddress, "find", find)


A_MAC = "00:1a:2b:3c:4d:5e"
MAC = "options: {entities: [MAC_ADDRESS, EMAIL_ADDRESS]}"


@pytest.mark.usefixtures("slow")
def test_a_check_over_its_budget_blocks_and_says_so(compiled: Callable[[str], Guards]) -> None:
    guards = compiled(policy(f"{{id: pii, detector: pii, action: redact, budget_ms: 20, message: Wait., {MAC}}}"))
    list(both(guards, f"The first time, a check may take as long as its loading does. {A_MAC}"))
    for guarded in both(guards, f"mail ana@example.org {A_MAC}"):
        assert (guarded.verdict, guarded.rule, guarded.message) == ("block", "pii.late", "Wait.")
    # Rows wait for nobody: a night's training must not end for a slow millisecond.
    assert guards.redact_row(f"mail ana@example.org {A_MAC}", "en").text == f"mail <EMAIL_ADDRESS> {A_MAC}"


@pytest.mark.usefixtures("slow")
def test_open_lets_a_text_pass_when_its_check_is_late(compiled: Callable[[str], Guards]) -> None:
    opened = "on_error: open, open_because: a test"
    guards = compiled(policy(f"{{id: pii, detector: pii, action: redact, budget_ms: 20, {opened}, {MAC}}}"))
    list(both(guards, f"The first time, a check may take as long as its loading does. {A_MAC}"))
    for guarded in both(guards, f"mail ana@example.org {A_MAC}"):
        assert [check.rule for check in guarded.checks] == ["pii.late"]
        assert (guarded.verdict, guarded.text) == ("allow", f"mail ana@example.org {A_MAC}")
    for guarded in both(guards, A_MAC):
        assert (guarded.verdict, guarded.text) == ("allow", A_MAC)


MANY = (
    "{id: pii, detector: pii, action: hash, options: {entities: [EMAIL_ADDRESS, {entity: IBAN_CODE, action: mask},"
    " {entity: ES_NIF, action: encrypt}, {entity: MAC_ADDRESS, action: flag}]}}"
)
TALE = " ".join([LETTER, "Router 00:1A:2B:3C:4D:5E.", "Más tarde, más cosas que no dicen nada de nadie."]) * 4


@pytest.fixture(scope="module")
def many(models: Models) -> Guards:
    """A policy with another action for each entity."""
    return compile_guards(parse_guardrails(policy(MANY), source="many"), prompt=None, models=models, keys=KEYS)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, len(TALE)), max_size=40))
def test_a_stream_becomes_the_same_however_it_is_cut(many: Guards, cuts: list[int]) -> None:
    stream, edges = many.stream("es"), sorted({0, *cuts, len(TALE)})
    pieces = [stream.push(TALE[start:end]) for start, end in pairwise(edges)]
    whole = many.check_output(TALE, "es")
    assert "".join([*pieces, stream.finish()]) == stream.text == whole.text == many.check_input(TALE, "es").text
    assert (stream.verdict, stream.spans) == (whole.verdict, whole.spans)
    assert whole.text.count("00:1A:2B:3C:4D:5E") == 4 and "ana@" not in whole.text and "47996692Q" not in whole.text


def test_a_stand_in_that_fails_blocks(compiled: Callable[[str], Guards]) -> None:
    class Broken:
        def stand_in(self, entity: str, original: str) -> str:
            raise ValueError(original)

        def spare(self, text: str, spans: Iterable[Span]) -> tuple[Span, ...]:
            return tuple(spans)

    guarded = compiled(policy("{id: pii, detector: pii, action: pseudonymise}")).check_input(LETTER, "es", Broken())
    assert (guarded.verdict, guarded.rule, guarded.text) == ("block", "pii.failed", "")
    assert "Nerea" not in repr(guarded)
