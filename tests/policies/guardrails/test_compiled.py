"""Guards: order, failures that close, redaction that can be repeated, rows in batches, threads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier

import pytest

from infra.contracts.model_version import PromptSpec
from infra.errors import ConfigError, PartFailed
from infra.guard_models import Models
from policies.guardrails.compiled import EntityCount, Guards, compile_guards
from policies.guardrails.detectors.mac_address import MacAddress
from policies.guardrails.detectors.shapes import SHAPES
from policies.guardrails.passage import Passage
from policies.guardrails.redact import Span
from policies.policy import GuardrailPolicy, parse_guardrails

LETTER = "Soy Nerea Sáenz Gil, DNI 47996692Q, móvil 612 34 56 78, mi clave: Verano2023!"
PII = (
    "name: p\nstream: holdback\n"
    "input:\n  - {id: pii, detector: pii, action: redact%s}\noutput:\n  - {id: pii, detector: pii, action: redact}\n"
)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """One detector that fails on every text, and would tell the text."""

    def find(_self: MacAddress, passage: Passage) -> Iterator[Span]:
        raise ValueError(passage.text)
        yield

    monkeypatch.delitem(SHAPES, MacAddress.name)  # it is asked about any text
    monkeypatch.setattr(MacAddress, "find", find)


def test_every_check_is_recorded_in_the_policys_order(guards: Guards, default_policy: GuardrailPolicy) -> None:
    guarded = guards.check_input(LETTER, "es")
    assert [check.rule for check in guarded.checks] == [check.id for check in default_policy.input]
    assert all(check.direction == "input" and check.milliseconds >= 0 for check in guarded.checks)
    assert guarded.text == "Soy <PERSON>, DNI <ES_NIF>, móvil <PHONE_NUMBER>, mi clave: <PASSWORD>"


def test_a_text_that_is_too_long_spares_the_other_checks(guards: Guards) -> None:
    guarded = guards.check_input("a" * 16_001)
    assert (guarded.rule, len(guarded.checks), guarded.text) == ("input-size", 1, "")
    assert guarded.message


@dataclass(frozen=True)
class Judged:
    """What a judge says."""

    score: float = 0.9
    start: int = 0
    end: int = 1


TOGETHER = """
name: p
stream: holdback
input:
  - {id: size, detector: size, action: block, options: {max_characters: 100}}
  - {id: injection, detector: prompt_injection, action: flag}
  - {id: pii, detector: pii, action: redact, options: {entities: [MAC_ADDRESS]}}
output:
  - {id: pii, detector: pii, action: redact, options: {entities: [MAC_ADDRESS]}}
"""


@pytest.mark.parametrize("cores", [1, 2])
def test_a_model_runs_beside_the_other_checks_where_there_are_two_cores(
    monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    met = Barrier(cores, timeout=30)
    asked: list[str] = []

    class Judge:
        def judge(self, text: str, *_: object) -> Judged:
            asked.append(text)
            met.wait()
            return Judged()

    def find(_self: MacAddress, passage: Passage) -> Iterator[Span]:
        met.wait()
        yield Span(0, 2, "MAC_ADDRESS", 0.9)

    monkeypatch.delitem(SHAPES, MacAddress.name)
    monkeypatch.setattr(MacAddress, "find", find)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)))
    policy = parse_guardrails(TOGETHER, source="together")
    guards = compile_guards(policy, prompt=None, models=Models(injection=Judge()))
    guarded = guards.check_input("hello")
    assert [check.rule for check in guarded.checks] == ["size", "injection", "pii"]
    assert guarded.text == "<MAC_ADDRESS>llo"
    too_long = guards.check_input("x" * 101)
    assert [check.rule for check in too_long.checks] == ["size"]
    assert asked == ["hello"], "what is too long costs no model"


@pytest.mark.usefixtures("broken")
def test_a_check_that_fails_blocks_and_says_nothing_of_the_text(compiled: Callable[[str], Guards]) -> None:
    guards = compiled(PII % "")
    for guarded in (guards.check_input(LETTER, "es"), guards.check_output(LETTER, "es")):
        assert (guarded.verdict, guarded.rule, guarded.text) == ("block", "pii.failed", "")
        assert "Nerea" not in repr(guarded)
    with pytest.raises(PartFailed) as failure:
        guards.redact_row(LETTER, "es")
    assert "Nerea" not in str(failure.value)


@pytest.mark.usefixtures("broken")
def test_a_policy_may_let_a_failed_check_pass_and_it_is_recorded(compiled: Callable[[str], Guards]) -> None:
    guarded = compiled(PII % ", on_error: open, open_because: a test").check_input(LETTER, "es")
    assert (guarded.verdict, [check.rule for check in guarded.checks]) == ("allow", ["pii.failed"])


def test_a_check_may_block_what_another_redacts(compiled: Callable[[str], Guards]) -> None:
    cards = "{id: cards, detector: pii, action: block, options: {entities: [CREDIT_CARD]}, message: No cards.}"
    guards = compiled(
        f"name: p\nstream: holdback\ninput:\n  - {cards}\n  - {{id: pii, detector: pii, action: redact}}\noutput: []\n"
    )
    assert guards.check_input("mail ana@example.org").text == "mail <EMAIL_ADDRESS>"
    guarded = guards.check_input("card 4539 1488 0343 6467")
    assert (guarded.rule, guarded.message, guarded.text) == ("cards", "No cards.", "")


def test_redacting_again_finds_nothing(guards: Guards, shared_data: Path) -> None:
    texts = [LETTER, "Mr. <PERSON> lives at <STREET_ADDRESS>, <PHONE_NUMBER>", "nombre: <PERSON> clave: <PASSWORD>"]
    rows = [json.loads(line) for line in (shared_data / "pii" / "es_synthetic.jsonl").open(encoding="utf-8")][::25]
    for text in [*texts, *(row["text"] for row in rows)]:
        once = guards.redact_row(text, "es").text
        assert guards.redact_row(once, "es").text == once


def test_rows_in_a_batch_are_redacted_as_one_by_one(guards: Guards, shared_data: Path) -> None:
    files = ("en_near_miss.jsonl", "es_synthetic.jsonl", "en_presidio_research.jsonl")
    rows = [
        json.loads(line) for name in files for line in list((shared_data / "pii" / name).open(encoding="utf-8"))[:12]
    ]
    texts, languages = [row["text"] for row in rows], [row["lang"] for row in rows]
    one_by_one = tuple(guards.redact_row(text, language) for text, language in zip(texts, languages, strict=True))
    assert guards.redact_rows(texts, languages) == one_by_one


def test_counts_tell_how_many_of_each(guards: Guards) -> None:
    row = guards.redact_row("DNI 47996692Q, correos a@example.org y b@example.org", "es")
    assert row.counts == (EntityCount("EMAIL_ADDRESS", 2), EntityCount("ES_NIF", 1))


def test_many_threads_get_the_same(guards: Guards) -> None:
    texts = [f"I met Sarah Connor at {number} Oak Street, mail s{number}@example.org" for number in range(40)]
    alone = [guards.check_input(text, "en").text for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda text: guards.check_input(text, "en").text, texts)) == alone


def test_a_schema_that_is_none_is_refused(default_policy: GuardrailPolicy, models: Models) -> None:
    prompt = PromptSpec(system="", answer_format="json", max_new_tokens=8, json_schema='{"type": 3}')
    with pytest.raises(ConfigError, match="json_schema"):
        compile_guards(default_policy, prompt=prompt, models=models)


def test_checks_that_need_a_prompt_rest_without_one(default_policy: GuardrailPolicy, models: Models) -> None:
    guards = compile_guards(default_policy, prompt=None, models=models)
    assert not guards.buffers
    assert {check.rule for check in guards.check_output("hello").checks} == {
        "output-size",
        "output-secrets",
        "output-pii",
    }
