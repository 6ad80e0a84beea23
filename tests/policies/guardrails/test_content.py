"""The types of the content checks: YAML in, detectors out; what is wrong is said in a sentence, nothing is echoed."""

from __future__ import annotations

from typing import Annotated, ClassVar, get_args

import numpy as np
import pytest
from guardrails.validator_base import Validator
from pydantic import Field

from infra.contracts.base import Contract
from infra.errors import ConfigError
from infra.typed_yaml import parse_yaml
from policies.content_checks import CONTENT_INPUT_CHECKS, CONTENT_OUTPUT_CHECKS
from policies.guardrails.content import content_detectors
from policies.guardrails.detectors.detector import Detector


class Checks(Contract):
    """As a policy holds them."""

    schema_id: ClassVar[str] = "sluice/test-content/1"
    output: tuple[Annotated[CONTENT_OUTPUT_CHECKS, Field(discriminator="detector")], ...]


YAML = r"""
output:
  - {id: ban, detector: ban_list, action: redact, options: {words: [casino, "get rich quick"]}}
  - {id: rivals, detector: competitors, action: redact,
     options: {competitors: [{names: [Acme]}, {names: [Orange], everyday: true}]}}
  - {id: topics, detector: topics, action: block,
     options: {denied: [{name: politics, examples: ["who wins the election", "a quién votar"]}]}}
  - {id: tox, detector: toxicity, action: block, threshold: 0.7}
  - {id: threats, detector: toxicity, action: block, options: {kinds: [THREAT, HATE]}}
  - {id: grounded, detector: groundedness, action: block}
  - {id: form, detector: regex_required, action: block, options: {pattern: "[A-Z]{2}-[0-9]{4}"}}
  - {id: ours, detector: regex_forbidden, action: redact, options: {pattern: 'PRJ-[0-9]+', entity: PROJECT}}
  - {id: labels, detector: choices, action: block, options: {choices: ["yes", "no"]}}
  - {id: urls, detector: urls, action: redact, options: {hosts: [example.org, "*.example.com"]}}
  - {id: code, detector: code_injection, action: redact}
  - {id: tongue, detector: language, action: block, options: {same_as_question: true}}
  - {id: length, detector: length, action: block, options: {max_words: 200}}
  - {id: loops, detector: repetition, action: block}
  - {id: canary, detector: canary, action: block, options: {canaries: [kestrel-Q7-lantern]}}
"""
WRONG = [
    ("{id: a, detector: ban_list, action: redact, options: {words: []}}", "words"),
    ("{id: a, detector: ban_list, action: redact, options: {words: ['..']}}", "two letters"),
    ("{id: a, detector: regex_required, action: block, options: {pattern: '(?=secret7)a'}}", "RE2 does not know"),
    (r"{id: a, detector: regex_forbidden, action: block, options: {pattern: '(secret7)\1'}}", "RE2 does not know"),
    ("{id: a, detector: regex_forbidden, action: block, options: {pattern: 'a', entity: lower}}", "entity"),
    ("{id: a, detector: length, action: block, options: {}}", "no bound"),
    ("{id: a, detector: length, action: block, options: {min_words: 9, max_words: 2}}", "min_words"),
    ("{id: a, detector: language, action: block, options: {}}", "no language"),
    ("{id: a, detector: language, action: block, options: {languages: [klingon]}}", "languages"),
    ("{id: a, detector: topics, action: block, options: {}}", "no topic"),
    ("{id: a, detector: topics, action: redact, options: {denied: []}}", "action"),
    ("{id: a, detector: urls, action: redact, options: {hosts: ['https://example.org/']}}", "hosts"),
    ("{id: a, detector: canary, action: block, options: {canaries: [short]}}", "canaries"),
    ("{id: a, detector: toxicity, action: block, options: {kinds: [RUDE]}}", "kinds"),
    ("{id: a, detector: ban_list, action: redact, options: {words: [casino], fuzzy: 3}}", "fuzzy"),
]


class Even:
    """An embedder for which all texts are alike."""

    def embed(self, texts, _owner=None):
        return np.ones((len(texts), 3), np.float32)


def test_every_check_compiles_to_detectors_that_are_validators() -> None:
    checks = parse_yaml(YAML, Checks, source="test.yaml").output
    assert (
        {type(check) for check in checks} == set(get_args(CONTENT_OUTPUT_CHECKS)) >= set(get_args(CONTENT_INPUT_CHECKS))
    )
    for check in checks:
        detectors = content_detectors(check, embedder=Even())
        assert detectors and all(isinstance(each, Detector) and isinstance(each, Validator) for each in detectors)
        assert all(each.rail_alias.startswith("sluice/") for each in detectors)
        for text in ("", "Hola, ¿qué tal?", "a" * 5_000, "¿" * 3_000):
            assert detectors[0].validate(text, {"language": "es"}).outcome in {"pass", "fail"}


def test_topics_without_an_embedder_are_refused() -> None:
    [topics] = [each for each in parse_yaml(YAML, Checks, source="test.yaml").output if each.detector == "topics"]
    with pytest.raises(ConfigError, match="sentence embeddings"):
        content_detectors(topics)


@pytest.mark.parametrize(("check", "said"), WRONG)
def test_what_is_wrong_is_said_and_not_echoed(check: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(f"output:\n  - {check}\n", Checks, source="test.yaml")
    assert said in str(caught.value)
    assert "secret7" not in str(caught.value)
