"""Checks of what comes out: a whole answer is a stream that is pushed at once, so that the two can never differ."""

from __future__ import annotations

from policies.guardrails.check import Guarded
from policies.guardrails.stream import OutputStream


def check_whole(stream: OutputStream, text: str) -> Guarded:
    """Sends a whole answer through a fresh stream."""
    stream.push(text)
    stream.finish()
    return Guarded(stream.text, stream.verdict, stream.rule, stream.checks, stream.message, stream.spans)
