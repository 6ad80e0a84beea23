"""The vault: what is sealed opens for its subject only, and never again once the key is destroyed."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import StoreError
from infra.home import Home
from infra.ledger.vault import Vault

_SUBJECTS = st.text(max_size=20)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    return Vault.open(Home.open(tmp_path_factory.mktemp("vault")))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(_SUBJECTS, st.binary(max_size=200)), max_size=8))
def test_what_is_sealed_opens_again_in_order(shared: Vault, texts: list[tuple[str, bytes]]) -> None:
    pairs = [(shared.pseudonym(subject), text) for subject, text in texts]
    sealed = shared.seal_many(pairs)
    opened = shared.unseal_many((subject, one) for (subject, _), one in zip(pairs, sealed, strict=True))
    assert opened == [text for _, text in pairs]
    assert len(set(sealed)) == len(sealed)


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=20, max_size=60), st.data())
def test_a_changed_byte_never_opens(shared: Vault, text: bytes, data: st.DataObject) -> None:
    sealed = shared.seal("sub-a", text)
    assert text not in sealed
    place = data.draw(st.integers(0, len(sealed) - 1))
    changed = sealed[:place] + bytes([sealed[place] ^ data.draw(st.integers(1, 255))]) + sealed[place + 1 :]
    for wrong in (changed, sealed[:-1], sealed[:10], b""):
        with pytest.raises(StoreError):
            shared.unseal("sub-a", wrong)


def test_another_subject_does_not_open_it(shared: Vault) -> None:
    sealed = shared.seal("sub-a", b"text")
    shared.seal("sub-b", b"text")
    for other in ("sub-b", "sub-nobody"):
        with pytest.raises(StoreError):
            shared.unseal(other, sealed)


def test_a_destroyed_key_ends_all_reading_and_a_new_one_begins(home: Home) -> None:
    vault, elsewhere = Vault.open(home), Vault.open(home)
    old, kept = vault.seal("sub-a", b"old"), vault.seal("sub-b", b"kept")
    assert vault.destroy("sub-a")
    assert not vault.destroy("sub-a")
    for one in (vault, elsewhere):
        with pytest.raises(StoreError, match="destroyed"):
            one.unseal("sub-a", old)
    assert elsewhere.unseal("sub-b", kept) == b"kept"
    new = elsewhere.seal("sub-a", b"new")
    assert vault.unseal("sub-a", new) == b"new"
    with pytest.raises(StoreError, match="destroyed"):
        vault.unseal("sub-a", old)


def test_a_destroyed_key_is_gone_from_the_files(home: Home) -> None:
    vault = Vault.open(home)
    vault.seal_many((f"sub-{number}", b"x") for number in range(50))
    with vault._database.reading() as connection:
        (wrapped,) = connection.execute("SELECT wrapped FROM keys WHERE subject = 'sub-7'").fetchone()

    def on_disk() -> bool:
        return any(wrapped in path.read_bytes() for path in home.vault.parent.glob("vault.sqlite*"))

    assert on_disk()
    vault.destroy("sub-7")
    assert not on_disk()


def test_pseudonyms_are_stable_in_a_home_and_differ_between_homes(home: Home, tmp_path_factory: object) -> None:
    vault = Vault.open(home)
    name = vault.pseudonym("ana@example.com")
    assert name == Vault.open(home).pseudonym("ana@example.com")
    assert name.startswith("sub-") and len(name) == 36 and "ana" not in name
    assert name != vault.pseudonym("ana@example.org")
    other = Vault.open(Home.open(home.root.parent / "other"))
    assert name != other.pseudonym("ana@example.com")


def test_keyed_digests_depend_on_purpose_and_key(home: Home) -> None:
    vault = Vault.open(home)
    digest = vault.keyed_digest("answer", b"text")
    assert digest == Vault.open(home).keyed_digest("answer", b"text")
    others = (("answer", b"texts"), ("row", b"text"), ("answert", b"ext"), ("", b"answertext"))
    assert digest not in {vault.keyed_digest(purpose, data) for purpose, data in others}
    assert digest.startswith("sha256:") and len(digest) == 71


def test_the_master_key_is_private_and_its_loss_is_said(home: Home) -> None:
    sealed = Vault.open(home).seal("sub-a", b"text")
    path = home.keys / "master.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key = path.read_bytes()
    path.unlink()
    with pytest.raises(StoreError, match="gone"):
        Vault.open(home)
    assert not path.exists()
    path.write_bytes(key[:31])
    with pytest.raises(StoreError, match="31 bytes"):
        Vault.open(home)
    path.write_bytes(bytes(32))
    with pytest.raises(StoreError, match="does not open"):
        Vault.open(home).unseal("sub-a", sealed)
    path.write_bytes(key)
    assert Vault.open(home).unseal("sub-a", sealed) == b"text"


def test_processes_that_start_at_once_have_one_master_key(home: Home) -> None:
    program = (
        "import sys, time; from pathlib import Path\n"
        "from infra.home import Home; from infra.ledger.vault import Vault\n"
        "time.sleep(max(0, float(sys.argv[2]) - time.time()))\n"
        "print(Vault.open(Home.open(Path(sys.argv[1]))).pseudonym('x'))"
    )
    start_at = str(time.time() + 1.5)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(home.root), start_at], stdout=subprocess.PIPE, text=True, env=os.environ
        )
        for _ in range(4)
    ]
    names = {process.communicate()[0].strip() for process in running}
    assert len(names) == 1
    assert not list(home.keys.glob(".*.tmp"))


def test_threads_that_meet_a_new_subject_make_one_key(home: Home) -> None:
    vault = Vault.open(home)
    work: Callable[[int], bytes] = lambda number: vault.seal("sub-a", b"%d" % number)  # noqa: E731
    with ThreadPoolExecutor(8) as pool:
        sealed = list(pool.map(work, range(24)))
    assert vault.unseal_many([("sub-a", one) for one in sealed]) == [b"%d" % number for number in range(24)]
