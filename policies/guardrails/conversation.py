"""The texts of a request that reach a model, in order, and the request with checked texts in their places.

A caller's messages, the arguments of calls in them, what tools answered, and the definitions of tools: all are checked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from infra.engines.engine import Message, Tool, ToolUse

TOOLS_RULE = "tool-definitions"
"""Rule of a block because a redaction would have broken the definition of a tool."""


class BrokenTool(ValueError):
    """A tool's definition is none any more once it is redacted."""


@dataclass(frozen=True)
class Conversation:
    """What the caller sent: messages, and tools or None."""

    messages: tuple[Message, ...]
    tools: ToolUse | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text that a model would read."""
        return tuple(self._texts())

    def _texts(self) -> Iterator[str]:
        for message in self.messages:
            yield message.content
            for call in message.calls:
                yield call.arguments
        if self.tools:
            yield from (tool.definition for tool in self.tools.tools)

    def with_texts(self, texts: Sequence[str]) -> Conversation:
        """The same with other texts. Raises BrokenTool where a definition is no JSON object of that name any more."""
        left = iter(texts)
        messages = tuple(
            replace(
                message,
                content=next(left),
                calls=tuple(replace(call, arguments=next(left)) for call in message.calls),
            )
            for message in self.messages
        )
        if self.tools is None:
            return Conversation(messages)
        tools = tuple(_redefined(tool, next(left)) for tool in self.tools.tools)
        return Conversation(messages, replace(self.tools, tools=tools))


def _redefined(tool: Tool, definition: str) -> Tool:
    if definition == tool.definition:
        return tool
    try:
        name = json.loads(definition)["name"]
    except (ValueError, TypeError, KeyError, RecursionError):
        name = None
    if name != tool.name:
        raise BrokenTool
    return replace(tool, definition=definition)
