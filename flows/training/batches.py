"""Rows -> tokens -> packed batches: no padding anywhere, and the beginning that all rows share stands once in a batch.

A packed batch is one sequence of tokens: the shared prefix (the system turn and the user header), then the rows' own
tokens one after the other, sorted by length. Rows of one length form a group, so that attention, the only operation
that must know where a row ends, is a few dense products and never sees padding either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from infra.chat_template import ChatTemplate
from infra.contracts.row import SnapshotRow
from infra.engines.engine import Message
from infra.errors import BadInput, PartFailed


@dataclass(frozen=True)
class TrainingRow:
    """One row after the shared prefix. The model reads `ids`; its last `len(labels)` positions predict `labels`."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]


@dataclass(frozen=True)
class TrainingRows:
    """All rows of a training, and the tokens that each of them begins with."""

    prefix: tuple[int, ...]
    rows: tuple[TrainingRow, ...]
    too_long: int
    """Rows that were left out because they have more than the allowed tokens."""

    @property
    def lengths(self) -> tuple[int, ...]:
        """Tokens of each row after the prefix."""
        return tuple(len(row.ids) for row in self.rows)


@dataclass(frozen=True)
class Group:
    """`rows` rows of `tokens` tokens each, next to each other."""

    rows: int
    tokens: int


@dataclass(frozen=True)
class PackedBatch:
    """One sequence: the prefix, then group after group. `label_positions[i]` is the place that predicts `labels[i]`."""

    ids: tuple[int, ...]
    positions: tuple[int, ...]
    """Each token's place in its own row, counted from the row's true beginning."""
    prefix: int
    groups: tuple[Group, ...]
    label_positions: tuple[int, ...]
    labels: tuple[int, ...]


def encode_rows(
    rows: Iterable[SnapshotRow], template: ChatTemplate, *, system: str, max_row_tokens: int
) -> TrainingRows:
    """Renders and encodes each row as serving does; keeps the order. Raises BadInput when no row is short enough."""
    prefix: tuple[int, ...] | None = None
    kept: list[TrainingRow] = []
    too_long = 0
    for row in rows:
        turns = (Message("user", row.text),)
        messages = (Message("system", system), *turns) if system else turns
        example = template.encode_example(messages, row.answer)
        if len(example.ids) > max_row_tokens:
            too_long += 1
            continue
        begin = tuple(example.ids[: example.prefix_len])
        if prefix is not None and begin != prefix:
            raise PartFailed("the chat template gives rows different beginnings", cure="report it: this is a bug")
        prefix = begin
        own = example.ids[example.prefix_len : -1]
        kept.append(TrainingRow(tuple(own), tuple(example.ids[example.answer_start :])))
    if prefix is None:
        raise BadInput(
            f"no training row has at most {max_row_tokens} tokens",
            where="training.max_row_tokens",
            cure="raise it, or look at the snapshot: sluice explain shows what was set aside",
        )
    return TrainingRows(prefix, tuple(kept), too_long)


def pack(prefix: Sequence[int], rows: Sequence[TrainingRow]) -> PackedBatch:
    """Packs rows into one sequence. The order within equal lengths is kept; there is at least one row."""
    begin = len(prefix)
    ids, positions = list(prefix), list(range(begin))
    groups: list[Group] = []
    label_positions: list[int] = []
    labels: list[int] = []
    for tokens, members in groupby(sorted(rows, key=lambda row: len(row.ids)), key=lambda row: len(row.ids)):
        together = list(members)
        groups.append(Group(len(together), tokens))
        for row in together:
            ids += row.ids
            positions += range(begin, begin + tokens)
            label_positions += range(len(ids) - len(row.labels), len(ids))
            labels += row.labels
    return PackedBatch(tuple(ids), tuple(positions), begin, tuple(groups), tuple(label_positions), tuple(labels))
