"""What the run plants: personal data, secrets and sentences, each where it goes in, and the files that carry them."""

from __future__ import annotations

import base64
import csv
import json
import random
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from planted_forms import Planted

from flows.steps.tickets.generate import make_tickets

PERSON = {
    "name": "Leocadia Barrientos Olmedilla",
    "DNI": "73519046Y",
    "IBAN": "ES60 0049 1500 0512 3456 7892",
    "card": "4532 0151 1283 0366",
    "phone": "+34 655 284 913",
    "AWS key": "AKIAV7ZORRO3LQ5K2N4T",
}
"""Valid ones, so that the detectors find them; none of the examples that the shipped policies hold."""
NOT_FOUND = "Bartholomew-Qux dossier 7719/zorro"
"""Something personal that no detector knows: it stays in the snapshot, encrypted, and nowhere else."""
SHARED_REPLY = f"Ask {PERSON['name']} on {PERSON['phone']} about it"
"""An answer that several rows share, which the chain takes for the name of a class."""
_WORDS = [
    word
    for line in (Path(__file__).parents[2] / "infra" / "names" / "common.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
    for word in line.split()
    if len(word) > 4
]


_TELLING, _BEGINNING = 8, 48
"""What is shorter may stand somewhere by chance; so much of a text is told from every other."""


def mail(where: str) -> str:
    """An address that names the way by which it was planted."""
    return f"ximena.{where}@correo-zorro.org"


def sentence(where: str) -> str:
    """Words that nobody else writes."""
    return f"vermilion ocelot {where} ledger"


def token() -> str:
    """A web token, put together here so that no scanner of repositories cries."""
    parts = (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"zorro-7719","role":"owner"}', b"signature of thirty-two bytes..")
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def everything(where: str) -> str:
    """A text with all of it."""
    person = f"Me llamo {PERSON['name']}, DNI {PERSON['DNI']}, cuenta {PERSON['IBAN']}, tarjeta {PERSON['card']}"
    secrets = f"clave {PERSON['AWS key']}, token {token()}"
    return f"{sentence(where)}. {person}, correo {mail(where)}, tel. {PERSON['phone']}; {secrets}."


@dataclass(frozen=True)
class Plants:
    """All values of a run. Sentences may be shown to whoever asks for them; personal data and secrets never."""

    ways: tuple[str, ...]

    @property
    def personal(self) -> tuple[Planted, ...]:
        addresses = (Planted(f"e-mail of {way}", mail(way)) for way in self.ways)
        known = (Planted(name, text) for name, text in PERSON.items())
        return (*known, Planted("web token", token()), Planted("what no detector knows", NOT_FOUND), *addresses)

    @property
    def sentences(self) -> tuple[Planted, ...]:
        return (
            *(Planted(f"sentence of {way}", sentence(way)) for way in self.ways),
            Planted("shared reply", SHARED_REPLY),
        )


ROW_WAYS = ("row-text", "row-reply", "row-subject", "row-id", "row-blank", "row-torn")


def write_rows(path: Path) -> None:
    """A CSV of rows to train on: clean ones, some with personal data in text and reply, blank and torn ones."""
    chance = random.Random(7)
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("text", "reply", "who", "ref"))
        for number in range(48):
            words = " ".join(chance.sample(_WORDS, 9))
            text, reply = f"{words}, {sentence('row-text')}", f"{' '.join(chance.sample(_WORDS, 4))} {number}"
            if number % 4 == 1:
                text = f"{words}. {everything('row-text')} {NOT_FOUND}"
            if number % 4 == 2:
                reply = f"{reply}: {everything('row-reply')}"
            if number % 4 == 3:
                reply = SHARED_REPLY
            rows.writerow((text, reply, f"{number}.{mail('row-subject')}", f"{number}.{mail('row-id')}"))
        rows.writerow(("  ", everything("row-blank"), mail("row-blank"), "blank"))
        rows.writerow((everything("row-torn"), "a", "b", "c", "one field too many"))


def write_pipeline(folder: Path, rows: Path) -> Path:
    """A pipeline over the rows, with a suite and a gate that let them through."""
    (folder / "suite.yaml").write_text(
        "name: leaks\nmostly: 0.5\nwhole: []\n"
        "rows:\n  - {id: not-blank, column: text, expect: matches, pattern: '\\S'}\n"
    )
    (folder / "gate.yaml").write_text(
        "name: leaks\nminimum_items: 1\noutcomes: {error_at_most: 1, truncated_at_most: 1}\n"
        "thresholds: [{metric: rouge_l, at_least: 0}]\n"
    )
    data = {
        "kind": "files",
        "train": str(rows),
        "columns": {"text": "text", "answer": "reply", "subject": "who", "row_id": "ref"},
        "expectations": str(folder / "suite.yaml"),
        "test_share": 0.3,
    }
    training = {"rank": 4, "alpha": 8, "batch_rows": 8, "epochs": 1, "warmup_steps": 1, "precision": "fp32"}
    pipeline = folder / "leaks.yaml"
    pipeline.write_text(
        "name: leaks\ndescription: rows with planted values\n"
        f"data: {json.dumps(data)}\n"
        "prompt: {system: Answer the customer., answer_format: text, max_new_tokens: 200}\n"
        f"training: {json.dumps({**training, 'learning_rate': 0.02, 'max_row_tokens': 2048})}\n"
        "evaluation: {bootstrap: 100, concurrency: 4}\n"
        f"gate: {folder / 'gate.yaml'}\nguardrails: default\naccess: open\n"
    )
    return pipeline


def write_scan(path: Path, ways: Iterable[str]) -> None:
    """Rows for `sluice guard scan`, and one that is no row."""
    rows = [json.dumps({"id": number, "text": everything(way)}) for number, way in enumerate(ways)]
    path.write_text("\n".join([*rows, '{"id": 9, "text": "' + mail("scan-torn")]) + "\n", encoding="utf-8")


def ticket_plants(rows: int, seed: int, test_share: float) -> tuple[Planted, ...]:
    """What the generated tickets hold: the planted personal data, as the truth knows it, and how their texts begin."""
    tickets = make_tickets(rows, seed, test_share)
    lines = {"train": tickets.train, "test": tickets.test}
    values: dict[str, str] = {}
    for span in tickets.truth.spans:
        text = json.loads(lines[span.place.role][span.place.line - 1])["text"][span.start : span.end]
        if len(text) >= _TELLING:
            values.setdefault(text, f"{span.entity} of ticket {span.place.role} {span.place.line}")
    for number, line in enumerate(tickets.train, start=1):
        with suppress(ValueError, KeyError, TypeError):  # spoilt lines are among them
            text = json.loads(line)["text"][:_BEGINNING]
            if len(text) == _BEGINNING and text.isprintable():
                values.setdefault(text, f"text of ticket train {number}")
    return tuple(Planted(label, text) for text, label in values.items())
