"""One policy on top of another: places, lines, what is left out, and one text that says all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flows.cli.policy_shapes import resolved_yaml
from infra.digest import sha256
from infra.errors import ConfigError
from infra.rules import read_rule
from policies.policy import GuardrailPolicy, parse_guardrails

Read = Callable[[str], GuardrailPolicy]
BASE = """\
name: base
stream: holdback
input:
  - {id: size, detector: size, options: {max_characters: 100}, action: block}
  - {id: pii, detector: pii, action: redact}
  - {id: secrets, detector: secrets, action: redact}
output:
  - {id: pii, detector: pii, action: redact}
examples:
  - {name: mail, direction: input, text: a@example.org, verdict: redact}
  - {name: long, direction: input, text: long, verdict: block, rule: size}
"""


@pytest.fixture
def extending(tmp_path: Path) -> Read:
    """Reads a policy that lies beside `base.yaml`."""
    (tmp_path / "base.yaml").write_text(BASE, encoding="utf-8")

    def read(text: str) -> GuardrailPolicy:
        path = tmp_path / "mine.yaml"
        path.write_text(text, encoding="utf-8")
        rule = read_rule("guardrails", str(path))
        return parse_guardrails(rule.text, source="mine.yaml")

    return read


def problems(failure: pytest.ExceptionInfo[ConfigError]) -> dict[str, int]:
    return {problem.key: problem.line for problem in failure.value.problems}


def test_a_check_of_the_same_id_takes_the_place_and_a_new_one_goes_behind(extending: Read) -> None:
    policy = extending(
        "name: mine\nextends: base.yaml\nwithout: [size]\ninput:\n"
        "  - {id: more, detector: prompt_injection, action: flag}\n"
        "  - {id: pii, detector: pii, action: mask}\n"
        "examples:\n  - {name: mail, direction: input, text: a@example.org, verdict: redact, becomes: '****'}\n"
    )
    assert [check.id for check in policy.input] == ["pii", "secrets", "more"]
    assert [check.action for check in policy.input] == ["mask", "redact", "flag"]
    assert [check.id for check in policy.output] == ["pii"]
    assert [(example.name, example.becomes) for example in policy.examples] == [("mail", "****")]
    assert (policy.name, policy.stream, policy.extends, policy.without) == ("mine", "holdback", "", ())


def test_what_is_shown_says_the_same_and_names_no_other_policy(extending: Read) -> None:
    policy = extending("name: mine\nextends: base.yaml\nstream: buffer\n")
    shown = resolved_yaml(policy)
    assert parse_guardrails(shown, source="shown") == policy
    assert "extends" not in shown and policy.digest in shown


def test_one_text_holds_both_so_that_its_digest_changes_with_either(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(BASE, encoding="utf-8")
    mine = tmp_path / "mine.yaml"
    mine.write_text("name: mine\nextends: base.yaml\n", encoding="utf-8")
    before = read_rule("guardrails", str(mine))
    (tmp_path / "base.yaml").write_text(BASE.replace("100", "99"), encoding="utf-8")
    after = read_rule("guardrails", str(mine))
    assert sha256(before.text.encode()) != sha256(after.text.encode())
    (tmp_path / "base.yaml").unlink()
    kept = parse_guardrails(after.text, source="a blob")
    assert kept.input[0].options.max_characters == 99  # type: ignore[union-attr]
    again = tmp_path / "again.yaml"
    again.write_text(after.text, encoding="utf-8")
    assert read_rule("guardrails", str(again)).text == after.text


def test_problems_have_the_lines_and_places_of_the_file_itself(extending: Read) -> None:
    with pytest.raises(ConfigError) as failure:
        extending(
            "name: mine\nextends: base.yaml\nwithout: [gone, pii]\nstream: holdback\ninput:\n"
            "  - {id: pii, detector: pii, action: redact, threshold: 2}\n"
            "output:\n  - {id: again, detector: secrets, action: retry, retry: {correction: Once more.}}\n"
        )
    assert problems(failure) == {"without.0": 3, "without.1": 3, "input.0.threshold": 6, "stream": 4}


def test_only_one_level_is_read(extending: Read, tmp_path: Path) -> None:
    (tmp_path / "between.yaml").write_text("name: between\nextends: base.yaml\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="only one level") as failure:
        extending("name: mine\nextends: between.yaml\n")
    assert problems(failure) == {"extends": 2}


def test_a_broken_base_is_told_as_such_and_a_missing_one_too(extending: Read, tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(BASE.replace("pii, action: redact", "pii, action: drop", 1), encoding="utf-8")
    with pytest.raises(ConfigError) as failure:
        extending("name: mine\nextends: base.yaml\n")
    assert failure.value.source == "base.yaml (extended by mine.yaml)" and problems(failure) == {"input.1.action": 5}
    with pytest.raises(ConfigError, match="cannot be read") as failure:
        extending("name: mine\n\nextends: nowhere.yaml\n")
    assert problems(failure) == {"extends": 3}


def test_a_text_that_was_not_read_with_its_base_is_refused() -> None:
    with pytest.raises(ConfigError, match="is not there"):
        parse_guardrails(f"{BASE}extends: default\n", source="raw")
    with pytest.raises(ConfigError, match="goes with extends"):
        parse_guardrails(f"{BASE}without: [pii]\n", source="raw")
