"""Bodies as clients send them: what is taken, what is refused by name, and that no refusal repeats a value."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.engines.engine import Message
from services.errors import ApiError
from services.wire import ChatRequest, parse_chat, parse_feedback

SECRET = "Ana-12345678Z"
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
CALL = {"id": "call-1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
PLAIN: dict[str, Any] = {"model": "triage", "messages": [{"role": "user", "content": SECRET}]}


def refused(**changes: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        chat = parse_chat(json.dumps(PLAIN | changes).encode())
        assert chat.token_limit or chat.tool_use
    error = caught.value
    assert error.status == 400 and SECRET not in json.dumps(error.body())
    return error


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]},
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, PLAIN["messages"][0]]},
        {"stream": True, "stream_options": {"include_usage": True}},
        {"temperature": 0.7, "top_p": 1, "max_tokens": 5, "seed": 3, "stop": ["\n"], "user": "u", "n": 1},
        {"temperature": 1, "max_completion_tokens": 5, "max_tokens": 5, "stop": "x", "safety_identifier": "s"},
        {"response_format": {"type": "text"}},
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}, "strict": True}}},
        {"n": 8, "temperature": 1},
        {"tools": [TOOL], "tool_choice": "required", "parallel_tool_calls": False},
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "look"}}},
        {
            "messages": [
                PLAIN["messages"][0],
                {"role": "assistant", "content": None, "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "call-1", "content": "found"},
            ]
        },
        {"logprobs": False, "frequency_penalty": 0, "presence_penalty": 0.0, "temperature": None},
    ],
)
def test_what_clients_send_is_taken(changes: dict[str, Any]) -> None:
    assert parse_chat(json.dumps(PLAIN | changes).encode()).model == "triage"


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"tools": []}, "invalid_value", "tools"),
        ({"tools": [{"type": "custom", "function": {"name": "a"}}]}, "invalid_value", "tools[0].type"),
        (
            {"tools": [{"type": "function", "function": {"name": SECRET + "!"}}]},
            "invalid_value",
            "tools[0].function.name",
        ),
        ({"tools": [TOOL, TOOL]}, "invalid_value", "tools"),
        ({"tool_choice": "auto"}, "invalid_value", "tool_choice"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "other"}}},
            "invalid_value",
            "tool_choice",
        ),
        (
            {"messages": [{"role": "user", "content": "a", "tool_calls": [CALL]}]},
            "invalid_value",
            "messages[0].tool_calls",
        ),
        (
            {"messages": [{"role": "user", "content": "a", "tool_call_id": "c"}]},
            "invalid_value",
            "messages[0].tool_call_id",
        ),
        ({"messages": [{"role": "tool", "content": SECRET}]}, "invalid_value", "messages[0].tool_call_id"),
        ({"messages": [{"role": "assistant", "content": None}]}, "invalid_value", "messages[0].content"),
        ({"logit_bias": {"5": 1}}, "unsupported_parameter", "logit_bias"),
        ({"functions": None}, "unsupported_parameter", "functions"),
        ({"stream_options": {"every": 1}}, "unsupported_parameter", "stream_options.every"),
        ({"n": 9}, "invalid_value", "n"),
        ({"n": 0}, "invalid_value", "n"),
        ({"logprobs": True}, "invalid_value", "logprobs"),
        ({"frequency_penalty": 0.1}, "invalid_value", "frequency_penalty"),
        ({"temperature": 2.1}, "invalid_value", "temperature"),
        ({"temperature": "1"}, "invalid_value", "temperature"),
        ({"seed": 2**53}, "invalid_value", "seed"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "invalid_value", "stop"),
        ({"max_tokens": 0}, "invalid_value", "max_tokens"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "invalid_value", "max_tokens"),
        ({"messages": []}, "invalid_value", "messages"),
        ({"messages": [{"role": "system", "content": SECRET}]}, "unsupported_value", "messages[0].role"),
        ({"messages": [{"role": "developer", "content": SECRET}]}, "unsupported_value", "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "missing_required_parameter", "messages[0].content"),
        ({"messages": [{"role": "user", "content": None}]}, "invalid_value", "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": SECRET}}]}]},
            "unsupported_parameter",
            "messages[0].content[0].image_url",
        ),
        ({"messages": [{"role": "user", "content": "a", "name": SECRET}]}, "unsupported_parameter", "messages[0].name"),
        ({"response_format": {"type": "xml"}}, "invalid_value", "response_format"),
    ],
)
def test_what_cannot_be_followed_is_refused_by_name(changes: dict[str, Any], code: str, param: str) -> None:
    error = refused(**changes)
    assert (error.code, error.param) == (code, param)


def test_a_slip_of_the_pen_is_recognised() -> None:
    assert "did you mean 'temperature'?" in refused(temprature=1).message


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b"\xff\xfe", b"{} {}", b"null"])
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        parse_chat(body)
    assert caught.value.status == 400 and caught.value.code == "invalid_json"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(sorted(ChatRequest.model_fields)),
)
def test_any_value_of_any_field_is_taken_or_refused_with_its_field(value: object, field: str) -> None:
    try:
        parse_chat(json.dumps(PLAIN | {field: value}).encode())
    except ApiError as error:
        assert error.status == 400 and (error.param or "").startswith(field)


def test_parts_are_joined_and_identifiers_have_an_order() -> None:
    parts = [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]
    chat = parse_chat(
        json.dumps(
            PLAIN
            | {"messages": [{"role": "user", "content": parts}], "user": "u", "safety_identifier": "s", "stop": ""}
        ).encode()
    )
    assert chat.turns == (Message("user", "one two"),) and chat.subject == "s" and chat.stops == ()


def test_feedback_is_read_as_strictly() -> None:
    assert parse_feedback(b'{"response_id": "r", "rating": "up"}').comment is None
    with pytest.raises(ApiError, match="not supported") as caught:
        parse_feedback(b'{"response_id": "r", "rating": "up", "stars": 5}')
    assert caught.value.param == "stars"
    with pytest.raises(ApiError) as caught:
        parse_feedback(b'{"response_id": "r", "rating": "meh"}')
    assert caught.value.param == "rating"
