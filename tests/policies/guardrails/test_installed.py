"""Validators of installed packages as checks of a policy: by name in YAML, in both languages, closed when they fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.errors import ConfigError, MissingPart, PartFailed
from infra.guard_models import Models
from infra.validator_wire import Found, Loading
from policies.guardrails.compiled import Guards, compile_guards
from policies.guardrails.installed import entity_of, installed_validator
from policies.installed_checks import InstalledCheck, InstalledOptions
from policies.policy import parse_guardrails
from policies.verdict import Verdict


def policy(options: str, action: str = "block", stream: str = "buffer", more: str = "") -> str:
    check = f"{{id: theirs, detector: guardrails-ai, options: {options}, action: {action}, message: Not this.{more}}}"
    return f"name: test\nstream: {stream}\ninput:\n  - {check}\noutput:\n  - {check.replace('theirs', 'theirs-out')}\n"


def compiled(text: str) -> Guards:
    return compile_guards(parse_guardrails(text, source="test.yaml"), prompt=None, models=Models())


PACKAGES = {
    "ban-list": (
        "{package: ban-list, arguments: {banned_words: [athena, chapuza], max_l_dist: 0}}",
        ("We like Rome.", "Nos gusta Roma.", ""),
        ("Buy at Athena today.", "Es una chapuza.", "a t h e n a"),
    ),
    "valid-json": (
        "{package: valid-json}",
        ('{"intent": "refund"}', '{"ciudad": "León"}', "[1, 2]"),
        ("{intent: refund}", "Aquí está: {}", ""),
    ),
    "regex-match": (
        "{package: regex-match, arguments: {regex: '[A-ZÑÁÉÍÓÚ].*', match_type: fullmatch}}",
        ("Yes.", "Ánimo."),
        ("yes.", "ánimo."),
    ),
    "competitor-check": (
        "{package: competitor-check, arguments: {competitors: [Microsoft, Telefónica]}}",
        ("We sell shoes.", "Vendemos zapatos."),
        ("Go to Microsoft in Seattle, they are cheaper.", "It is Paul. He works for Microsoft in London."),
    ),
    "web-sanitization": (
        "{package: web-sanitization}",
        ("Your parcel arrives on Monday.", "Su paquete llega el lunes."),
        ("<script>alert(1)</script>", "Pulse <img src=x onerror=alert(1)>"),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_usable_by_its_name(package: str) -> None:
    pytest.importorskip(f"guardrails_ai.{package.replace('-', '_')}", reason="pip install 'sluicegate[validators]'")
    options, good, bad = PACKAGES[package]
    guards = compiled(policy(options))
    for text in good:
        assert guards.check_input(text).verdict is Verdict.ALLOW, text
        assert guards.check_output(text).verdict is Verdict.ALLOW, text
    for text in bad:
        blocked = guards.check_input(text)
        assert (blocked.verdict, blocked.rule, blocked.message) == (Verdict.BLOCK, "theirs", "Not this."), text
        assert guards.check_output(text).rule == "theirs-out", text


@pytest.mark.slow
def test_what_is_redacted_is_what_it_found() -> None:
    pytest.importorskip("guardrails_ai.ban_list", reason="pip install 'sluicegate[validators]'")
    guards = compiled(policy(PACKAGES["ban-list"][0], action="redact"))
    assert guards.check_input("Buy at Athena today.").text == "Buy at <BAN_LIST> today."
    assert guards.check_input("Vaya chapuza, qué chapuza.").text == "Vaya <BAN_LIST>, qué <BAN_LIST>."


class Scripted:
    """A validator that says what a test wants; the real process has tests of its own (tests/infra)."""

    def __init__(self, found: Found | Exception) -> None:
        self.found = found
        self.loadings: list[tuple[Loading, float]] = []

    def __call__(self, loading: Loading, *, budget_s: float) -> Scripted:
        self.loadings.append((loading, budget_s))
        return self

    def check(self, text: str) -> Found:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


def check_of(**options: object) -> InstalledCheck:
    made = InstalledOptions.model_validate({"package": "ban-list", **options})
    return InstalledCheck(id="theirs", detector="guardrails-ai", options=made, action="redact")


def test_it_is_made_as_the_yaml_says() -> None:
    script = Scripted(Found(True))
    installed_validator(check_of(arguments={"banned_words": ["x"]}, budget_s=0.5, memory_mib=512), script)
    assert script.loadings == [(Loading("ban_list", "", '{"banned_words": ["x"]}', 512 << 20), 0.5)]


def test_its_places_are_the_find_and_without_any_the_whole_text_is() -> None:
    some = installed_validator(check_of(), Scripted(Found(False, ((4, 7), (5, 9)))))
    spans = some.validate("one two three", {}).metadata["spans"]
    assert [(span.start, span.end, span.entity) for span in spans] == [(4, 5, "BAN_LIST"), (5, 9, "BAN_LIST")]
    whole = installed_validator(check_of(), Scripted(Found(False)))
    assert [(span.start, span.end) for span in whole.validate("one two", {}).metadata["spans"]] == [(0, 7)]
    assert installed_validator(check_of(), Scripted(Found(True))).validate("one", {}).outcome == "pass"


@pytest.mark.parametrize(("on_error", "verdict"), [("closed", Verdict.BLOCK), ("open", Verdict.ALLOW)])
def test_one_that_fails_blocks_unless_the_policy_says_otherwise(on_error: str, verdict: Verdict) -> None:
    from policies.guardrails.check import CompiledCheck
    from policies.guardrails.entity_rules import EntityRules
    from policies.guardrails.operators import Operators
    from policies.guardrails.passage import Passage

    rule = check_of().model_copy(update={"on_error": on_error})
    detector = installed_validator(rule, Scripted(PartFailed("a validator took longer than its budget")))
    checked = CompiledCheck(rule, "input", (detector,), EntityRules.of(rule), Operators()).run(
        Passage("some text", "en")
    )
    assert (checked.verdict, checked.rule) == (verdict, "theirs.failed")


@pytest.mark.parametrize(
    ("package", "entity"),
    [("ban-list", "BAN_LIST"), ("llamaguard-7b", "LLAMAGUARD_B"), ("x", "VALIDATOR_X"), ("a" * 60, "A" * 30)],
)
def test_its_kind_is_named_after_its_package(package: str, entity: str) -> None:
    assert entity_of(package) == entity


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (policy("{package: ban-list}", stream="holdback"), "guardrails-ai needs the whole message"),
        (policy("{package: ban-list, arguments: {on_fail: noop}}"), "on_fail: not a policy's to set"),
        (policy("{package: ban-list, arguments: {use_local: false}}"), "use_local: not a policy's to set"),
        (policy("{package: 'ban_list; import os'}"), "package"),
        (policy("{package: ban-list, budget_s: 0}"), "budget_s"),
    ],
)
def test_a_policy_that_cannot_hold_is_refused(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse_guardrails(text, source="test.yaml")


def test_a_package_that_is_not_there_is_told_when_the_policy_is_compiled() -> None:
    with pytest.raises(MissingPart, match="check theirs: the validator package 'not-there' is not installed"):
        compiled(policy("{package: not-there}"))


def test_the_empty_folder_that_spares_a_download_is_found() -> None:
    from infra.quiet import QUIET

    folders = QUIET["NLTK_DATA"].split(":")
    assert any((Path(folder) / "tokenizers" / "punkt").is_dir() for folder in folders)
