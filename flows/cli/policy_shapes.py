"""What `sluice policy` prints: its stable JSON shapes, and its tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from flows.policy_replay import Judged, Replay
    from flows.steps.policy_examples import ExampleRun
    from infra.errors import Problem
    from policies.checks import Direction
    from policies.guardrails.check import Guarded
    from policies.policy import GuardrailPolicy


def check_shape(source: str, policy: GuardrailPolicy | None, problems: Sequence[Problem]) -> dict[str, Any]:
    """The shape of `check --json`."""
    return {
        "schema": "sluice/policy-check/1",
        "ok": policy is not None,
        "source": source,
        "name": policy.name if policy else "",
        "digest": policy.digest if policy else None,
        "problems": [{"line": one.line, "key": one.key, "what": one.what, "cure": one.cure} for one in problems],
    }


def show_shape(policy: GuardrailPolicy) -> dict[str, Any]:
    """The shape of `show --json`."""
    return {"schema": "sluice/policy-show/1", "digest": policy.digest, "policy": policy.model_dump(mode="json")}


def resolved_yaml(policy: GuardrailPolicy) -> str:
    """The policy as a file that names no other one; what is as by default is left out."""
    import yaml

    fields = policy.model_dump(mode="json", exclude_defaults=True)
    for direction in ("input", "output"):
        # As a person writes a check: what it is first, then what it does.
        fields[direction] = [{"id": one["id"], "detector": one["detector"], **one} for one in fields[direction]]
    text = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=120)
    return f"# Resolved: {policy.digest}\n{text}"


def examples_shape(runs: Sequence[ExampleRun]) -> dict[str, Any]:
    """The shape of `test --json`."""
    return {
        "schema": "sluice/policy-test/1",
        "ok": not any(run.differences for run in runs),
        "examples": [
            {
                "name": run.example.name,
                "ok": not run.differences,
                "verdict": run.verdict,
                "rule": run.rule,
                "becomes": run.becomes,
                "differences": [{"part": part, "expected": want, "got": got} for part, want, got in run.differences],
            }
            for run in runs
        ],
    }


def examples_table(runs: Sequence[ExampleRun]) -> Table:
    """One line for each example; of one that differs, each part that does."""
    table = Table("example", "direction", "expected", "got", "")
    for run in runs:
        expected, got = str(run.example.verdict), run.verdict
        if run.differences:
            expected = "\n".join(f"{part}: {want}" for part, want, _ in run.differences)
            got = "\n".join(f"{part}: {was}" for part, _, was in run.differences)
        mark = "[red]differs[/red]" if run.differences else "[green]ok[/green]"
        table.add_row(escape(run.example.name), run.example.direction, escape(expected), escape(got), mark)
    return table


def try_shape(policy: str, direction: Direction, guarded: Guarded) -> dict[str, Any]:
    """The shape of `try --json`."""
    return {
        "schema": "sluice/policy-try/1",
        "policy": policy,
        "direction": direction,
        "verdict": guarded.verdict.value,
        "rule": guarded.rule,
        "message": guarded.message,
        "text": "" if guarded.verdict.value == "block" else guarded.text,
        "checks": [check.model_dump(mode="json", exclude={"direction"}) for check in guarded.checks],
    }


def try_table(guarded: Guarded, text: str) -> Table:
    """One line for each check. The finds are shown: the text is the person's own, typed a moment ago."""
    table = Table("check", "verdict", "score", "ms", "found")
    for column in (2, 3):
        table.columns[column].justify = "right"
    for check in guarded.checks:
        finds = ", ".join(f"{one.entity} {one.start}-{one.end} {text[one.start : one.end]!r}" for one in check.spans)
        table.add_row(
            check.rule, check.verdict, f"{check.score:.2f}", f"{check.milliseconds:.2f}", escape(finds or "-")
        )
    return table


def diff_shape(found: Replay, *, show_text: bool) -> dict[str, Any]:
    """The shape of `diff --json`."""
    from flows.policy_replay import KINDS

    directions: tuple[Direction, ...] = ("input", "output")
    return {
        "schema": "sluice/policy-diff/1",
        "requests": found.requests,
        "without_text": found.without_text,
        "unreadable": found.unreadable,
        "counts": {one: {kind: found.count(kind, one) for kind in KINDS} for one in directions},
        "changes": [
            {
                "response_id": change.response_id,
                "pipeline": change.pipeline,
                "direction": change.direction,
                "kind": change.kind,
                "old": _judged_shape(change.old, show_text=show_text),
                "new": _judged_shape(change.new, show_text=show_text),
            }
            for change in found.changes
        ],
    }


def _judged_shape(judged: Judged, *, show_text: bool) -> dict[str, Any]:
    text = {"text": judged.text} if show_text else {}
    return {"verdict": judged.verdict.value, "rules": list(judged.rules), **text}


def counts_table(found: Replay) -> Table:
    """How much would be different."""
    from flows.policy_replay import KINDS

    table = Table("newly", "input", "output")
    for column in (1, 2):
        table.columns[column].justify = "right"
    for kind in KINDS:
        table.add_row(kind, str(found.count(kind, "input")), str(found.count(kind, "output")))
    return table


def changes_table(found: Replay, *, show_text: bool) -> Table:
    """Which requests: their ids, and the checks that fire; their texts only where that was asked for."""
    table = Table()
    table.add_column("response", no_wrap=True)  # to be copied whole
    for column in ("direction", "newly", "old", "new", *(("old text", "new text") if show_text else ())):
        table.add_column(column)
    for change in found.changes:
        texts = (escape(change.old.text), escape(change.new.text)) if show_text else ()
        table.add_row(change.response_id, change.direction, change.kind, _told(change.old), _told(change.new), *texts)
    return table


def _told(judged: Judged) -> str:
    return escape(f"{judged.verdict.value} {', '.join(judged.rules)}".strip())
