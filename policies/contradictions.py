"""What does not go together in a guardrail policy, though each key is well formed: told all at once, with the cure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from infra.yaml_document import Path
from infra.yaml_problem import BadValue
from policies.checks import CheckBase, Direction, PiiCheck

if TYPE_CHECKING:
    from policies.policy import GuardrailPolicy

_BUFFER = "say `stream: buffer` or `stream: buffer_when_needed`"


def contradictions(policy: GuardrailPolicy) -> Iterator[BadValue]:
    """Everything in the policy that contradicts something else in it."""
    directions: tuple[tuple[Direction, Sequence[CheckBase]], ...] = (
        ("input", policy.input),
        ("output", policy.output),
    )
    for direction, checks in directions:
        ids = [check.id for check in checks]
        for index, check in enumerate(checks):
            place: Path = (direction, index)
            if check.id in ids[:index]:
                what = f"two {direction} checks have the same id"
                yield BadValue(what, cure="give each check an id of its own", key=(*place, "id"))
            yield from _in_one_check(check, direction, place)
    yield from _in_the_stream(policy)
    yield from _in_the_examples(policy)
    if policy.extends:
        what = "the text of the policy that this one extends is not there"
        yield BadValue(what, cure="read the file by its name or path: sluice policy show NAME", key=("extends",))
    elif policy.without:
        yield BadValue("without goes with extends", cure="add `extends:`, or delete it", key=("without",))


def _in_one_check(check: CheckBase, direction: Direction, place: Path) -> Iterator[BadValue]:
    asks = check.action == "retry"
    if asks and direction == "input":
        cure = "block: only an answer can be asked for again"
        yield BadValue("retry is an action for output checks", cure=cure, key=(*place, "action"))
    elif asks and check.retry is None:
        cure = "add `retry: {tries: 1, correction: What the model is told}`"
        yield BadValue("action: retry must say how", cure=cure, key=(*place, "action"))
    if check.retry is not None and not asks:
        yield BadValue("goes with action: retry only", cure="delete it", key=(*place, "retry"))
    if check.on_error == "open" and check.open_because is None:
        cure = "add `open_because:` with the reason, or delete `on_error`: a check that fails then blocks"
        yield BadValue("on_error: open lets texts go on unchecked", cure=cure, key=(*place, "on_error"))
    if check.on_error == "closed" and check.open_because is not None:
        yield BadValue("goes with on_error: open only", cure="delete it", key=(*place, "open_because"))
    if isinstance(check, PiiCheck):
        named = [rule.entity for rule in check.options.rules or ()]
        for index, entity in enumerate(named):
            if entity in named[:index]:
                key = (*place, "options", "entities", index)
                yield BadValue("the entity stands twice", cure="delete one of the two", key=key)


def _in_the_stream(policy: GuardrailPolicy) -> Iterator[BadValue]:
    """A stream that is held back cannot wait for a whole message, and cannot take back what has left."""
    if policy.stream != "holdback":
        return
    for check in policy.output:
        if check.whole:
            yield BadValue(f"{check.detector} needs the whole message", cure=_BUFFER, key=("stream",))
        elif check.action == "retry":
            yield BadValue(f"check {check.id} asks for a whole answer again", cure=_BUFFER, key=("stream",))


def _in_the_examples(policy: GuardrailPolicy) -> Iterator[BadValue]:
    known = {check.id for check in (*policy.input, *policy.output)}
    for index, example in enumerate(policy.examples):
        if example.rule and example.rule not in known:
            what = f"the example names a check that is not there: {example.rule[:60]}"
            cure = f"one of: {', '.join(sorted(known))}"
            yield BadValue(what, cure=cure, key=("examples", index, "rule"))
