"""The HTTP witness: a real peer of c2sp.org/tlog-witness, each of its answers, and servers that misbehave."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.contracts.base import now
from infra.errors import Refused, StoreError
from infra.home import Home
from infra.ledger.cosignature import WitnessKey, cosign, find_cosignature
from infra.ledger.log import Ledger
from infra.ledger.verify import open_checkpoint
from infra.ledger.witness import open_witness, publish
from infra.ledger.witness_http import HttpWitness, read_witness_key
from infra.ledger.witnessed_log import Forked, KnownLog
from infra.settings import WitnessSettings
from infra.signing import Signer


@pytest.fixture
def recorded(ledger: Ledger, events: Any) -> Ledger:
    ledger.append_many([(events.admitted(number), None) for number in range(5)])
    return ledger


def opened(serving: Any, ledger: Ledger, kept: Path | None = None) -> HttpWitness:
    return HttpWitness(serving.url, serving.witness.key, KnownLog(ledger.origin, ledger.keys), kept)


def test_the_cosigned_note_is_kept_and_verifies(tlog_witness: Any, recorded: Ledger, home: Home) -> None:
    tlog_witness.witness.learn(recorded)
    witness = open_witness(tlog_witness.settings, recorded.keys, recorded.origin, home)
    assert witness is not None
    given = publish(recorded, witness)
    assert given is not None and tlog_witness.witness.asked == ["/w1/add-checkpoint"]
    note = (home.root / "witness" / "checkpoint").read_text()
    assert note == witness.note and note.count("—") == 2, "the line of a witness that nobody named is left out"
    assert open_checkpoint(note, recorded.keys) == given
    cosignature = find_cosignature(given.text, note.partition("\n\n")[2], tlog_witness.witness.key)
    assert cosignature.at == tlog_witness.witness.times[-1]


def test_a_process_that_knows_nothing_finds_out_where_to_go_on(
    tlog_witness: Any, recorded: Ledger, events: Any
) -> None:
    tlog_witness.witness.learn(recorded)
    publish(recorded, opened(tlog_witness, recorded))
    recorded.append(events.admitted(10))
    publish(recorded, opened(tlog_witness, recorded))
    assert len(tlog_witness.witness.asked) == 3, "once told of the size, it goes on from there"
    assert tlog_witness.witness.last[recorded.origin].size == 6
    publish(recorded, opened(tlog_witness, recorded))
    assert tlog_witness.witness.last[recorded.origin].size == 6


def test_a_witness_that_was_not_told_of_the_log_or_its_key(tlog_witness: Any, recorded: Ledger, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=f"does not know the log {recorded.origin}") as caught:
        publish(recorded, opened(tlog_witness, recorded))
    assert not isinstance(caught.value, Forked) and "sluice audit key" in caught.value.cure
    tlog_witness.witness.known[recorded.origin] = []
    with pytest.raises(Refused, match="knows no key that signed"):
        publish(recorded, opened(tlog_witness, recorded))
    tlog_witness.witness.learn(recorded)
    assert publish(recorded, opened(tlog_witness, recorded)) is not None


@pytest.mark.parametrize(
    ("status", "body", "kind", "what"),
    [
        (422, b"", Forked, "cut back or forked"),
        (409, b"5\n", Forked, "holds a checkpoint of 5"),
        (409, b"9\n", Forked, "holds a checkpoint of 9"),
        (409, b"3\n", StoreError, "answered 409"),
        (409, b"", StoreError, "answered 409"),
        (409, b"-1\n", StoreError, "answered 409"),
        (409, "٣\n".encode(), StoreError, "answered 409"),
        (409, b"9" * 30, StoreError, "answered 409"),
        (400, b"", StoreError, "answered 400"),
        (500, b"oh\n", StoreError, "answered 500"),
        (200, b"", Refused, "does not verify"),
        (200, b"<html>\n", Refused, "does not verify"),
        (200, b"x" * 100_000, StoreError, "does not end"),
    ],
)
def test_each_answer_has_its_sentence(
    tlog_witness: Any, recorded: Ledger, status: int, body: bytes, kind: type[Exception], what: str
) -> None:
    tlog_witness.witness.odd = (status, {}, body)
    with pytest.raises(kind, match=what) as caught:
        publish(recorded, opened(tlog_witness, recorded))
    assert "127.0.0.1" in str(caught.value) and "cure" in str(caught.value)


def test_no_redirect_is_followed(tlog_witness: Any, recorded: Ledger) -> None:
    tlog_witness.witness.odd = (307, {"location": f"{tlog_witness.url}elsewhere"}, b"")
    with pytest.raises(StoreError, match="answered 307; redirects are not followed"):
        publish(recorded, opened(tlog_witness, recorded))
    assert tlog_witness.witness.asked == ["/w1/add-checkpoint"]


def test_no_proxy_of_the_environment_is_used(
    tlog_witness: Any, recorded: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    tlog_witness.witness.learn(recorded)
    assert publish(recorded, opened(tlog_witness, recorded)) is not None


def test_a_cosignature_of_another_key_or_text_does_not_count(
    tlog_witness: Any, recorded: Ledger, tmp_path: Path
) -> None:
    stranger, key = Signer.load_or_create(tmp_path / "stranger.key"), tlog_witness.witness.key
    with recorded.proofs() as proofs:
        text = proofs.edge.note.partition("\n\n")[0] + "\n"
    at = now()
    for line in (
        cosign(text, key.name, stranger, at),
        cosign(text.replace("5", "6", 1), key.name, tlog_witness.witness.signer, at),
        cosign(text, "w2", tlog_witness.witness.signer, at),
    ):
        tlog_witness.witness.odd = (200, {}, line.encode())
        witness = opened(tlog_witness, recorded, tmp_path / "kept" / "checkpoint")
        with pytest.raises(Refused, match="the witness's answer does not verify"):
            publish(recorded, witness)
        assert witness.latest() is None and witness.note == "" and not (tmp_path / "kept").exists()


def test_secrets_of_the_address_are_not_told(recorded: Ledger, tlog_witness: Any) -> None:
    url = "http://user:secret@127.0.0.1:9/path-secret"
    witness = HttpWitness(url, tlog_witness.witness.key, KnownLog(recorded.origin, recorded.keys))
    with pytest.raises(StoreError) as caught:
        publish(recorded, witness)
    assert witness.place == "127.0.0.1:9" and "secret" not in str(caught.value)


def test_the_key_may_stand_in_a_file(tlog_witness: Any, tmp_path: Path) -> None:
    key: WitnessKey = tlog_witness.witness.key
    (tmp_path / "witness.pub").write_text(f"{key}\n")
    assert read_witness_key(str(tmp_path / "witness.pub")) == key == read_witness_key(str(key))
    settings = WitnessSettings(witness="https://w.example/w1", witness_key=str(tmp_path / "witness.pub"))
    assert open_witness(settings, (), "log") is not None
