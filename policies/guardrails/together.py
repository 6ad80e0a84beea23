"""Several async generators as one: each step as it comes, one failure ends all, and closing the one closes all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TypeVar

Item = TypeVar("Item")
_WAITING = 8
"""Items that wait to be taken, for each generator: whoever reads slowly slows all."""


_Queue = asyncio.Queue[tuple[Item] | BaseException | None]
"""An item, what a source raised, or None at the end of a source."""


async def together(sources: Sequence[AsyncGenerator[Item, None]]) -> AsyncGenerator[Item, None]:
    """Yields what the sources yield, each in its own order. Raises what the first to fail raises."""
    if len(sources) == 1:
        async with aclosing(sources[0]) as only:
            async for item in only:
                yield item
        return
    queue: _Queue[Item] = asyncio.Queue(_WAITING * len(sources))
    readers = [asyncio.create_task(_read(source, queue)) for source in sources]
    try:
        left = len(readers)
        while left:
            came = await queue.get()
            if isinstance(came, BaseException):
                raise came
            if came is None:
                left -= 1
            else:
                yield came[0]
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


async def _read(source: AsyncGenerator[Item, None], queue: _Queue[Item]) -> None:
    try:
        async with aclosing(source) as items:
            async for item in items:
                await queue.put((item,))
    except Exception as error:  # handed on to the reader
        await queue.put(error)
    else:
        await queue.put(None)
