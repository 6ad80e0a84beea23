"""The last turn of an answer's way: for callers who may see them, originals take the place of stand-ins again.

It stands behind the output checks and behind the record: both see what the model wrote. Each choice's text and each
call's arguments are texts of their own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

from policies.guardrails.choice import CallDelta, ChoiceEnded, Delta
from policies.guardrails.guarded import Ended, InputChecked, Step
from policies.guardrails.pseudonyms import Pseudonyms
from policies.guardrails.restore import RestoringStream

_TEXT = -1
"""Stands for the text of a choice where a call has its index."""


async def restored(steps: AsyncIterator[Step], stand_ins: Pseudonyms, *, in_json: bool) -> AsyncIterator[Step]:
    """The steps of one answer with its originals. What is held back of a stream leaves before the last step.

    `in_json`: the answer is JSON, so that originals are written as a JSON string holds them.
    """
    lanes: _Lanes | None = None
    async for step in steps:
        if isinstance(step, InputChecked):
            lanes = _Lanes(stand_ins, in_json=in_json)
            yield step
        elif lanes is None:
            yield step
        elif isinstance(step, Delta):
            if (passed := lanes.pass_on(step)) is not None:
                yield passed
        else:
            for rest in lanes.rest():
                yield rest
            yield lanes.whole(step)


class _Lanes:
    """The texts of one answer."""

    def __init__(self, stand_ins: Pseudonyms, *, in_json: bool) -> None:
        self._texts = stand_ins.restorer(in_json=in_json)
        self._arguments = stand_ins.restorer(in_json=True)
        self._open: dict[tuple[int, int], RestoringStream] = {}

    def pass_on(self, delta: Delta) -> Delta | None:
        """What may leave of a piece; None while all of it is held back."""
        call = delta.call
        if call is None:
            text = self._stream(delta.choice, _TEXT).push(delta.text)
            return replace(delta, text=text) if text else None
        arguments = self._stream(delta.choice, call.index).push(call.arguments)
        first = bool(call.id or call.name)
        return replace(delta, call=replace(call, arguments=arguments)) if arguments or first else None

    def rest(self) -> Iterator[Delta]:
        """What was held back at the end."""
        for (choice, index), stream in self._open.items():
            if text := stream.finish():
                yield Delta(text, choice) if index == _TEXT else Delta("", choice, CallDelta(index, "", "", text))

    def whole(self, ended: Ended) -> Ended:
        """The last step with its originals."""
        return replace(ended, text=self._texts.whole(ended.text), choices=tuple(map(self._choice, ended.choices)))

    def _choice(self, choice: ChoiceEnded) -> ChoiceEnded:
        calls = tuple(replace(call, arguments=self._arguments.whole(call.arguments)) for call in choice.calls)
        return replace(choice, text=self._texts.whole(choice.text), calls=calls)

    def _stream(self, choice: int, index: int) -> RestoringStream:
        restorer = self._texts if index == _TEXT else self._arguments
        return self._open.setdefault((choice, index), restorer.stream())
