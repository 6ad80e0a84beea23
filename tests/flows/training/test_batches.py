"""Packing: every token once, the shared beginning once, each label where the model predicts it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.training.batches import PackedBatch, TrainingRow, encode_rows, pack
from infra.chat_template import ChatTemplate
from infra.contracts.row import SnapshotRow
from infra.errors import BadInput

tokens = st.lists(st.integers(10, 99), min_size=1, max_size=6).map(tuple)
rows = st.lists(
    st.tuples(tokens, tokens).map(lambda two: TrainingRow(two[0] + two[1][:-1], two[1])), min_size=1, max_size=12
)


def unpack(batch: PackedBatch) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Reads each row back by the groups alone: its tokens, and the labels at its positions."""
    label_at = dict(zip(batch.label_positions, batch.labels, strict=True))
    found, start = [], batch.prefix
    for group in batch.groups:
        for _ in range(group.rows):
            end = start + group.tokens
            assert batch.positions[start:end] == tuple(range(batch.prefix, batch.prefix + group.tokens))
            found.append((batch.ids[start:end], tuple(label_at.pop(at) for at in range(start, end) if at in label_at)))
            start = end
    assert start == len(batch.ids)
    assert not label_at
    return found


@settings(deadline=None)
@given(tokens, rows)
def test_what_is_packed_can_be_read_back(prefix: tuple[int, ...], members: list[TrainingRow]) -> None:
    batch = pack(prefix, members)
    assert sorted(unpack(batch)) == sorted((row.ids, row.labels) for row in members)
    assert batch.ids[: batch.prefix] == prefix
    assert batch.positions[: batch.prefix] == tuple(range(len(prefix)))
    assert len(batch.ids) == len(prefix) + sum(len(row.ids) for row in members)
    sizes = [group.tokens for group in batch.groups]
    assert sizes == sorted(set(sizes))


def row(text: str, answer: str) -> SnapshotRow:
    return SnapshotRow(
        row_id="r", split="train", subject="r", language="en", text=text, answer=answer, label="", salt="0" * 32
    )


def test_rows_are_encoded_as_serving_renders_them(tiny_base: Path) -> None:
    template = ChatTemplate.load(tiny_base)
    made = encode_rows([row("Hi", "yes"), row("¿Qué?", "no")], template, system="S", max_row_tokens=200)
    first = made.rows[0]
    whole = [*made.prefix, *first.ids]
    control = template.eos_id
    assert template.decode(made.prefix) == "system\nS\nuser\n"
    assert template.decode(whole) == "system\nS\nuser\nHi\nassistant\nye" + "s"
    assert first.labels == (*template.encode_text("yes"), control)
    assert first.ids[-3:] == tuple(template.encode_text("yes"))
    assert made.lengths == tuple(len(one.ids) for one in made.rows)
    assert made.too_long == 0


def test_a_row_that_is_too_long_is_counted_and_left_out(tiny_base: Path) -> None:
    template = ChatTemplate.load(tiny_base)
    made = encode_rows([row("a" * 150, "yes"), row("Hi", "yes")], template, system="S", max_row_tokens=100)
    assert (len(made.rows), made.too_long) == (1, 1)
    with pytest.raises(BadInput, match="no training row has at most 20 tokens"):
        encode_rows([row("a" * 150, "yes")], template, system="S", max_row_tokens=20)
