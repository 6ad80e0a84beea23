"""The master key behind a command: it lies nowhere in the home, and with the command's key every copy is lost."""

from __future__ import annotations

import base64
import json
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import infra.ledger.key_provider
from infra.errors import ConfigError, StoreError
from infra.home import Home
from infra.ledger.key_provider import CommandKeys, FileKeys, provider_of
from infra.ledger.master_key import master_id
from infra.ledger.rewrap import masters, rotate_master, settle_master
from infra.ledger.vault import Vault
from infra.settings import read_settings

_PROGRAM = Path(__file__).parent / "key_command.py"


@dataclass(frozen=True)
class Service:
    """Where the command keeps its keys: not in the home."""

    folder: Path

    @property
    def command(self) -> str:
        return f"'{sys.executable}' -P '{_PROGRAM}' '{self.folder}'"

    @property
    def keys(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}


@pytest.fixture
def service(tmp_path: Path) -> Service:
    folder = tmp_path / "a service elsewhere"
    folder.mkdir()
    return Service(folder)


@pytest.fixture
def kept(home: Home, service: Service) -> Home:
    """A home whose master key is behind the command."""
    return replace(home, ledger_key_command=service.command)


def _file(home: Home) -> dict[str, str]:
    return json.loads((home.keys / "master.key").read_bytes())  # type: ignore[no-any-return]


def test_the_master_lies_nowhere_in_the_home(kept: Home, service: Service) -> None:
    sealed = Vault.open(kept).seal("sub-a", b"text")
    assert Vault.open(kept).unseal("sub-a", sealed) == b"text"
    assert set(_file(kept)) == {"schema", "id", "wrapped"} and service.keys == {_file(kept)["id"]}
    master = provider_of(kept).unwrap((kept.keys / "master.key").read_bytes())
    assert master is not None and masters(kept)[-1].id == master_id(master)
    forms = (master, base64.b64encode(master), master.hex().encode())
    files = [path.read_bytes() for path in kept.root.rglob("*") if path.is_file()]
    assert not any(form in data for form in forms for data in files)
    assert (kept.keys / "master.key").stat().st_mode & 0o777 == 0o600


def test_after_a_rotation_no_older_copy_opens_anything(kept: Home, service: Service, tmp_path: Path) -> None:
    vault = Vault.open(kept)
    gone, stays = vault.seal("sub-gone", b"gone"), vault.seal("sub-stays", b"stays")
    copy = replace(kept, root=tmp_path / "a backup with all keys")
    shutil.copytree(kept.root, copy.root)
    assert Vault.open(copy).unseal("sub-gone", gone) == b"gone"
    old = _file(kept)["id"]
    rotate_master(kept, forget="sub-gone")
    assert old not in service.keys and service.keys == {_file(kept)["id"]}
    for one in (vault, Vault.open(kept)):
        assert one.unseal("sub-stays", stays) == b"stays"
        with pytest.raises(StoreError, match="destroyed"):
            one.unseal("sub-gone", gone)
    with pytest.raises(StoreError, match="the key command ended with status 1 when asked to unwrap"):
        Vault.open(copy)


def test_a_home_moves_behind_the_command_with_its_next_rotation(home: Home, service: Service) -> None:
    sealed = Vault.open(home).seal("sub-a", b"text")
    assert isinstance(provider_of(home), FileKeys)
    kept = replace(home, ledger_key_command=service.command)
    assert Vault.open(kept).unseal("sub-a", sealed) == b"text" and service.keys == set()
    rotate_master(kept)
    assert service.keys == {_file(kept)["id"]}
    assert Vault.open(kept).unseal("sub-a", sealed) == b"text"
    with pytest.raises(StoreError, match=r"(?s)wrapped by a key command.*SLUICE_LEDGER_KEY_COMMAND"):
        Vault.open(home)


@pytest.mark.parametrize(
    ("program", "what"),
    [
        ("import sys; sys.exit(3)", "ended with status 3 when asked to rotate"),
        ("print('hello')", "something that is no JSON object when asked to rotate"),
        ("print('[]')", "something that is no JSON object when asked to rotate"),
        ("print('{}')", "answered without 'id'"),
        ("print('{\"id\": 7}')", "answered without 'id'"),
        ("import time; time.sleep(60)", "did not answer within 0.5 s"),
    ],
)
def test_a_command_that_fails_is_one_sentence_and_changes_nothing(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, what: str
) -> None:
    sealed = Vault.open(home).seal("sub-a", b"text")
    if "sleep" in program:
        monkeypatch.setattr(infra.ledger.key_provider, "_TIMEOUT_S", 0.5)
    path = tmp_path / "broken.py"
    path.write_text(program)
    broken = replace(home, ledger_key_command=f"'{sys.executable}' '{path}'")
    with pytest.raises(StoreError, match=what):
        rotate_master(broken)
    assert len(masters(home)) == 1 and Vault.open(home).unseal("sub-a", sealed) == b"text"


def test_a_command_that_cannot_be_started_is_told(home: Home, tmp_path: Path) -> None:
    for command in ("/not/a/program", str(tmp_path), "''"):
        with pytest.raises(StoreError, match="the key command cannot be started"):
            Vault.open(replace(home, ledger_key_command=command))
    assert not (home.keys / "master.key").exists() and not home.vault.exists()


def test_what_was_wrapped_is_bound_and_a_changed_file_does_not_open(kept: Home, service: Service) -> None:
    Vault.open(kept)
    path = kept.keys / "master.key"
    fields, whole = _file(kept), path.read_bytes()
    data = bytearray(base64.b64decode(fields["wrapped"]))
    data[-1] ^= 1
    for changed in ({**fields, "wrapped": base64.b64encode(bytes(data)).decode()}, {**fields, "id": "another"}):
        path.write_text(json.dumps(changed))
        with pytest.raises(StoreError, match="ended with status 1"):
            Vault.open(kept)
    for damaged in (whole[:-5], b"", b"{}"):
        path.write_bytes(damaged)
        with pytest.raises(StoreError, match="bytes, not 32"):
            Vault.open(kept)
    path.write_bytes(whole)
    Vault.open(kept)


def test_a_service_that_fails_half_way_keeps_no_key_that_nobody_needs(home: Home, service: Service) -> None:
    class Failing(CommandKeys):
        def _ask(self, question: dict[str, str]) -> dict[str, str]:
            if question["op"] == "wrap":
                raise StoreError("no", cure="no")
            return super()._ask(question)

    with pytest.raises(StoreError, match="no"):
        Failing(service.command, home.root).wrap(bytes(32))
    assert service.keys == set()


def test_threads_that_start_at_once_have_one_master(kept: Home, service: Service) -> None:
    with ThreadPoolExecutor(4) as pool:
        names = {vault.pseudonym("x") for vault in pool.map(lambda _: Vault.open(kept), range(4))}
    assert len(names) == 1 and service.keys == {_file(kept)["id"]}


def test_a_vault_in_use_follows_the_command_through_rotations(kept: Home) -> None:
    vault, over, done = Vault.open(kept), threading.Event(), list[int]()
    sealed = vault.seal("sub-a", b"text")

    def work() -> None:
        number = 0
        while not over.is_set():
            assert vault.unseal("sub-a", sealed) == b"text"
            vault.seal(f"sub-{number}", b"x")
            number += 1
        done.append(number)

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        try:
            for _ in range(4):
                rotate_master(kept)
                time.sleep(0.1)
        finally:
            over.set()
        working.result()
    assert done[0] > 5


@pytest.mark.timeout(300)
def test_a_crash_at_any_moment_leaves_a_vault_that_works(
    kept: Home, service: Service, cut_off: Callable[..., Iterator[int]]
) -> None:
    sealed = Vault.open(kept).seal("sub-a", b"text")
    before, keys = kept.root.with_name("before"), service.folder.with_name("keys before")
    shutil.copytree(kept.root, before)
    shutil.copytree(service.folder, keys)

    def prepare() -> None:
        for target, source in ((kept.root, before), (service.folder, keys)):
            shutil.rmtree(target)
            shutil.copytree(source, target)

    seen = set()
    for _ in cut_off(prepare, lambda: rotate_master(kept)):
        assert Vault.open(kept).unseal("sub-a", sealed) == b"text"
        settle_master(kept)
        seen.add(len(masters(kept)))
        assert _file(kept)["id"] in service.keys and len(service.keys) <= 2  # one may be left that wraps nothing
    assert seen == {1, 2}


def test_the_setting_reaches_the_vault_and_an_open_quotation_mark_is_refused(tmp_path: Path, service: Service) -> None:
    given = {"SLUICE_HOME": str(tmp_path / "home"), "SLUICE_LEDGER_KEY_COMMAND": service.command}
    home = read_settings(given).home
    assert home.ledger_key_command == service.command and "service" not in repr(home)
    Vault.open(home)
    assert service.keys == {_file(home)["id"]}
    with pytest.raises(ConfigError) as caught:
        read_settings({**given, "SLUICE_LEDGER_KEY_COMMAND": "kms 'open"})
    (problem,) = caught.value.problems
    assert problem.key == "SLUICE_LEDGER_KEY_COMMAND" and "quotation mark is open" in problem.what
