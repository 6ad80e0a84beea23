"""Tools as OpenAI-shaped requests name them: the caller's functions, which one to call, and calls made before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from infra.engines.engine import Tool, ToolCall, ToolUse
from services.errors import ApiError

_MAX_ARGUMENTS = 65_536
"""Code points of one call's arguments; the body as a whole has a limit of its own."""
FunctionName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class FunctionSpec(_Body):
    """A function that the caller can run."""

    name: FunctionName
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ToolSpec(_Body):
    """A tool. Functions are the only kind."""

    type: Literal["function"]
    function: FunctionSpec

    @property
    def tool(self) -> Tool:
        """As the engine takes it: what was not given is left out."""
        definition = self.function.model_dump(mode="json", exclude_none=True)
        return Tool(self.function.name, json.dumps(definition, ensure_ascii=False))


class NamedFunction(_Body):
    """A function by its name."""

    name: FunctionName


class NamedTool(_Body):
    """The one tool that must be called."""

    type: Literal["function"]
    function: NamedFunction


ToolChoice = Literal["none", "auto", "required"] | NamedTool


class CalledFunction(_Body):
    """What was called, with its arguments as JSON text."""

    name: FunctionName
    arguments: Annotated[str, Field(max_length=_MAX_ARGUMENTS)]


class CallSpec(_Body):
    """A call in a turn of the assistant."""

    id: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
    type: Literal["function"]
    function: CalledFunction

    @property
    def call(self) -> ToolCall:
        """As the engine takes it."""
        return ToolCall(self.id, self.function.name, self.function.arguments)


def tool_use(tools: Sequence[ToolSpec] | None, choice: ToolChoice | None, *, parallel: bool | None) -> ToolUse | None:
    """The tools of a request, or None. Raises ApiError where the fields contradict each other."""
    if tools is None:
        for param, given in (("tool_choice", choice), ("parallel_tool_calls", parallel)):
            if given is not None and given != "none":
                raise ApiError.bad_request(f"{param} needs tools", param=param)
        return None
    names = [tool.function.name for tool in tools]
    if len(set(names)) < len(names):
        raise ApiError.bad_request("two tools have the same name", param="tools")
    functions = tuple(tool.tool for tool in tools)
    if isinstance(choice, NamedTool):
        if choice.function.name not in names:
            raise ApiError.bad_request("tool_choice names none of the tools", param="tool_choice")
        return ToolUse(functions, "named", choice.function.name, parallel)
    return ToolUse(functions, choice or "auto", "", parallel)
