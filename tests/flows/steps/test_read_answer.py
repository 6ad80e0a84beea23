"""When an answer is right, and which class it names."""

from __future__ import annotations

import json
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.steps.read_answer import OTHER, AnswerReader
from infra.contracts.model_version import PromptSpec
from infra.contracts.row import SnapshotRow
from infra.errors import BadInput

SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {
            "urgency": {"enum": ["low", "high"]},
            "intent": {"type": "string"},
            "amount": {"type": "number"},
        },
        "required": ["intent", "urgency"],
        "additionalProperties": False,
    }
)
EXPECTED = '{"intent": "refund", "urgency": "high", "amount": 1}'


def row(answer: str, label: str) -> SnapshotRow:
    return SnapshotRow(
        row_id="r1",
        split="test",
        subject="sub-1",
        language="en",
        text="text",
        answer=answer,
        label=label,
        salt="0" * 32,
    )


def reader(schema: str = "") -> AnswerReader:
    prompt = PromptSpec(system="s", answer_format="json" if schema else "text", max_new_tokens=8, json_schema=schema)
    return AnswerReader.of(prompt, [row("", "refund"), row("", "delivery"), row("", "tarjeta perdida")])


TEXT_CASES = [
    ("refund", True, "refund"),
    ("  refund\n", True, "refund"),
    ("Refund", False, OTHER),
    ("refund.", False, OTHER),
    ("delivery", False, "delivery"),
    ("", False, OTHER),
]


@pytest.mark.parametrize(("answer", "exact", "predicted"), TEXT_CASES)
def test_text_is_right_when_equal_but_for_blanks_at_both_ends(answer: str, exact: bool, predicted: str) -> None:
    reading = reader().read(row("refund", "refund"), answer)
    assert (reading.exact, reading.predicted, reading.json_valid) == (exact, predicted, None)


JSON_CASES = [
    (EXPECTED, True, "refund", True),
    ('{"urgency":"high","amount":1.0,"intent":"refund"}', True, "refund", True),
    ('{"intent": "refund", "urgency": "high", "amount": true}', False, "refund", False),
    ('{"intent": "refund", "urgency": "high"}', False, "refund", True),
    ('{"intent": "refund", "urgency": "soon", "amount": 1}', False, "refund", False),
    ('{"intent": "delivery", "urgency": "high", "amount": 1}', False, "delivery", True),
    ('{"intent": "poem", "urgency": "high", "amount": 1}', False, OTHER, True),
    ('{"intent": ["refund"], "urgency": "high", "amount": 1}', False, OTHER, False),
    (EXPECTED + " Anything else?", False, OTHER, False),
    (EXPECTED[:-1], False, OTHER, False),
    ('{"intent": "refund", "urgency": "high", "amount": NaN}', False, OTHER, False),
    ('{"intent": "refund", "urgency": "high", "amount": 9007199254740993}', False, "refund", True),
    ("[" * 100_000, False, OTHER, False),
    ("refund", False, OTHER, False),
    ("", False, OTHER, False),
]


@pytest.mark.parametrize(("answer", "exact", "predicted", "valid"), JSON_CASES)
def test_json_is_right_when_it_is_the_same_value(answer: str, exact: bool, predicted: str, valid: bool) -> None:
    reading = reader(SCHEMA).read(row(EXPECTED, "refund"), answer)
    assert (reading.exact, reading.predicted, reading.json_valid) == (exact, predicted, valid)


def test_without_an_intent_the_first_field_of_the_schema_names_the_class() -> None:
    schema = json.dumps({"type": "object", "properties": {"topic": {}, "tone": {}}})
    found = reader(schema).read(
        row('{"topic": "refund", "tone": "calm"}', "refund"), '{"tone": 1, "topic": "delivery"}'
    )
    assert found.predicted == "delivery"


def test_a_row_without_a_class_has_no_predicted_one() -> None:
    assert reader().read(row("anything", ""), "refund").predicted == ""


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(codec="utf-8")),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=8,
    )
)
@settings(deadline=None)
def test_every_json_value_equals_itself_however_it_is_written(value: object) -> None:
    schema = reader("{}")
    one, other = json.dumps(value, ensure_ascii=True), json.dumps(value, ensure_ascii=False, indent=2)
    assert schema.read(row(one, ""), other).exact
    assert not schema.read(row(json.dumps([value]), ""), other).exact


def test_an_expected_answer_that_is_no_json_is_the_datas_fault_and_named_by_row() -> None:
    with pytest.raises(BadInput, match="r1") as caught:
        reader(SCHEMA).read(row("secret words", "refund"), EXPECTED)
    assert "secret words" not in str(caught.value)


@pytest.mark.parametrize("schema", ['{"type": "objekt"}', "{", '"object"', "[]"])
def test_a_schema_that_is_none_is_refused(schema: str) -> None:
    with pytest.raises(BadInput, match="json_schema"):
        reader(schema)


def test_a_schema_that_names_an_address_is_never_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/schema.json"
        with pytest.raises(BadInput, match="refers to another"):
            reader(json.dumps({"$ref": address})).read(row("{}", ""), "{}")
        with pytest.raises(TimeoutError):
            listening.accept()


def test_a_class_under_another_name_is_found_by_the_answers_that_have_it() -> None:
    """flows/steps/class_names.py gives numbers to classes whose own name may not stand in the clear."""
    text = AnswerReader.of(
        PromptSpec(system="s", answer_format="text", max_new_tokens=8),
        [row("desk@example.com", "<class 1>"), row("refund", "refund"), row("lonely words", "<own>"), row("mute", "")],
    )
    expected = row("desk@example.com", "<class 1>")
    named = [text.read(expected, answer).predicted for answer in ("desk@example.com ", "refund", "lonely words", "x")]
    assert named == ["<class 1>", "refund", "<own>", OTHER]
    assert text.read(expected, "mute").predicted == OTHER
    json_answer = '{"intent": "call 600 123 456", "urgency": "low"}'
    json_reader = AnswerReader.of(
        PromptSpec(system="s", answer_format="json", max_new_tokens=8, json_schema=SCHEMA),
        [row(json_answer, "<class 1>")],
    )
    assert json_reader.read(row(json_answer, "<class 1>"), json_answer).predicted == "<class 1>"
    assert json_reader.read(row(json_answer, "<class 1>"), "no JSON").predicted == OTHER
