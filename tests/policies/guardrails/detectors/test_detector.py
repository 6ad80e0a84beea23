"""Detectors are guardrails-ai validators that work in a `Guard` too; nothing of them phones home or backtracks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from guardrails.settings import settings
from guardrails.types.on_fail import OnFailAction
from guardrails.validator_base import Validator

import policies.guardrails.detectors as package
from infra.ner import NameFinders
from policies.guardrails.detectors.detector import Detector
from policies.guardrails.detectors.email_address import EmailAddress
from policies.guardrails.detectors.registry import ALL_ENTITIES, personal_data
from policies.guardrails.detectors.secrets import Secrets
from policies.guardrails.patterns import compiled

FOLDER = Path(package.__file__).parent


def test_a_validator_says_where_and_offers_the_redacted_text() -> None:
    result = EmailAddress().validate("mail ana@example.org now", {"language": "en"})
    assert result.outcome == "fail"
    assert result.fix_value == "mail <EMAIL_ADDRESS> now"
    assert [(span.start, span.end, span.reason) for span in result.error_spans] == [(5, 20, "EMAIL_ADDRESS")]
    assert "ana" not in result.error_message
    assert EmailAddress().validate("no mail", {}).outcome == "pass"


def test_a_validator_registers_and_knows_what_to_do_on_failure() -> None:
    assert EmailAddress.rail_alias == "sluice/email-address"
    assert EmailAddress().on_fail_descriptor == OnFailAction.FIX
    assert EmailAddress(redacts=False).on_fail_descriptor == OnFailAction.EXCEPTION


def test_every_detector_is_a_validator_with_a_reach(names: NameFinders) -> None:
    detectors = personal_data(ALL_ENTITIES, names, threshold=0.5, redacts=True)
    assert len({detector.name for detector in detectors}) == len(detectors) >= 19
    assert all(isinstance(detector, Validator) and detector.reach.span > 0 for detector in detectors)
    assert settings.rc.enable_metrics is False


def test_an_entity_that_was_not_asked_for_is_not_reported(names: NameFinders) -> None:
    [detector] = personal_data(frozenset({"ES_NIE"}), names, threshold=0.5, redacts=True)
    assert detector.validate("DNI 47996692Q", {}).outcome == "pass"
    assert detector.validate("NIE X1234567L", {}).outcome == "fail"


def test_one_detector_stands_in_one_file() -> None:
    for path in FOLDER.glob("*.py"):
        found = re.findall(r"^class \w+\((?:Detector|Validator)\)", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(found) <= 1, path


def test_no_pattern_runs_on_an_engine_that_backtracks() -> None:
    for path in FOLDER.parent.rglob("*.py"):
        assert not re.search(
            r"^\s*(import re\b|from re import|import regex)", path.read_text(encoding="utf-8"), re.MULTILINE
        )


@pytest.mark.parametrize(
    "flood", ["a" * 20_000, "1 " * 10_000, "@" * 20_000, "a.b@" * 5_000, "calle " * 3_000, "Aa " * 6_000]
)
def test_no_text_takes_long(names: NameFinders, flood: str) -> None:
    lists_only = NameFinders(None, None, names.lists)
    for detector in (*personal_data(ALL_ENTITIES, lists_only, threshold=0.5, redacts=True), Secrets()):
        assert isinstance(detector, Detector)
        detector.validate(flood, {"language": "es"})


def test_a_pattern_is_compiled_once() -> None:
    assert compiled("a+b") is compiled("a+b")
