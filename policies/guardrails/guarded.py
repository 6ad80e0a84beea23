"""Guard, generate, guard: the one path that serving and evaluation both take, with the engine handed in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Literal

from infra.contracts.request_events import CheckRecord, Outcome, SpanRecord
from infra.engines.engine import Engine, Generation, Message, Sampling, ToolUse
from policies.checks import Language
from policies.guardrails.check import Guarded
from policies.guardrails.choice import Choice, ChoiceEnded, Delta, seeded
from policies.guardrails.compiled import Guards
from policies.guardrails.conversation import TOOLS_RULE, BrokenTool, Conversation
from policies.guardrails.language import detect_language
from policies.guardrails.normalise import plain
from policies.guardrails.operators import StandIns
from policies.guardrails.together import together
from policies.verdict import Verdict, strictest

__all__ = ["ChoiceEnded", "Delta", "Ended", "InputChecked", "Step", "answer"]


@dataclass(frozen=True)
class InputChecked:
    """The first step: what the caller sent was checked. `messages` is what the engine gets."""

    verdict: Verdict
    checks: tuple[CheckRecord, ...]
    """One per check; spans are offsets into the caller's texts (messages, arguments, definitions of tools) joined by
    line breaks."""
    messages: tuple[Message, ...]
    prompt_tokens: int
    """Of the prompt that the engine gets; 0 where it gets none."""


@dataclass(frozen=True)
class Ended:
    """The last step. Of several choices, `finish_reason`, `text` and `message` are those of the first."""

    outcome: Outcome
    """blocked: no choice was answered."""
    finish_reason: Literal["stop", "length", "tool_calls", "content_filter"]
    rule: str
    """Id of the first check that blocked, or ''."""
    checks: tuple[CheckRecord, ...]
    """Of the input and of the output."""
    prompt_tokens: int
    completion_tokens: int
    """Of all choices."""
    text: str
    """The whole answer as it left. Where it was blocked: what had left before, '' when not streaming."""
    message: str = ""
    """What the policy tells the caller when it blocked."""
    choices: tuple[ChoiceEnded, ...] = ()
    """Each choice; none where the input was blocked."""


Step = InputChecked | Delta | Ended


async def answer(
    guards: Guards,
    engine: Engine,
    messages: tuple[Message, ...],
    sampling: Sampling,
    *,
    stream: bool,
    language: Language | None = None,
    stand_ins: StandIns | None = None,
    tools: ToolUse | None = None,
    choices: int = 1,
    owner: str | None = None,
) -> AsyncGenerator[Step, None]:
    """Answers one request: InputChecked, then Deltas when streaming, then Ended.

    A first message of the system is the pipeline's own and is not checked; all others are the caller's. The engine is
    not called for what the input check blocks, and stops as soon as the output is blocked or this generator is closed.
    It is asked again, where the policy says so, before any of an answer leaves, and once for each choice, with a seed
    of its own. `stand_ins` are the conversation's; for `owner` models keep what they said of its texts. Checks run in
    threads. Raises what the engine raises (PartFailed, BadInput), and ChecksStuck.
    """
    language = language or language_of(messages)
    asked_for = Conversation(messages, tools)
    checked = await asyncio.to_thread(_check_messages, guards, asked_for, language, stand_ins, owner)
    if checked.verdict is Verdict.BLOCK:
        yield InputChecked(checked.verdict, checked.checks, (), 0)
        yield Ended("blocked", "content_filter", checked.rule, checked.checks, 0, 0, "", checked.message)
        return
    asked = checked.conversation
    prompt_tokens = engine.count_tokens(asked.messages)
    yield InputChecked(checked.verdict, checked.checks, asked.messages, prompt_tokens)
    request = Generation(asked.messages, _constrained(sampling, guards, engine), asked.tools)
    under_way = [
        Choice(guards, language, seeded(request, index), index, stream=stream, stand_ins=stand_ins).steps(
            engine, prompt_tokens
        )
        for index in range(choices)
    ]
    ends: list[ChoiceEnded] = []
    async with aclosing(together(under_way)) as steps:
        async for step in steps:
            if isinstance(step, ChoiceEnded):
                ends.append(step)
            else:
                yield step
    yield _ended(sorted(ends, key=lambda end: end.index), checked.checks)


@dataclass(frozen=True)
class _CheckedMessages:
    verdict: Verdict
    rule: str
    message: str
    checks: tuple[CheckRecord, ...]
    conversation: Conversation


def _check_messages(
    guards: Guards, asked: Conversation, language: Language, stand_ins: StandIns | None, owner: str | None
) -> _CheckedMessages:
    own = asked.messages[:1] if asked.messages and asked.messages[0].role == "system" else ()
    theirs = Conversation(asked.messages[len(own) :], asked.tools)
    texts = theirs.texts
    results = [guards.check_input(text, language, stand_ins, owner=owner) for text in texts]
    blocking = next((result for result in results if result.verdict is Verdict.BLOCK), None)
    verdict, rule = strictest(result.verdict for result in results), blocking.rule if blocking else ""
    passed = Conversation(())
    if blocking is None:
        try:
            passed = theirs.with_texts([result.text for result in results])
        except BrokenTool:
            verdict, rule = Verdict.BLOCK, TOOLS_RULE
    return _CheckedMessages(
        verdict,
        rule,
        blocking.message if blocking else "",
        _joined(texts, results),
        Conversation((*own, *passed.messages), passed.tools),
    )


def _joined(texts: Sequence[str], results: Sequence[Guarded]) -> tuple[CheckRecord, ...]:
    """One record per check over all texts, with spans as if they were joined by line breaks."""
    merged: dict[str, CheckRecord] = {}
    offset = 0
    for text, result in zip(texts, results, strict=True):
        for record in result.checks:
            moved = tuple(_moved(span, offset) for span in record.spans)
            known = merged.get(record.rule)
            merged[record.rule] = record.model_copy(
                update={
                    "verdict": strictest(map(Verdict, (record.verdict, *((known.verdict,) if known else ())))).value,
                    "score": max(record.score, known.score if known else 0.0),
                    "milliseconds": round(record.milliseconds + (known.milliseconds if known else 0.0), 3),
                    "spans": (*(known.spans if known else ()), *moved),
                }
            )
        offset += len(text) + 1
    return tuple(merged.values())


def _moved(span: SpanRecord, offset: int) -> SpanRecord:
    return span.model_copy(update={"start": span.start + offset, "end": span.end + offset})


def language_of(messages: Sequence[Message]) -> Language:
    """The language of the caller's last message: settled before the first check."""
    asked = [message.content for message in messages if message.role == "user"]
    return detect_language(plain(asked[-1])) if asked else "en"


def _constrained(sampling: Sampling, guards: Guards, engine: Engine) -> Sampling:
    """The pipeline's schema goes to engines that can follow one; the output check looks at the answers of all."""
    schema = sampling.json_schema or guards.json_schema
    return replace(sampling, json_schema=schema if engine.capabilities.json_schema else "")


def _ended(ends: Sequence[ChoiceEnded], before: tuple[CheckRecord, ...]) -> Ended:
    first = ends[0]
    blocked = [end for end in ends if end.finish_reason == "content_filter"]
    outcome: Outcome = "blocked" if len(blocked) == len(ends) else "answered"
    if any(end.finish_reason == "cancelled" for end in ends):
        outcome = "cancelled"
    return Ended(
        outcome,
        "stop" if first.finish_reason == "cancelled" else first.finish_reason,
        blocked[0].rule if blocked else "",
        (*before, *(record for end in ends for record in end.checks)),
        first.prompt_tokens,
        sum(end.completion_tokens for end in ends),
        first.text,
        blocked[0].message if blocked else "",
        tuple(ends),
    )
