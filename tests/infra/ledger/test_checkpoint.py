"""Signed notes: the vectors of Go's implementation, what this one signs, and everything that is refused."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from infra.ledger.checkpoint import sign_checkpoint
from infra.ledger.verify import Checkpoint, LogKey, Wrong, leaf_hash, note_text, open_checkpoint
from infra.signing import Signer

# golang.org/x/mod/sumdb/note, note_test.go
_PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
_PETER_SECRET = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
_ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
_SIGNED = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
_NOTE = f"{_TEXT}\n— PeterNeumann {_SIGNED}\n"


def test_keys_are_read_and_written_as_go_does() -> None:
    for text in (_PETER, _ENOCH):
        assert str(LogKey.read(text)) == text
    for wrong in (
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        *(_PETER[:end] for end in range(len(_PETER))),
    ):
        with pytest.raises(ValueError):
            LogKey.read(wrong)


def test_the_known_note_opens_and_is_what_its_key_signs() -> None:
    assert note_text(_NOTE, [LogKey.read(_PETER)]) == _TEXT
    assert note_text(_NOTE, [LogKey.read(_ENOCH), LogKey.read(_PETER)]) == _TEXT
    secret = Ed25519PrivateKey.from_private_bytes(base64.b64decode(_PETER_SECRET)[1:])
    raw = LogKey.read(_PETER).id + secret.sign(_TEXT.encode())
    assert base64.b64encode(raw).decode() == _SIGNED


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        _TEXT,
        _TEXT + "\n",
        _NOTE[:-1],
        _NOTE + "\n",
        _NOTE.replace("—", "-"),
        _NOTE.replace("— ", "—"),
        _NOTE.replace("cryptography", "cryptographY"),
        _NOTE.replace("then", "\x01hen"),
        _NOTE.replace(_SIGNED, "AAAA"),
        _NOTE.replace(_SIGNED, _SIGNED[:-4] + "AAA="),
        _NOTE.replace(_SIGNED, "not base64"),
        _NOTE.replace("PeterNeumann", "Somebody"),
        _TEXT + "\n" + f"— PeterNeumann {_SIGNED}\n" * 65,
    ],
)
def test_what_is_no_note_or_signed_by_nobody_known_is_refused(note: str) -> None:
    with pytest.raises(Wrong):
        note_text(note, [LogKey.read(_PETER)])


def test_one_bad_signature_of_a_known_key_spoils_the_note() -> None:
    bad = base64.b64encode(LogKey.read(_ENOCH).id + bytes(64)).decode()
    both = f"{_NOTE}— EnochRoot {bad}\n"
    assert note_text(both, [LogKey.read(_PETER)]) == _TEXT
    with pytest.raises(Wrong, match="EnochRoot"):
        note_text(both, [LogKey.read(_PETER), LogKey.read(_ENOCH)])


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer.load_or_create(tmp_path_factory.mktemp("keys") / "log.key")


@given(st.integers(0, 2**53), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_survives_its_note(signer: Signer, size: int, root: bytes) -> None:
    checkpoint = Checkpoint("example.com/log", size, root)
    key = LogKey(checkpoint.origin, signer.verify_key.raw)
    note = sign_checkpoint(checkpoint, signer)
    assert open_checkpoint(note, [key]) == checkpoint
    for other in (LogKey("example.com/other", key.public), LogKey(key.name, leaf_hash(b""))):
        with pytest.raises(Wrong):
            open_checkpoint(note, [other])


@pytest.mark.parametrize(
    "text",
    [
        "origin\n1\n",
        "origin\n01\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "origin\n-1\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "origin\n1_0\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "origin\n1\n" + base64.b64encode(bytes(31)).decode() + "\n",
        "origin\n1\nnot base64\n",
        "\n1\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "origin\n1\n" + base64.b64encode(bytes(32)).decode() + "\nextension\n",
    ],
)
def test_a_signed_text_that_is_no_checkpoint_is_refused(signer: Signer, text: str) -> None:
    key = LogKey("origin", signer.verify_key.raw)
    raw = key.id + signer.sign_bytes(text.encode())
    with pytest.raises(Wrong):
        open_checkpoint(f"{text}\n— origin {base64.b64encode(raw).decode()}\n", [key])


@given(st.integers(0, 400), st.integers(1, 255))
def test_no_changed_byte_goes_unseen(signer: Signer, place: int, other: int) -> None:
    checkpoint = Checkpoint("example.com/log", 7, leaf_hash(b"root"))
    raw = sign_checkpoint(checkpoint, signer).encode()
    place %= len(raw)
    changed = raw[:place] + bytes([raw[place] ^ other]) + raw[place + 1 :]
    try:
        opened = open_checkpoint(changed.decode(), [LogKey(checkpoint.origin, signer.verify_key.raw)])
    except (Wrong, UnicodeDecodeError):
        return
    assert opened == checkpoint, "only an unused bit of the base64 may have changed"


def test_a_folder_of_keys_is_not_needed(tmp_path: Path) -> None:
    signer = Signer.load_or_create(tmp_path / "one.key")
    assert len(signer.sign_bytes(b"")) == 64
