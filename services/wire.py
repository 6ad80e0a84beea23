"""What comes in: OpenAI-shaped request bodies, read strictly. A field that is not followed is refused by name.

Fields whose only accepted value is OpenAI's default (`logprobs: false`, penalties of 0) change nothing and are let
through, since clients send them unasked. What goes out stands in `replies.py`.
"""

from __future__ import annotations

import difflib
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from infra.engines.engine import Message, ToolUse
from services.errors import ApiError
from services.wire_tools import CallSpec, ToolChoice, ToolSpec, tool_use

MAX_MESSAGES = 256
MAX_STOPS = 4
MAX_CHOICES = 8
MAX_TOOLS = 64


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class TextPart(_Body):
    """A piece of a message."""

    type: Literal["text"]
    text: str


Content = str | Annotated[list[TextPart], Field(min_length=1)]


class ChatMessage(_Body):
    """One turn. The system prompt is the pipeline's own, fixed at training: a caller cannot send one."""

    role: Literal["user", "assistant", "tool"]
    content: Content | None = Field(default=None)
    tool_calls: Annotated[list[CallSpec], Field(min_length=1, max_length=MAX_TOOLS)] | None = None
    tool_call_id: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")] | None = None

    @property
    def text(self) -> str:
        """The whole text; parts are joined as they are."""
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        return "".join(part.text for part in self.content)

    @property
    def turn(self) -> Message:
        """As the engine takes it."""
        calls = tuple(call.call for call in self.tool_calls or ())
        return Message(self.role, self.text, calls, self.tool_call_id or "")


class StreamOptions(_Body):
    """What a stream carries besides the answer."""

    include_usage: bool = False
    include_obfuscation: Literal[False] | None = None


class JsonSchemaSpec(_Body):
    """The schema that a caller expects. It must be the pipeline's own."""

    name: str
    json_schema: dict[str, Any] = Field(alias="schema")
    strict: bool | None = None
    description: str | None = None


class TextFormat(_Body):
    """Free text."""

    type: Literal["text"]


class JsonObjectFormat(_Body):
    """Any JSON object."""

    type: Literal["json_object"]


class JsonSchemaFormat(_Body):
    """JSON that fits a schema."""

    type: Literal["json_schema"]
    json_schema: JsonSchemaSpec


ResponseFormat = Annotated[TextFormat | JsonObjectFormat | JsonSchemaFormat, Field(discriminator="type")]
Zero = Annotated[float, Field(ge=0, le=0)]


class ChatRequest(_Body):
    """The body of POST /v1/chat/completions."""

    model: Annotated[str, Field(min_length=1, max_length=256)]
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MAX_MESSAGES)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: str | Annotated[list[str], Field(max_length=MAX_STOPS)] | None = None
    seed: Annotated[int, Field(ge=0, le=2**53 - 1)] | None = None
    response_format: ResponseFormat | None = None
    user: Annotated[str, Field(max_length=512)] | None = None
    safety_identifier: Annotated[str, Field(max_length=512)] | None = None
    n: Annotated[int, Field(ge=1, le=MAX_CHOICES)] | None = None
    tools: Annotated[list[ToolSpec], Field(min_length=1, max_length=MAX_TOOLS)] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    logprobs: Literal[False] | None = None
    frequency_penalty: Zero | None = None
    presence_penalty: Zero | None = None

    @property
    def turns(self) -> tuple[Message, ...]:
        """The caller's messages as the engine takes them."""
        return tuple(message.turn for message in self.messages)

    @property
    def tool_use(self) -> ToolUse | None:
        """The caller's tools. Raises ApiError for a choice of none of them, or a choice without any."""
        return tool_use(self.tools, self.tool_choice, parallel=self.parallel_tool_calls)

    @property
    def stops(self) -> tuple[str, ...]:
        """Where to stop; empty texts stop nothing."""
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(text for text in given if text)

    @property
    def token_limit(self) -> int | None:
        """The caller's own bound on the answer. Raises ApiError when both names are given and differ."""
        if self.max_tokens is not None and self.max_completion_tokens not in (None, self.max_tokens):
            raise ApiError.bad_request("max_tokens and max_completion_tokens differ: give one", param="max_tokens")
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens

    @property
    def subject(self) -> str:
        """Whose data this is, as the caller says: `safety_identifier`, else `user`, else ''."""
        return self.safety_identifier or self.user or ""


class FeedbackRequest(_Body):
    """The body of POST /v1/feedback."""

    response_id: Annotated[str, Field(min_length=1, max_length=64)]
    rating: Literal["up", "down"]
    comment: Annotated[str, Field(max_length=4_000)] | None = None


def parse_chat(body: bytes) -> ChatRequest:
    """Reads a chat request. Raises ApiError (400) that names the first field that is wrong; no value is repeated."""
    try:
        chat = ChatRequest.model_validate_json(body)
    except ValidationError as error:
        raise _api_error(error, ChatRequest) from None
    for index, message in enumerate(chat.messages):
        _check_message(message, f"messages[{index}]")
    return chat


def _check_message(message: ChatMessage, where: str) -> None:
    """Raises ApiError for fields that do not go with the message's role."""
    if message.role != "assistant" and message.tool_calls is not None:
        raise ApiError.bad_request("only an assistant's message has tool_calls", param=f"{where}.tool_calls")
    if (message.role == "tool") != (message.tool_call_id is not None):
        what = "a tool's message, and no other, names the call that it answers"
        raise ApiError.bad_request(what, param=f"{where}.tool_call_id")
    if message.content is None and not message.tool_calls:
        if "content" in message.model_fields_set:
            what = f"the field '{where}.content' does not fit: only a message with tool_calls may be without one"
            raise ApiError.bad_request(what, param=f"{where}.content")
        what = f"the field '{where}.content' is missing"
        raise ApiError.bad_request(what, param=f"{where}.content", code="missing_required_parameter")


def parse_feedback(body: bytes) -> FeedbackRequest:
    """Reads a judgement of an answer. Raises ApiError (400)."""
    try:
        return FeedbackRequest.model_validate_json(body)
    except ValidationError as error:
        raise _api_error(error, FeedbackRequest) from None


def _api_error(error: ValidationError, model: type[BaseModel]) -> ApiError:
    details = error.errors(include_url=False, include_input=False)
    # An unknown field explains more than what follows from it.
    detail = next((found for found in details if found["type"] == "extra_forbidden"), details[0])
    if detail["type"] == "json_invalid" or not detail["loc"]:
        return ApiError.bad_request("the body is not a JSON object in UTF-8", code="invalid_json")
    param = _param(detail)
    if detail["type"] == "extra_forbidden":
        return _unsupported(param, detail, model)
    if detail["type"] == "missing":
        return ApiError.bad_request(f"the field {param!r} is missing", param=param, code="missing_required_parameter")
    if param.endswith(".role"):
        message = (
            "the roles are 'user', 'assistant' and 'tool': the system prompt is the pipeline's own, not a caller's"
        )
        return ApiError.bad_request(message, param=param, code="unsupported_value")
    return ApiError.bad_request(f"the field {param!r} does not fit: {detail['msg']}", param=param, code="invalid_value")


def _unsupported(param: str, detail: ErrorDetails, model: type[BaseModel]) -> ApiError:
    near = difflib.get_close_matches(str(detail["loc"][-1]), model.model_fields, n=1, cutoff=0.8)
    hint = f"; did you mean {near[0]!r}?" if near and len(detail["loc"]) == 1 else ""
    message = f"the field {param!r} is not supported here and was not ignored{hint}"
    return ApiError.bad_request(message, param=param, code="unsupported_parameter")


def _param(detail: ErrorDetails) -> str:
    """The field in OpenAI's way of writing (`messages[0].content`), without the names of our types."""
    text = ""
    for part in detail["loc"]:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _is_field(part):
            text += f".{part}" if text else part
    return text[:128]


def _is_field(part: str) -> bool:
    """Union members appear in pydantic's path under their type's name, e.g. `str` or `list[TextPart]`."""
    return part not in {"str", "text", "json_object"} and "[" not in part
