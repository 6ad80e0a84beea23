"""What would have been different under another policy: recorded traffic through two policies, side by side.

Recorded texts were redacted by the policy of their time: what that one took out, neither finds again. A message that
was blocked on its way in was never kept.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Literal

from flows.slots import read_day
from infra.contracts.request_events import RequestAdmitted, RequestEnd
from infra.engines.engine import Message
from infra.errors import BadInput, StoreError
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter, Entry
from infra.ledger.vault import Vault
from infra.stores.releases import Releases
from policies.checks import Direction
from policies.verdict import Verdict, strictest

if TYPE_CHECKING:
    from infra.contracts.model_version import PromptSpec
    from policies.guardrails.check import Guarded
    from policies.guardrails.compiled import Guards

_PAGE = 200

ChangeKind = Literal["blocked", "redacted", "flagged", "let through", "another text"]
_KINDS: dict[Verdict, ChangeKind] = {
    Verdict.BLOCK: "blocked",
    Verdict.REDACT: "redacted",
    Verdict.FLAG: "flagged",
    Verdict.ALLOW: "let through",
}
KINDS: tuple[ChangeKind, ...] = (*_KINDS.values(), "another text")


@dataclass(frozen=True)
class Judged:
    """One direction of one request under one policy."""

    verdict: Verdict
    rules: tuple[str, ...]
    """The checks that fired."""
    text: str = field(repr=False)
    """What would go on."""


@dataclass(frozen=True)
class Change:
    """One direction of one request that the new policy would treat in another way."""

    response_id: str
    pipeline: str
    direction: Direction
    kind: ChangeKind
    """What is new; `another text`: both let it on, and what goes on differs."""
    old: Judged
    new: Judged


@dataclass
class Replay:
    """What was replayed so far, and every change."""

    requests: int = 0
    without_text: int = 0
    """Blocked on their way in, failed, or cancelled before the engine was asked: nothing was kept."""
    unreadable: int = 0
    """Erased since (the subject's key was destroyed), or not as they were written."""
    changes: list[Change] = field(default_factory=list)

    def count(self, kind: ChangeKind, direction: Direction) -> int:
        """How many changes of one kind in one direction."""
        return Counter((change.kind, change.direction) for change in self.changes)[kind, direction]


@dataclass(frozen=True)
class Period:
    """Which requests: `since` is inclusive, `until` exclusive; '' is every pipeline."""

    since: datetime
    until: datetime
    pipeline: str = ""


def days(first: str, last: str) -> tuple[datetime, datetime]:
    """From the beginning of the first day to the end of the last (UTC). Raises BadInput."""
    begin, end = read_day(first, "--from"), read_day(last, "--to")
    if end < begin:
        raise BadInput("the last day lies before the first", where="--to", cure="give the earlier day to --from")
    return datetime.combine(begin, time.min, UTC), datetime.combine(end, time.min, UTC) + timedelta(days=1)


Compile = Callable[["PromptSpec | None"], "Guards"]
"""Compiles one of the two policies for a prompt."""


class TwoPolicies:
    """Both policies, compiled for the prompt of the version that answered: its leaks and its JSON are checked too."""

    def __init__(self, old: Compile, new: Compile, releases: Releases) -> None:
        self._old, self._new = old, new
        self._releases = releases
        self._compiled: dict[str, tuple[Guards, Guards]] = {}

    def guards(self, admitted: RequestAdmitted) -> tuple[Guards, Guards]:
        """Old and new. Raises what compiling raises."""
        manifest = admitted.manifest or ""
        if manifest not in self._compiled:
            prompt = self._releases.manifest(admitted.manifest).prompt if admitted.manifest else None
            self._compiled[manifest] = self._old(prompt), self._new(prompt)
        return self._compiled[manifest]


def replay(period: Period, policies: TwoPolicies, home: Home, advance: Callable[[int], None]) -> Replay:
    """Sends every recorded request of a period through both. `advance` is told of each one.

    Raises StoreError when the ledger cannot be read, and what compiling raises.
    """
    ledger, vault = Ledger.open(home), Vault.open(home)
    done = Replay()
    for entry in _completed(ledger, period):
        done.requests += 1
        advance(1)
        try:
            sealed = ledger.payload(entry)
            admitted = _admitted(ledger, entry)
            content = json.loads(vault.unseal(admitted.subject, sealed)) if sealed and admitted else None
        except (StoreError, ValueError):
            done.unreadable += 1
            continue
        if content is None or admitted is None:
            done.without_text += 1
            continue
        done.changes += _changes(admitted, content, *policies.guards(admitted))
    return done


def _completed(ledger: Ledger, period: Period) -> Iterator[Entry]:
    """The ends of the requests, newest first, a page at a time."""
    before: int | None = None
    while True:
        page = ledger.query(
            AuditFilter(
                kinds=("request.completed",),
                pipeline=period.pipeline,
                since=period.since,
                until=period.until,
                before_index=before,
                limit=_PAGE,
            )
        )
        yield from reversed(page)
        if len(page) < _PAGE:
            return
        before = page[0].index


def _admitted(ledger: Ledger, entry: Entry) -> RequestAdmitted | None:
    assert isinstance(entry.event, RequestEnd)
    events = (other.event for other in ledger.of_response(entry.event.response_id))
    return next((event for event in events if isinstance(event, RequestAdmitted)), None)


def _changes(admitted: RequestAdmitted, content: dict[str, object], old: Guards, new: Guards) -> Iterator[Change]:
    from policies.guardrails.guarded import language_of

    turns = content["messages"]
    assert isinstance(turns, list)
    messages = [Message(turn["role"], turn["content"]) for turn in turns]
    language = language_of(messages)
    answer = str(content["answer"])
    directions: tuple[tuple[Direction, Judged, Judged], ...] = (
        ("input", *(_judged([g.check_input(one.content, language) for one in messages]) for g in (old, new))),
        ("output", *(_judged([g.check_output(answer, language)]) for g in (old, new))),
    )  # type: ignore[assignment]
    for direction, before, after in directions:
        same = before.verdict is after.verdict
        if same and (before.text == after.text or after.verdict is Verdict.BLOCK):
            continue
        kind = "another text" if same else _KINDS[after.verdict]
        yield Change(admitted.response_id, admitted.pipeline, direction, kind, before, after)


def _judged(found: list[Guarded]) -> Judged:
    """All messages of a direction as one."""
    verdict = strictest(one.verdict for one in found)
    fired = [check.rule for one in found for check in one.checks if check.verdict != "allow"]
    text = "" if verdict is Verdict.BLOCK else "\n".join(one.text for one in found)
    return Judged(verdict, tuple(dict.fromkeys(fired)), text)
