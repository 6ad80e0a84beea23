"""Which policy guards a version: what a reviewer signed and what works; a refusal is told once, the old one stays."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.contracts.lifecycle_events import PolicyRefused, PolicyServed
from infra.digest import sha256
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter
from infra.stores.reviewers import Reviewers
from services.release_watch import ReleaseWatch

Watching = Callable[..., ReleaseWatch]
TIGHT, TIGHTER = b"name: tight\n", b"name: tighter\n"


def events(ledger: Ledger, kind: type) -> list[Any]:
    return [entry.event for entry in ledger.query(AuditFilter()) if isinstance(entry.event, kind)]


def guarding(watch: ReleaseWatch) -> str:
    return watch.find("triage").guardrails


def file_of(home: Home, sequence: int) -> Path:
    return home.releases / "triage" / "policies" / f"{sequence:08d}.json"


def looking(watching: Watching) -> Callable[[Callable[[ReleaseWatch], Any]], None]:
    """Runs an asynchronous scene with a watch and closes it."""

    def run(scene: Callable[[ReleaseWatch], Any]) -> None:
        async def play() -> None:
            watch = watching()
            await watch.look()
            await scene(watch)
            await watch.close()

        asyncio.run(play())

    return run


@pytest.fixture
def play(watching: Watching) -> Callable[[Callable[[ReleaseWatch], Any]], None]:
    return looking(watching)


def test_a_change_is_followed_and_the_way_back_with_one_engine(
    play: Any, publisher: Any, ledger: Ledger, shelf: Any
) -> None:
    release = publisher.release(1)
    own = publisher.releases.manifest(release.manifest).guardrails

    async def scene(watch: ReleaseWatch) -> None:
        before = watch.find("triage")
        assert before.guardrails == own and events(ledger, PolicyServed) == []
        first = publisher.put(TIGHT)
        await watch.look()
        after = watch.find("triage")
        assert (after.guardrails, after.change) == (sha256(TIGHT), first)
        assert after.engine is before.engine and after.flight is before.flight and before.guardrails == own
        publisher.put(TIGHTER)
        await watch.look()
        publisher.put(TIGHT, kind="back")
        await watch.look()
        assert guarding(watch) == sha256(TIGHT)
        publisher.put(publisher.policy, kind="back")
        for _ in range(3):
            await watch.look()
        assert guarding(watch) == own and watch.remarks() == ()

    play(scene)
    assert [event.guardrails for event in events(ledger, PolicyServed)] == [
        sha256(TIGHT),
        sha256(TIGHTER),
        sha256(TIGHT),
        own,
    ]
    assert shelf.compiled == 4 and shelf.loads == 1


def test_a_gateway_that_starts_guards_with_the_change_from_its_first_answer(
    play: Any, publisher: Any, ledger: Ledger
) -> None:
    publisher.release(1)
    publisher.put(TIGHT)

    async def scene(watch: ReleaseWatch) -> None:
        assert guarding(watch) == sha256(TIGHT)

    play(scene)
    kinds = [entry.event.kind for entry in ledger.query(AuditFilter(kinds=("policy", "model")))]
    assert kinds == ["policy.served", "model.served"]


def test_a_newer_release_brings_its_own_policy_and_an_older_one_that_stands_in_does_not(
    play: Any, publisher: Any
) -> None:
    publisher.release(1)
    second = publisher.release(2)

    async def scene(watch: ReleaseWatch) -> None:
        publisher.put(TIGHT)
        await watch.look()
        publisher.approve(publisher.releases.manifest(second.manifest), "rejected")
        await watch.look()
        assert watch.find("triage").version == 1 and guarding(watch) == sha256(TIGHT), "the change is newer than both"
        publisher.release(3)
        await watch.look()
        assert watch.find("triage").version == 3 and guarding(watch) == sha256(publisher.policy)
        assert watch.find("triage").change is None
        publisher.put(TIGHTER)
        await watch.look()
        assert guarding(watch) == sha256(TIGHTER)

    play(scene)


def test_a_policy_that_cannot_be_put_to_work_leaves_the_old_one_and_is_told_once(
    watching: Watching, publisher: Any, ledger: Ledger, shelf: Any
) -> None:
    publisher.release(1)
    publisher.put(TIGHT)
    shelf.unfit.add(sha256(TIGHTER))
    publisher.put(TIGHTER)

    async def scene(watch: ReleaseWatch) -> None:
        compiled = shelf.compiled
        for _ in range(3):
            await watch.look()
        assert shelf.compiled == compiled, "it is not compiled again at each look"
        assert guarding(watch) == sha256(TIGHT), "over a restart too: the newest that works"
        [remark] = watch.remarks()
        assert remark.sentence == (
            "triage stays under the policy of change 1: change 2 was refused: it cannot be put to work: "
            "the policy fails 1 of its own examples"
        )
        assert (remark.body()["refused_policy"], remark.body()["message"]) == (2, remark.sentence)

    for _ in range(2):
        looking(watching)(scene)
    assert [event.sequence for event in events(ledger, PolicyRefused)] == [2], "once, over restarts too"

    async def mended(watch: ReleaseWatch) -> None:
        publisher.put(b"name: mended\n")
        await watch.look()
        assert guarding(watch) == sha256(b"name: mended\n") and watch.remarks() == ()

    looking(watching)(mended)


def test_a_change_that_does_not_verify_changes_nothing(play: Any, publisher: Any, ledger: Ledger, home: Home) -> None:
    publisher.release(1)
    publisher.put(TIGHT)

    async def scene(watch: ReleaseWatch) -> None:
        file_of(home, 2).write_text(file_of(home, 1).read_text().replace("incident", "accident"))
        for _ in range(2):
            await watch.look()
        assert guarding(watch) == sha256(TIGHT)
        [remark] = watch.remarks()
        assert remark.sentence.startswith(
            "triage stays under the policy of change 1: change 2 was refused: the signature"
        )

    play(scene)
    assert [event.sequence for event in events(ledger, PolicyRefused)] == [2]


def test_another_numbers_file_and_a_strangers_signature_do_not_count(
    play: Any, publisher: Any, home: Home, tmp_path: Path
) -> None:
    publisher.release(1)
    publisher.put(TIGHT)
    stranger = Reviewers(Home.open(tmp_path / "elsewhere")).add("ana")

    async def scene(watch: ReleaseWatch) -> None:
        file_of(home, 2).write_bytes(file_of(home, 1).read_bytes())
        await watch.look()
        assert "its file name says" in watch.remarks()[0].sentence
        signed = publisher.releases.policies.history("triage")[0].model_copy(update={"sequence": 3})
        file_of(home, 3).write_bytes(stranger.sign(signed).to_json())
        await watch.look()
        assert "signed by nobody who is trusted" in watch.remarks()[0].sentence and guarding(watch) == sha256(TIGHT)

    play(scene)


def test_who_harms_the_file_of_the_change_in_force_takes_no_policy_off(play: Any, publisher: Any, home: Home) -> None:
    publisher.release(1)
    publisher.put(TIGHT)

    async def scene(watch: ReleaseWatch) -> None:
        file_of(home, 1).write_text("{}")
        await watch.look()
        assert guarding(watch) == sha256(TIGHT)
        assert watch.remarks()[0].sentence.startswith("triage stays under the policy of change 1: change 1 was refused")
        publisher.put(TIGHTER)
        await watch.look()
        assert guarding(watch) == sha256(TIGHTER) and watch.remarks() == ()

    play(scene)


def test_a_change_whose_start_cannot_be_recorded_does_not_guard(
    watching: Watching, publisher: Any, ledger: Ledger
) -> None:
    publisher.release(1)

    async def run() -> None:
        watch = watching()
        await watch.look()
        publisher.put(TIGHT)
        ledger.close()
        with pytest.raises(Exception):  # noqa: B017 - whatever a closed store raises
            await watch.look()
        assert guarding(watch) == sha256(publisher.policy)

    asyncio.run(run())
