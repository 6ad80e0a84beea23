"""The program of one redaction process: loads a policy once, then redacts batch after batch from its standard input.

    in, first   the policy, as canonical JSON              out   {"ready": true} or {"failed": ..., "cure": ...}
    in, then    {"texts": [...], "languages": [...]}       out   {"rows": [[text, [[start, end, entity], ...]], ...]}

A row is null where a check failed on it, and its text is null where nothing was found in it. Ends with its input, so
that nobody is left behind when the process that asks is killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from flows.steps.redact_texts import RedactedText, Redactor, redact_each


def main() -> None:
    """Serves until the input ends."""
    from infra.private import stay_private
    from infra.quiet import hush
    from infra.textless import hide_texts

    # Ctrl-C reaches the whole group: whoever asks decides, and closes the input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hush()
    stay_private()
    hide_texts()
    say = _own_output()
    lines = iter(sys.stdin.buffer)
    try:
        redactor = _load(next(lines))
    except Exception as error:
        say(_failure(error))
        return
    say({"ready": True})
    for line in lines:
        asked = json.loads(line)
        results = redact_each(redactor, asked["texts"], asked["languages"])
        say({"rows": [_row(one) for one in results]})


def _own_output() -> Callable[[dict[str, Any]], None]:
    """Writes answers where nothing else does: what a library prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def say(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()

    return say


def _load(policy: bytes) -> Redactor:
    from flows.steps.load_guards import load_guards
    from policies.policy import GuardrailPolicy

    return load_guards(GuardrailPolicy.from_json(policy))


def _failure(error: Exception) -> dict[str, Any]:
    from infra.errors import SluiceError

    if isinstance(error, SluiceError):
        return {"failed": error.what, "cure": error.cure}
    return {"failed": f"the checks could not be loaded: {type(error).__name__}", "cure": "sluice doctor"}


def _row(result: RedactedText | None) -> list[Any] | None:
    if result is None:
        return None
    spans = [[span.start, span.end, span.entity] for span in result.spans]
    return [result.text if spans else None, spans]


if __name__ == "__main__":
    main()
