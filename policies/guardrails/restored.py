"""The last turn of an answer's way: for callers who may see them, originals take the place of stand-ins again.

It stands behind the output checks and behind the record: both see what the model wrote.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from policies.guardrails.guarded import Delta, Ended, InputChecked, Step
from policies.guardrails.pseudonyms import Pseudonyms
from policies.guardrails.restore import Restorer, RestoringStream


async def restored(steps: AsyncIterator[Step], stand_ins: Pseudonyms, *, in_json: bool) -> AsyncIterator[Step]:
    """The steps of one answer with its originals. What is held back of a stream leaves before the last step.

    `in_json`: the answer is JSON, so that originals are written as a JSON string holds them.
    """
    restorer: Restorer | None = None
    stream: RestoringStream | None = None
    async for step in steps:
        if isinstance(step, InputChecked):
            restorer = stand_ins.restorer(in_json=in_json)
        elif isinstance(step, Delta) and restorer is not None:
            stream = stream or restorer.stream()
            if text := stream.push(step.text):
                yield replace(step, text=text)
            continue
        elif isinstance(step, Ended) and restorer is not None:
            if stream is not None and (text := stream.finish()):
                yield Delta(text)
            yield replace(step, text=restorer.whole(step.text))
            continue
        yield step
