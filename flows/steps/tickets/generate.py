"""Makes the tickets: JSONL lines for training and test, and the truth about what was planted. The same seed and number
of rows give the same bytes on every machine.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from flows.pipeline import Columns
from flows.steps.tickets.compose import Ticket, compose
from flows.steps.tickets.english import ENGLISH
from flows.steps.tickets.phrases import INTENTS, URGENCIES, Phrases
from flows.steps.tickets.plant import (
    SHARES,
    Entry,
    contradiction,
    exact_copy,
    is_long_enough,
    near_copy,
    plain,
    spoilt,
    to_line,
)
from flows.steps.tickets.spanish import SPANISH
from flows.steps.tickets.truth import PlantedKind, PlantedRow, PlantedSpan, PlantedTruth
from infra.errors import BadInput
from policies.expectations.rows import Place, Role

COLUMNS = Columns(text="text", answer="answer", label="intent", language="language", subject="customer", row_id="id")
"""Where the lines keep what."""
_PHRASES = {"en": ENGLISH, "es": SPANISH}
_ROWS_PER_CUSTOMER = 3


@dataclass(frozen=True)
class Tickets:
    """The generated data: two JSONL sources and what is known of them."""

    train: tuple[bytes, ...]
    test: tuple[bytes, ...]
    truth: PlantedTruth


def make_tickets(rows: int, seed: int, test_share: float) -> Tickets:
    """Makes `rows` lines in all, about `test_share` of them for the test; what is planted stands among the training
    lines.

    Test lines are whole and right, as somebody would keep them; training lines hold copies of some of them.
    """
    rng = random.Random(seed)  # noqa: S311 - reproducible, and nothing depends on its being hard to guess
    planted = {kind: max(2, round(rows * share)) for kind, share in SHARES.items()}
    test = [_ticket(rng) for _ in range(max(1, round(rows * test_share)))]
    planted["leaked test row"] = min(planted["leaked test row"], len(test))
    whole = rows - len(test) - sum(planted.values())
    if whole < rows // 4:
        raise BadInput(
            "too few rows are left to train on", where="data.test_share", cure="give a smaller data.test_share"
        )
    train = [_ticket(rng) for _ in range(whole)]
    entries = _ordered(rng, train, test, planted)
    train_lines, train_truth = _write(rng, entries, "train", 1, rows)
    test_lines, test_truth = _write(rng, [plain(ticket) for ticket in test], "test", len(entries) + 1, rows)
    truth = PlantedTruth(train_truth.rows + test_truth.rows, train_truth.spans + test_truth.spans)
    return Tickets(train_lines, test_lines, truth)


def _ticket(rng: random.Random) -> Ticket:
    phrases = rng.choice((ENGLISH, SPANISH))
    urgency = rng.choices(URGENCIES, weights=(25, 45, 30))[0]
    personal = rng.choices((0, 1, 2, 3), weights=(60, 22, 12, 6))[0]
    return compose(rng, phrases, rng.choice(INTENTS), urgency, personal)


def _ordered(
    rng: random.Random, train: list[Ticket], test: list[Ticket], planted: dict[PlantedKind, int]
) -> list[Entry]:
    """The training entries in their order: a copy always stands after its original."""
    places = [(rng.random(), plain(ticket)) for ticket in train]
    long = [number for number, ticket in enumerate(train) if is_long_enough(ticket)]
    near = planted["near duplicate"]
    originals = rng.sample(long if len(long) >= near else range(len(train)), near)
    rest = [number for number in range(len(train)) if number not in set(originals)]
    originals += rng.sample(rest, planted["exact duplicate"] + planted["contradicting labels"])
    for index, number in enumerate(originals):
        at, entry = places[number]
        if index < near:
            copy = near_copy(rng, entry.ticket, _phrases(entry.ticket), "near duplicate")
        elif index < near + planted["exact duplicate"]:
            copy = exact_copy(rng, entry.ticket, "exact duplicate")
        else:
            # Both are to be found: nobody can tell which of the two labels is wrong.
            places[number] = (at, Entry(entry.ticket, entry.label, "contradicting labels"))
            copy = contradiction(rng, entry.ticket)
        places.append((at + (1 - at) * rng.random(), copy))
    leaked = rng.sample(test, planted["leaked test row"])
    places += [(rng.random(), _leaked(rng, ticket)) for ticket in leaked]
    for kind in ("empty row", "malformed row", "over-long row", "unknown label"):
        places += [(rng.random(), spoilt(rng, _ticket(rng), kind, train)) for _ in range(planted[kind])]
    return [entry for _, entry in sorted(places, key=lambda place: place[0])]


def _leaked(rng: random.Random, ticket: Ticket) -> Entry:
    if is_long_enough(ticket) and rng.random() < 0.5:
        return near_copy(rng, ticket, _phrases(ticket), "leaked test row")
    return exact_copy(rng, ticket, "leaked test row")


def _phrases(ticket: Ticket) -> Phrases:
    return _PHRASES[ticket.language]


def _write(
    rng: random.Random, entries: list[Entry], role: Role, first: int, rows: int
) -> tuple[tuple[bytes, ...], PlantedTruth]:
    lines: list[bytes] = []
    planted: list[PlantedRow] = []
    spans: list[PlantedSpan] = []
    for line, entry in enumerate(entries, start=1):
        place = Place(role, line)
        lines.append(to_line(entry, first + line - 1, rng.randint(1, max(1, rows // _ROWS_PER_CUSTOMER))))
        if entry.planted:
            planted.append(PlantedRow(entry.planted, place))
        spans += [
            PlantedSpan(place, entry.ticket.language, span.entity, span.start, span.end) for span in entry.ticket.spans
        ]
    return tuple(lines), PlantedTruth(tuple(planted), tuple(spans))
