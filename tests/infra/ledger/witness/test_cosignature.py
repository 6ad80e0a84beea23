"""Cosignatures: one that a witness on the internet made, what is made here, and every change of it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.ledger.checkpoint import log_key, sign_checkpoint
from infra.ledger.cosignature import WitnessKey, cosign, find_cosignature
from infra.ledger.verify import Checkpoint, LogKey, Wrong, leaf_hash, open_checkpoint
from infra.signing import Signer

# A checkpoint of a public certificate log with the cosignatures of four public witnesses, May 2026, from the tests of
# github.com/florolf/tlog-tools; the first line is of another type of key.
_TEXT = "arche2025h1.staging.ct.transparency.dev\n1432088532\nU7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n"
_LINES = """\
— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
"""  # noqa: E501
_LOG = "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
_WITNESSES = (
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
    "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
    "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
)
_AT = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
_CHECKPOINT = Checkpoint("example.com/log", 7, leaf_hash(b"root"))


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer.load_or_create(tmp_path_factory.mktemp("keys") / "witness.key")


@pytest.mark.parametrize("text", _WITNESSES)
def test_what_a_public_witness_made_verifies(text: str) -> None:
    key = WitnessKey.read(text)
    assert str(key) == text
    found = find_cosignature(_TEXT, _LINES, key)
    assert found.line in _LINES.split("\n") and found.at == datetime(2026, 5, 23, 21, 50, 24, tzinfo=UTC)
    with pytest.raises(Wrong, match="does not verify"):
        find_cosignature(_TEXT.replace("1432088532", "1432088533"), _LINES, key)


def test_a_note_with_cosignatures_opens_as_before(signer: Signer) -> None:
    assert open_checkpoint(f"{_TEXT}\n{_LINES}", [LogKey.read(_LOG)]).size == 1_432_088_532
    note = sign_checkpoint(_CHECKPOINT, signer) + cosign(_CHECKPOINT.text, "w1", signer, _AT)
    assert open_checkpoint(note, [log_key(_CHECKPOINT.origin, signer.verify_key)]) == _CHECKPOINT


@pytest.mark.parametrize(
    "text",
    [
        _LOG,
        "",
        "w1",
        "w1+00000000+AAAA",
        _WITNESSES[0].replace("da77ade7", "da77ade8"),
        _WITNESSES[0].replace("remora", "rem ora"),
        _WITNESSES[0][:-1],
    ],
)
def test_what_is_no_key_of_a_witness_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        WitnessKey.read(text)


def test_what_is_made_here_verifies_here(signer: Signer) -> None:
    key = WitnessKey("w1", signer.verify_key.raw)
    line = cosign(_CHECKPOINT.text, "w1", signer, _AT)
    assert line.endswith("\n")
    found = find_cosignature(_CHECKPOINT.text, line, key)
    assert (found.line, found.at) == (line[:-1], _AT.replace(microsecond=0))
    with pytest.raises(Wrong, match="no cosignature by w2"):
        find_cosignature(_CHECKPOINT.text, line, WitnessKey("w2", key.public))


def test_a_log_s_signature_is_no_cosignature_and_the_other_way_round(signer: Signer) -> None:
    key = WitnessKey(_CHECKPOINT.origin, signer.verify_key.raw)
    note = sign_checkpoint(_CHECKPOINT, signer)
    with pytest.raises(Wrong, match="no cosignature"):
        find_cosignature(_CHECKPOINT.text, note.partition("\n\n")[2], key)
    line = cosign(_CHECKPOINT.text, _CHECKPOINT.origin, signer, _AT)
    with pytest.raises(Wrong, match="no signature by a key"):
        open_checkpoint(f"{_CHECKPOINT.text}\n{line}", [log_key(_CHECKPOINT.origin, signer.verify_key)])


@given(st.integers(0, 400), st.integers(1, 255))
def test_no_changed_byte_goes_unseen(signer: Signer, place: int, other: int) -> None:
    key = WitnessKey("w1", signer.verify_key.raw)
    raw = cosign(_CHECKPOINT.text, "w1", signer, _AT).encode()
    place %= len(raw)
    changed = raw[:place] + bytes([raw[place] ^ other]) + raw[place + 1 :]
    try:
        found = find_cosignature(_CHECKPOINT.text, changed.decode(), key)
    except (Wrong, UnicodeDecodeError):
        return
    assert found.at == _AT.replace(microsecond=0), "only an unused bit of the base64 may have changed"


@pytest.mark.parametrize("length", [0, 1, 8, 71, 73])
def test_a_cosignature_of_another_length_is_none(signer: Signer, length: int) -> None:
    key = WitnessKey("w1", signer.verify_key.raw)
    raw = base64.b64encode(key.id + bytes(length)).decode()
    with pytest.raises(Wrong):
        find_cosignature(_CHECKPOINT.text, f"— w1 {raw}\n", key)


def test_a_time_beyond_all_calendars_is_refused(signer: Signer) -> None:
    key = WitnessKey("w1", signer.verify_key.raw)
    seconds = 2**63 - 1
    signature = signer.sign_bytes(f"cosignature/v1\ntime {seconds}\n{_CHECKPOINT.text}".encode())
    raw = base64.b64encode(key.id + seconds.to_bytes(8, "big") + signature).decode()
    with pytest.raises(Wrong, match="is not one"):
        find_cosignature(_CHECKPOINT.text, f"— w1 {raw}\n", key)


@pytest.mark.parametrize(
    "lines", ["", "\n", "— w1\n", "— w1 AAAA", "hello\n", "- w1 AAAAAAAA\n", "— w1 AAAAAAAA\n" * 65]
)
def test_what_is_no_signature_lines_is_refused(signer: Signer, lines: str) -> None:
    with pytest.raises(Wrong):
        find_cosignature(_CHECKPOINT.text, lines, WitnessKey("w1", signer.verify_key.raw))
