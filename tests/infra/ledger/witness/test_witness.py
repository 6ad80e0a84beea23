"""Witnesses of every kind: what goes on is taken, what was cut back or forked is found, what is away is told."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.errors import BadInput, Refused, StoreError
from infra.home import Home
from infra.ledger.checkpoint import log_key, sign_checkpoint
from infra.ledger.log import Ledger
from infra.ledger.tree import Frontier, consistency_proof
from infra.ledger.verify import Checkpoint, LogKey, leaf_hash
from infra.ledger.witness import compare, open_witness, publish
from infra.ledger.witnessed_log import Forked, KnownLog, Moved, filed, forked, moved
from infra.settings import WitnessSettings
from infra.signing import Signer

Copied = Callable[[str], Home]


def grow(ledger: Ledger, events: Any, first: int, count: int) -> None:
    ledger.append_many([(events.admitted(number), None) for number in range(first, first + count)])


def test_each_checkpoint_is_taken_once_and_goes_on_from_the_last(place: Any, ledger: Ledger, events: Any) -> None:
    witness = place.open(ledger)
    assert publish(ledger, witness) is None, "nothing was recorded yet"
    for first, count in ((0, 1), (1, 1), (2, 255), (257, 43)):
        grow(ledger, events, first, count)
        given = publish(ledger, witness)
        assert given is not None and given.size == first + count
        assert witness.latest() == given and witness.note.startswith(given.text)
        assert publish(ledger, witness) is None
    again = place.open(ledger)
    publish(ledger, again)
    assert again.latest() == witness.latest()
    assert compare(ledger, place.open(ledger)) == ()


def test_a_witness_that_holds_nothing_has_compared_nothing(place: Any, ledger: Ledger, events: Any) -> None:
    assert compare(ledger, place.open(ledger)) == ()
    grow(ledger, events, 0, 3)
    (problem,) = compare(ledger, place.open(ledger))
    assert problem.index is None and "held no checkpoint of this log" in problem.what


def test_a_log_cut_back_with_its_checkpoints_is_found(place: Any, ledger: Ledger, events: Any, copied: Copied) -> None:
    grow(ledger, events, 0, 5)
    restored = copied("older")
    grow(ledger, events, 5, 4)
    publish(ledger, place.open(ledger))
    older = Ledger.open(restored)
    assert older.verify().ok, "its own files show nothing"
    for more in (0, 2, 2, 30):  # still shorter, as long, longer than what the witness holds: signed with the real key
        if more:
            grow(older, events, 100 + len(older), more)
        assert older.verify().ok
        with pytest.raises(Forked, match=r"cut back or forked: the witness of .+ holds a checkpoint of 9 that ours"):
            publish(older, place.open(older))
        (problem,) = compare(older, place.open(older))
        assert "holds a checkpoint of 9" in problem.what
    assert publish(ledger, place.open(ledger)) is None or not place.open(ledger).readable
    assert compare(ledger, place.open(ledger)) == ()


def test_two_logs_under_one_key_are_found(place: Any, ledger: Ledger, events: Any, copied: Copied) -> None:
    grow(ledger, events, 0, 3)
    publish(ledger, place.open(ledger))
    other = Ledger.open(copied("fork"))
    grow(ledger, events, 3, 1)
    grow(other, events, 100, 1)
    assert other.origin == ledger.origin and other.keys == ledger.keys
    publish(ledger, place.open(ledger))
    with pytest.raises(Forked, match="holds a checkpoint of 4"):
        publish(other, place.open(other))
    grow(other, events, 101, 7)
    with pytest.raises(Forked, match="holds a checkpoint of 4"):
        publish(other, place.open(other))
    grow(ledger, events, 4, 1)
    assert publish(ledger, place.open(ledger)) is not None, "the one that it knows goes on"


def test_a_process_that_knew_the_witness_finds_the_fork_too(
    place: Any, ledger: Ledger, events: Any, copied: Copied
) -> None:
    grow(ledger, events, 0, 3)
    other = Ledger.open(copied("fork"))
    witness = place.open(other)
    publish(other, witness)
    grow(ledger, events, 3, 2)
    publish(ledger, place.open(ledger))
    grow(other, events, 100, 1)
    with pytest.raises(Forked, match="holds a checkpoint of 5"):
        publish(other, witness)


def test_what_a_stranger_signed_is_refused(place: Any, ledger: Ledger, events: Any, tmp_path: Any) -> None:
    grow(ledger, events, 0, 2)
    witness = place.open(ledger)
    held = publish(ledger, witness)
    stranger = Signer.load_or_create(tmp_path / "stranger.key")
    note = sign_checkpoint(Checkpoint(ledger.origin, 3, leaf_hash(b"")), stranger)
    with pytest.raises(Refused, match="does not verify"):
        witness.accept(note, 2, [])
    ours = ledger.keys[0].public
    other_name = Checkpoint("example.com/other", 3, leaf_hash(b""))
    known = KnownLog(ledger.origin, (LogKey("example.com/other", stranger.verify_key.raw), *ledger.keys))
    with pytest.raises(Refused, match="another log's"):
        known.open(sign_checkpoint(other_name, stranger), "here")
    assert witness.latest() == held and ledger.keys[0].public == ours


def test_an_older_checkpoint_is_refused(place: Any, ledger: Ledger, events: Any) -> None:
    grow(ledger, events, 0, 4)
    with ledger.proofs() as proofs:
        older = proofs.edge.note
    grow(ledger, events, 4, 4)
    witness = place.open(ledger)
    held = publish(ledger, witness)
    for old_size in (0, 4, 8):
        with pytest.raises((Refused, StoreError)):
            place.open(ledger).accept(older, old_size, [])
    again = place.open(ledger)
    publish(ledger, again)
    assert again.latest() == held


def test_a_place_that_is_away_is_told_and_nothing_else_breaks(place: Any, ledger: Ledger, events: Any) -> None:
    grow(ledger, events, 0, 2)
    witness = open_witness(place.gone, ledger.keys, ledger.origin)
    assert witness is not None
    for ask in (lambda: publish(ledger, witness), lambda: compare(ledger, witness)):
        with pytest.raises(StoreError) as caught:
            ask()
        assert caught.value.where and "SLUICE_WITNESS" in caught.value.cure
    grow(ledger, events, 2, 1)
    assert ledger.verify().ok
    assert publish(ledger, place.open(ledger)) is not None


def test_a_witness_where_others_are_faster_each_time_is_given_up(ledger: Ledger, events: Any) -> None:
    grow(ledger, events, 0, 3)

    class Restless:
        place, readable, note = "there", True, ""
        asked = 0

        def latest(self) -> None: ...

        def accept(self, note: str, old_size: int, proof: Any) -> str:
            self.asked += 1
            raise moved(self.place, 1 + self.asked % 2)

    witness = Restless()
    with pytest.raises(StoreError, match="others were faster"):
        publish(ledger, witness)
    assert witness.asked == 20


_PROCESS = """
import sys
from infra.contracts.base import now
from infra.contracts.ids import new_id
from infra.contracts.record_events import ServiceChanged
from infra.ledger.log import Ledger
from infra.ledger.witness import open_witness, publish
from infra.settings import read_settings

settings = read_settings()
ledger = Ledger.open(settings.home)
witness = open_witness(settings.witness, ledger.keys, ledger.origin)
sys.stdin.readline()
for _ in range(15):
    event = ServiceChanged(event_id=new_id("service"), at=now(), pipeline="", service="gateway", action="started")
    ledger.append(event)
    publish(ledger, witness)
"""


def test_two_processes_publish_at_once(place: Any, ledger: Ledger, home: Home) -> None:
    place.learn(ledger)
    fields = {name: str(value) for name, value in place.settings if value}
    environment = {
        **os.environ,
        "SLUICE_HOME": str(home.root),
        **{f"SLUICE_{name.upper()}": value for name, value in fields.items()},
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _PROCESS], env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        _, told = process.communicate(timeout=120)
        assert process.returncode == 0, told
    witness = place.open(ledger)
    publish(ledger, witness)
    last = witness.latest()
    assert last is not None and last.size == len(ledger) == 30
    assert compare(ledger, place.open(ledger)) == ()


class _Tree:
    """Every hash of a small tree."""

    def __init__(self, leaves: list[bytes]) -> None:
        self._leaves = leaves

    def hashes(self, level: int, first: int, count: int) -> list[bytes]:
        if level == 0:
            return self._leaves[first : first + count]
        raise AssertionError("small trees have no tiles")

    def at(self, size: int) -> bytes:
        return Frontier.of(size, self).root


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    old=st.integers(0, 40),
    new=st.integers(1, 40),
    changed=st.none() | st.integers(0, 39),
    spoiled=st.booleans(),
    said=st.none() | st.integers(0, 40),
)
def test_only_a_continuation_is_taken(
    signer: Signer, old: int, new: int, changed: int | None, spoiled: bool, said: int | None
) -> None:
    """Whatever the sizes, with an entry changed or not, with the true proof or a spoiled one."""
    leaves = [leaf_hash(b"%d" % number) for number in range(40)]
    tree, other = _Tree(leaves), _Tree([leaf_hash(b"x") if n == changed else leaf for n, leaf in enumerate(leaves)])
    known = KnownLog("example.com/log", (log_key("example.com/log", signer.verify_key),))
    last = Checkpoint("example.com/log", old, tree.at(old)) if old else None
    note = sign_checkpoint(Checkpoint("example.com/log", new, other.at(new)), signer)
    proof = consistency_proof(other, old, new) if old <= new else []
    if spoiled:
        proof = [*proof, bytes(32)]
    said = old if said is None else said
    good = said == old and old <= new and not (changed is not None and changed < old) and not spoiled
    if good:
        assert known.judge(last, note, said, proof, "here").size == new
        return
    with pytest.raises(Refused) as caught:
        known.judge(last, note, said, proof, "here")
    assert isinstance(caught.value, Moved if said != old else Forked)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer.load_or_create(tmp_path_factory.mktemp("keys") / "log.key")


def test_refusals_survive_a_process_boundary() -> None:
    for error in (moved("there", 7), forked("there", 7)):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error) and str(again) == str(error)
    assert pickle.loads(pickle.dumps(moved("there", 7))).size == 7


@given(st.integers(0, 10**15 - 1), st.integers(0, 10**15 - 1))
def test_checkpoints_are_filed_in_the_order_of_their_sizes(one: int, other: int) -> None:
    assert (filed(one) < filed(other)) == (one < other)


def test_settings_that_name_no_usable_witness_are_refused(ledger: Ledger, home: Home) -> None:
    def opened(**values: str) -> object:
        return open_witness(WitnessSettings(**values), ledger.keys, ledger.origin, home)

    assert opened() is None
    with pytest.raises(BadInput, match="inside the home"):
        opened(witness=str(home.root / "witness"))
    for key in ("w1+00000000+AAAA", str(home.root / "no-such-file"), str(ledger.keys[0])):
        with pytest.raises(BadInput, match="not the public key of a witness"):
            opened(witness="https://witness.example", witness_key=key)
