"""Labelled texts for the training of the injection head: the rows of a JSONL file, and made-up ones beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from flows.injection.synthetic import Example
from infra.errors import BadInput
from policies.checks import Language


class _Row(BaseModel):
    """One line; keys that we do not need may be there too."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    text: str
    lang: Language
    label: str
    group: str
    source: str = ""
    split: str = "train"


def read_examples(path: Path, split: str) -> Iterator[Example]:
    """The rows of one split. Any label but `benign` is an attack. Raises BadInput for a line that is no row."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = _Row.model_validate_json(line)
            except ValidationError:
                cure = "each line: text, lang (en or es), label, group, source, split"
                raise BadInput(f"line {number} is not a labelled text", where=str(path), cure=cure) from None
            if row.split == split:
                source = row.source.split("/")[0].split(" ")[0]
                yield Example(row.text, row.lang, row.label != "benign", row.group, source)
