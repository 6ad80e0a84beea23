"""Guard, generate, guard: the one path that serving and evaluation both take, with the engine handed in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Literal

from infra.contracts.audit import CheckRecord, Outcome, SpanRecord
from infra.engines.engine import Chunk, Engine, Generation, Message, Sampling
from policies.checks import Language
from policies.guardrails.check import Guarded
from policies.guardrails.compiled import Guards
from policies.guardrails.language import detect_language
from policies.guardrails.normalise import plain
from policies.guardrails.pseudonyms import StandIns
from policies.guardrails.stream import OutputStream
from policies.verdict import Verdict, strictest


@dataclass(frozen=True)
class InputChecked:
    """The first step: what the caller sent was checked. `messages` is what the engine gets."""

    verdict: Verdict
    checks: tuple[CheckRecord, ...]
    """One per check; spans are offsets into the caller's messages joined by line breaks."""
    messages: tuple[Message, ...]
    prompt_tokens: int
    """Of the prompt that the engine gets; 0 where it gets none."""


@dataclass(frozen=True)
class Delta:
    """Text that was checked and may leave. Only when streaming."""

    text: str


@dataclass(frozen=True)
class Ended:
    """The last step."""

    outcome: Outcome
    finish_reason: Literal["stop", "length", "content_filter"]
    rule: str
    """Id of the check that blocked, or ''."""
    checks: tuple[CheckRecord, ...]
    """Of the input and of the output."""
    prompt_tokens: int
    completion_tokens: int
    text: str
    """The whole answer as it left. Where it was blocked: what had left before, '' when not streaming."""
    message: str = ""
    """What the policy tells the caller when it blocked."""


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
) -> AsyncGenerator[Step, None]:
    """Answers one request: InputChecked, then Deltas when streaming, then Ended.

    A first message of the system is the pipeline's own and is not checked; all others are the caller's. The engine is
    not called for what the input check blocks, and stops as soon as the output is blocked or this generator is closed.
    `stand_ins` are the conversation's: they leave as they are, and whoever may put originals in their place does so
    with the steps (restored.py). Checks run in threads. Raises what the engine raises (PartFailed, BadInput).
    """
    language = language or _language_of(messages)
    checked = await asyncio.to_thread(_check_messages, guards, messages, language, stand_ins)
    if checked.verdict is Verdict.BLOCK:
        yield InputChecked(checked.verdict, checked.checks, (), 0)
        yield Ended("blocked", "content_filter", checked.rule, checked.checks, 0, 0, "", checked.message)
        return
    prompt_tokens = engine.count_tokens(checked.messages)
    yield InputChecked(checked.verdict, checked.checks, checked.messages, prompt_tokens)
    output = guards.stream(language, stand_ins)
    last = Chunk("", prompt_tokens, 0)
    request = Generation(checked.messages, _constrained(sampling, guards, engine))
    async with aclosing(engine.generate(request)) as chunks:  # type: ignore[type-var]
        async for chunk in chunks:
            last = chunk
            released = await _push(output, chunk.text)
            if stream and released:
                yield Delta(released)
            if output.blocked:
                break
    released = await asyncio.to_thread(output.finish)
    if stream and released:
        yield Delta(released)
    yield _ended(output, last, checked.checks, stream=stream)


@dataclass(frozen=True)
class _CheckedMessages:
    verdict: Verdict
    rule: str
    message: str
    checks: tuple[CheckRecord, ...]
    messages: tuple[Message, ...]


def _check_messages(
    guards: Guards, messages: tuple[Message, ...], language: Language, stand_ins: StandIns | None
) -> _CheckedMessages:
    own = messages[:1] if messages and messages[0].role == "system" else ()
    theirs = messages[len(own) :]
    results = [guards.check_input(message.content, language, stand_ins) for message in theirs]
    blocking = next((result for result in results if result.verdict is Verdict.BLOCK), None)
    passed = tuple(replace(message, content=result.text) for message, result in zip(theirs, results, strict=True))
    return _CheckedMessages(
        strictest(result.verdict for result in results),
        blocking.rule if blocking else "",
        blocking.message if blocking else "",
        _joined(theirs, results),
        (*own, *passed),
    )


def _joined(messages: Sequence[Message], results: Sequence[Guarded]) -> tuple[CheckRecord, ...]:
    """One record per check over all messages, with spans as if they were joined by line breaks."""
    merged: dict[str, CheckRecord] = {}
    offset = 0
    for message, result in zip(messages, results, strict=True):
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
        offset += len(message.content) + 1
    return tuple(merged.values())


def _moved(span: SpanRecord, offset: int) -> SpanRecord:
    return span.model_copy(update={"start": span.start + offset, "end": span.end + offset})


def _language_of(messages: Sequence[Message]) -> Language:
    """The language of the caller's last message: settled before the first check."""
    asked = [message.content for message in messages if message.role == "user"]
    return detect_language(plain(asked[-1])) if asked else "en"


def _constrained(sampling: Sampling, guards: Guards, engine: Engine) -> Sampling:
    """The pipeline's schema goes to engines that can follow one; the output check looks at the answers of all."""
    schema = sampling.json_schema or guards.json_schema
    return replace(sampling, json_schema=schema if engine.capabilities.json_schema else "")


async def _push(output: OutputStream, text: str) -> str:
    return await asyncio.to_thread(output.push, text) if output.due(text) else output.push(text)


def _ended(output: OutputStream, last: Chunk, before: tuple[CheckRecord, ...], *, stream: bool) -> Ended:
    checks = (*before, *output.checks)
    if output.blocked:
        text = output.text if stream else ""
        counts = (last.prompt_tokens, last.completion_tokens)
        return Ended("blocked", "content_filter", output.rule, checks, *counts, text, output.message)
    cancelled = last.finish == "cancelled"
    return Ended(
        "cancelled" if cancelled else "answered",
        "length" if last.finish == "length" else "stop",
        "",
        checks,
        last.prompt_tokens,
        last.completion_tokens,
        output.text,
    )
