"""Access policies: what the file does not allow is not allowed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from infra.contracts.release import Approval
from infra.digest import sha256
from infra.errors import ConfigError, Refused
from infra.rules import read_rule
from policies.access import AccessPolicy, parse_access


def shipped(name: str) -> AccessPolicy:
    rule = read_rule("access", name)
    return parse_access(rule.text, source=rule.source)


def approval(*, reviewer: str = "ana", unattended: bool = False) -> Approval:
    return Approval(
        pipeline="p",
        version=1,
        manifest=sha256(b""),
        decision="approved",
        reviewer=reviewer,
        reason="fine",
        unattended=unattended,
        decided=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_the_two_that_ship() -> None:
    opened, strict = shipped("open"), shipped("strict")
    assert (opened.name, opened.allow_unattended_approval, opened.reviewers) == ("open", True, ())
    assert (strict.name, strict.allow_unattended_approval, strict.reviewers) == ("strict", False, ())
    assert opened.digest == sha256(read_rule("access", "open").text.encode())
    assert opened.digest != strict.digest


def test_nothing_is_allowed_by_silence() -> None:
    assert not parse_access("name: x", source="x.yaml").allow_unattended_approval


def test_who_may_decide() -> None:
    named = parse_access("name: x\nreviewers: [ana, luis]", source="x.yaml")
    named.check(approval(reviewer="luis"))
    shipped("strict").check(approval(reviewer="anybody"))
    shipped("open").check(approval(unattended=True))
    with pytest.raises(Refused, match="'eve'"):
        named.check(approval(reviewer="eve"))
    for policy in (named, shipped("strict")):
        with pytest.raises(Refused, match="unattended"):
            policy.check(approval(unattended=True))


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("allow_unattended_approval: true", ["name"]),
        ("name: x\nallow_unattended_aproval: true", ["allow_unattended_aproval"]),
        ("name: x\nreviewers: ana", ["reviewers"]),
        ("name: X!\nallow_unattended_approval: perhaps", ["name", "allow_unattended_approval"]),
        ("name: x\nreviewers: [Ana Maria]", ["reviewers.0"]),
    ],
)
def test_every_mistake_is_named_at_once(text: str, keys: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_access(text, source="access.yaml")
    assert [problem.key for problem in caught.value.problems] == keys
    assert all(problem.line and problem.cure for problem in caught.value.problems)
