"""Signatures: what was signed opens, anything changed is refused, private files are private."""

import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.contracts.dataset import SplitManifest
from infra.contracts.row import SnapshotRow
from infra.contracts.signed import Signed
from infra.errors import Refused, StoreError
from infra.signing import Signer, VerifyKey

CONTRACT = SplitManifest(split="train", rows=())


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer.load_or_create(tmp_path_factory.mktemp("keys") / "installation.key")


def test_opens_what_was_signed(signer: Signer) -> None:
    assert signer.verify_key.open(signer.sign(CONTRACT), SplitManifest) == CONTRACT


def test_the_private_file_is_private_and_kept(signer: Signer) -> None:
    assert stat.S_IMODE(signer.path.stat().st_mode) == 0o600
    again = Signer.load_or_create(signer.path)
    assert again.verify_key == signer.verify_key
    assert VerifyKey.from_text(signer.path.with_suffix(".pub").read_text()) == signer.verify_key


@settings(max_examples=60)
@given(position=st.integers(0, 10_000), flip=st.integers(1, 127))
def test_any_changed_character_is_refused(signer: Signer, position: int, flip: int) -> None:
    envelope = signer.sign(CONTRACT)
    at = position % len(envelope.payload)
    changed = envelope.payload[:at] + chr(ord(envelope.payload[at]) ^ flip) + envelope.payload[at + 1 :]
    with pytest.raises(Refused, match="does not verify"):
        signer.verify_key.open(envelope.model_copy(update={"payload": changed}), SplitManifest)


def test_another_key_is_refused(signer: Signer, tmp_path) -> None:
    other = Signer.load_or_create(tmp_path / "other.key")
    with pytest.raises(Refused, match="not the trusted key"):
        signer.verify_key.open(other.sign(CONTRACT), SplitManifest)
    forged = other.sign(CONTRACT).model_copy(update={"key_id": signer.verify_key.key_id})
    with pytest.raises(Refused, match="does not verify"):
        signer.verify_key.open(forged, SplitManifest)


def test_another_noun_is_refused(signer: Signer) -> None:
    with pytest.raises(ValueError, match="expected a sluice/row/1"):
        signer.verify_key.open(signer.sign(CONTRACT), SnapshotRow)


@pytest.mark.parametrize("signature", ["", "not base64!", "AAAA"])
def test_a_malformed_signature_is_refused(signer: Signer, signature: str) -> None:
    envelope = Signed(payload="{}", key_id=signer.verify_key.key_id, signature=signature)
    with pytest.raises(Refused):
        signer.verify_key.open(envelope, SplitManifest)


def test_a_broken_key_file_says_so(tmp_path) -> None:
    path = tmp_path / "installation.key"
    path.write_text("nonsense")
    with pytest.raises(StoreError, match="restore the file"):
        Signer(path).sign(CONTRACT)
