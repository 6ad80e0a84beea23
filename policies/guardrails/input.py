"""Checks of what goes in: the whole text is there, so every check sees all of it."""

from __future__ import annotations

from collections.abc import Sequence

from policies.guardrails.check import CompiledCheck, Guarded, combine, run_in_time
from policies.guardrails.passage import Passage
from policies.verdict import Verdict


def check_text(checks: Sequence[CompiledCheck], passage: Passage) -> Guarded:
    """Runs the checks in their order over the original text; what they redact is redacted at the end, at once.

    All run, so that the record is complete; only a text that is too long spares the rest the work.
    """
    results = run_in_time(
        checks, passage, ends=lambda check, result: check.ends_all and result.verdict is Verdict.BLOCK
    )
    return combine(results, passage.original)
