"""The answers of one contestant, kept item by item as they come: what was answered once is not asked again.

    HOME/runs/answers/KEY.jsonl    a first line that names the engine, then one line an answer, sealed per data subject

KEY is the digest of all that decides an answer but the row (model, prompt, guardrails, engine, code, libraries), so an
evaluation that was killed goes on where it stopped, and the next one asks the base model only what is new in its rows.
A last line that a crash cut off is passed over. Items in error are not kept: they are tried again.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from flows.steps.results import Answered
from infra.contracts.evaluation import EngineRecord
from infra.contracts.row import SnapshotRow
from infra.digest import Digest, canonical_json
from infra.errors import StoreError
from infra.ledger.vault import Vault


@dataclass(frozen=True)
class Known:
    """What a journal held when it was opened: which engine answered, and its answers by row digest."""

    engine: EngineRecord
    scores: bool
    """Whether that engine can score."""
    answers: dict[Digest, Answered]


class AnswerJournal:
    """One journal. One process writes it: the run that holds the pipeline's lock."""

    def __init__(self, path: Path, vault: Vault) -> None:
        self._path, self._vault = path, vault
        self._file: BinaryIO | None = None

    def forget(self) -> None:
        """Removes what was kept."""
        self._path.unlink(missing_ok=True)

    def read(self, rows: Sequence[SnapshotRow]) -> Known | None:
        """The answers to these rows; None where no engine answered yet, or the file is not one of ours.

        An answer of a subject that was erased is gone, and so is one to a row that was changed.
        """
        lines = _lines(self._path)
        try:
            engine, scores = EngineRecord.model_validate(lines[0]["engine"]), bool(lines[0]["scores"])
        except (IndexError, KeyError, TypeError, ValueError):
            return None
        wanted = {row.digest: row for row in rows}
        answers: dict[Digest, Answered] = {}
        for line in lines[1:]:
            row = wanted.get(line.get("row", ""))
            answered = self._opened(line, row) if row is not None else None
            if row is not None and answered is not None:
                answers[row.digest] = answered
        return Known(engine, scores, answers)

    def begin(self, engine: EngineRecord, *, scores: bool) -> None:
        """Opens the file to write on; another engine than the one that it names begins it anew. Raises StoreError."""
        first = canonical_json({"engine": engine.model_dump(mode="json"), "scores": scores}) + b"\n"
        try:
            lines = _lines(self._path)
            same = bool(lines) and lines[0] == json.loads(first)
            self._file = self._path.open("ab" if same else "wb")
            self._path.chmod(0o600)
            # A line that a crash cut off must not swallow the next one.
            self._file.write(b"\n" if same else first)
            self._file.flush()
        except OSError as error:
            raise self._refused(error) from None

    def add(self, row: SnapshotRow, answered: Answered) -> None:
        """Keeps an answer; one in error is not kept. A kill of this process loses none that was added."""
        if self._file is None or answered.ended == "error":
            return
        sealed = self._vault.seal(row.subject, canonical_json(_shape(answered)))
        line = {"row": row.digest, "sealed": base64.b64encode(sealed).decode("ascii")}
        try:
            self._file.write(canonical_json(line) + b"\n")
            self._file.flush()
        except OSError as error:
            raise self._refused(error) from None

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()

    def _opened(self, line: dict[str, Any], row: SnapshotRow) -> Answered | None:
        try:
            fields = json.loads(self._vault.unseal(row.subject, base64.b64decode(line["sealed"])))
            return Answered(**{**fields, "row_id": row.row_id})
        except (StoreError, KeyError, TypeError, ValueError):
            return None

    def _refused(self, error: OSError) -> StoreError:
        return StoreError(
            f"cannot keep the answers: {error.strerror}",
            where=str(self._path),
            cure="free some disk space, then run the same command again: it goes on with the items that are left",
        )


def _shape(answered: Answered) -> dict[str, Any]:
    """Floats as they are: JSON keeps each digit of a double."""
    return {name: value for name, value in asdict(answered).items() if name != "row_id"}


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        raw = path.read_bytes().split(b"\n")
    except OSError:
        return []
    return [line for text in raw if isinstance(line := _parsed(text), dict)]


def _parsed(text: bytes) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None
