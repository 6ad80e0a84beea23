"""Which version answers: only what verifies; a swap drops nothing; a refusal is recorded once; the last good stays."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from infra.contracts.base import now
from infra.contracts.ids import new_id
from infra.contracts.lifecycle_events import ModelServed, ReleaseRefused
from infra.engines.engine import Generation, Message, Sampling
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter
from services.errors import ApiError
from services.release_watch import ReleaseWatch
from services.served import Served

Watching = Callable[..., ReleaseWatch]
ASKED = Generation((Message("user", "hello"),), Sampling(max_new_tokens=8))


def refusal(watch: ReleaseWatch, model: str) -> str:
    with pytest.raises(ApiError) as caught:
        watch.find(model)
    return caught.value.code


def kinds(ledger: Ledger, kind: type) -> list[Any]:
    return [entry.event for entry in ledger.query(AuditFilter()) if isinstance(entry.event, kind)]


async def ask(watch: ReleaseWatch, model: str = "triage") -> str:
    """One answer, as a request does it: the version is held from the first moment to the last."""
    served = watch.find(model)
    served.flight.begin()
    try:
        return "".join([chunk.text async for chunk in served.engine.generate(ASKED)])
    finally:
        served.flight.end()


def test_nothing_is_served_before_a_release_and_the_reason_is_said(watching: Watching) -> None:
    async def run() -> None:
        watch = watching()
        assert watch.not_ready == "starting" == refusal(watch, "triage")
        await watch.look()
        assert watch.not_ready == "no_release" == refusal(watch, "triage") and watch.served() == ()

    asyncio.run(run())


def test_a_release_is_served_and_its_version_named(watching: Watching, publisher: Any, ledger: Ledger) -> None:
    release = publisher.release(3)

    async def run() -> None:
        watch = watching()
        await watch.look()
        await watch.look()
        served = watch.find("triage")
        assert watch.not_ready == "" and (served.version, served.release_digest) == (3, release.digest)
        assert served.fingerprint.startswith("triage-v3-") and not served.scripted
        assert refusal(watch, "banking77") == "model_not_found"
        await watch.close()

    asyncio.run(run())
    assert [(event.version, event.release) for event in kinds(ledger, ModelServed)] == [(3, release.digest)]


def test_two_hundred_answers_in_flight_survive_a_swap(watching: Watching, publisher: Any, shelf: Any) -> None:
    publisher.release(1)

    async def run() -> list[str]:
        gate = asyncio.Event()
        watch = watching()
        await watch.look()
        shelf.engines[1].gate = gate
        before = [asyncio.create_task(ask(watch)) for _ in range(200)]
        await asyncio.sleep(0.05)
        await asyncio.to_thread(publisher.release, 2)
        await watch.look()
        assert not shelf.engines[1].stopped, "the old version still answers"
        after = [asyncio.create_task(ask(watch)) for _ in range(20)]
        gate.set()
        answers = await asyncio.gather(*before, *after)
        await asyncio.sleep(0.05)
        assert shelf.engines[1].stopped and not shelf.engines[2].stopped
        assert shelf.engines[1].answered_after_stop == 0
        await watch.close()
        return answers

    answers = asyncio.run(run())
    assert answers == ["v1 " * 4] * 200 + ["v2 " * 4] * 20


def test_swaps_under_steady_traffic_drop_nothing(watching: Watching, publisher: Any) -> None:
    publisher.release(1)

    async def run() -> list[str]:
        watch = watching()
        await watch.look()
        follow = asyncio.create_task(watch.follow(0.01))
        answers: list[str] = []
        done = asyncio.Event()

        async def caller() -> None:
            while not done.is_set():
                answers.append(await ask(watch))

        callers = [asyncio.create_task(caller()) for _ in range(20)]
        for version in (2, 3, 4):
            await asyncio.to_thread(publisher.release, version)
            while watch.find("triage").version != version:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            so_far = len(answers)
            while len(answers) < so_far + 60:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        done.set()
        await asyncio.gather(*callers)
        follow.cancel()
        await asyncio.gather(follow, return_exceptions=True)
        await watch.close()
        return answers

    answers = asyncio.run(run())
    assert {answer[:2] for answer in answers} >= {"v2", "v3", "v4"}
    assert all(answer == answer[:3] * 4 for answer in answers), "an answer came from two versions, or was cut"


def test_a_release_that_does_not_verify_is_refused_once_and_the_good_one_stays(
    watching: Watching, publisher: Any, ledger: Ledger, home: Home
) -> None:
    publisher.release(1)

    async def run() -> None:
        watch = watching()
        await watch.look()
        folder = home.releases / "triage" / "releases"
        forged = (folder / "00000001.json").read_text().replace("ana", "eva")
        (folder / "00000002.json").write_text(forged)
        for _ in range(3):
            await watch.look()
        assert watch.find("triage").version == 1 and watch.not_ready == ""
        await watch.close()
        again = watching()
        await again.look()
        await again.close()

    asyncio.run(run())
    assert len(kinds(ledger, ReleaseRefused)) == 1, "once, over restarts too"


def test_what_was_refused_is_said_until_the_next_release(
    watching: Watching, publisher: Any, ledger: Ledger, home: Home
) -> None:
    publisher.release(1)

    def refuse(pipeline: str, reason: str) -> None:
        ledger.append(
            ReleaseRefused(event_id=new_id("alias-refusal"), at=now(), pipeline=pipeline, version=7, reason=reason)
        )

    async def run() -> None:
        watch = watching()
        await watch.look()
        assert watch.remarks() == ()
        refuse("banking77", "of another pipeline")
        refuse("triage", "an older one")
        refuse("triage", "version 7 of triage is waiting, not approved")
        await watch.look()
        (remark,) = watch.remarks()
        assert remark.sentence == (
            "triage stays on version 1: version 7 was refused: version 7 of triage is waiting, not approved"
        )
        assert watch.find("triage").version == 1 and watch.not_ready == ""
        later = publisher.release(2, at=now())
        await watch.look()
        assert watch.remarks() == (), "what was refused before the release in force is history"
        publisher.approve(publisher.releases.manifest(later.manifest), "rejected")
        await watch.look()
        assert [one.serving for one in watch.remarks()] == [1], "and so is said what ended the newer one's force"
        assert "rejected by ana" in watch.remarks()[0].sentence
        await watch.close()

    asyncio.run(run())


def test_a_pipeline_with_nothing_left_says_why(watching: Watching, publisher: Any) -> None:
    release = publisher.release(1)

    async def run() -> None:
        watch = watching()
        publisher.approve(publisher.releases.manifest(release.manifest), "rejected")
        await watch.look()
        (remark,) = watch.remarks()
        assert remark.sentence == ("triage is not served: version 1 was refused: the version was rejected by ana")
        assert remark.body()["serving"] is None

    asyncio.run(run())


def test_a_version_that_is_rejected_later_is_not_served_any_more(
    watching: Watching, publisher: Any, shelf: Any
) -> None:
    release = publisher.release(1)

    async def run() -> None:
        watch = watching()
        await watch.look()
        manifest = publisher.releases.manifest(release.manifest)
        publisher.approve(manifest, "rejected")
        await watch.look()
        assert watch.not_ready == "release_refused" == refusal(watch, "triage")
        await asyncio.sleep(0.02)
        assert shelf.engines[1].stopped

    asyncio.run(run())


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_and_is_not_tried_at_each_look(
    watching: Watching, publisher: Any, shelf: Any, ledger: Ledger
) -> None:
    publisher.release(1)
    shelf.broken.add(2)

    async def run() -> None:
        watch = watching()
        await watch.look()
        publisher.release(2)
        for _ in range(5):
            await watch.look()
        assert watch.find("triage").version == 1 and shelf.loads == 2
        shelf.broken.clear()
        publisher.release(3)
        await watch.look()
        assert watch.find("triage").version == 3
        await watch.close()

    asyncio.run(run())
    assert [(event.version, event.reason) for event in kinds(ledger, ReleaseRefused)] == [
        (2, "it cannot be loaded: the engine does not start")
    ]


def test_a_version_whose_start_cannot_be_recorded_does_not_answer(
    watching: Watching, publisher: Any, ledger: Ledger, shelf: Any
) -> None:
    publisher.release(1)

    async def run() -> None:
        watch = watching()
        ledger.close()
        with pytest.raises(Exception):  # noqa: B017 - whatever a closed store raises
            await watch.look()
        assert watch.served() == () and shelf.engines[1].stopped

    asyncio.run(run())


def test_the_scripted_engine_answers_to_any_name_until_the_home_has_a_release(
    watching: Watching, publisher: Any, shelf: Any
) -> None:
    async def run() -> None:
        watch = watching(scripted=True)
        await watch.look()
        served: Served = watch.find("anything-at-all")
        assert served.scripted and (served.pipeline, served.fingerprint) == ("anything-at-all", "scripted")
        assert refusal(watch, "Not a name!") == "model_not_found"
        publisher.release(1)
        await watch.look()
        assert watch.not_ready == "scripted_refused" == refusal(watch, "anything-at-all")
        await asyncio.sleep(0.02)
        assert shelf.engines[0].stopped and 1 not in shelf.engines

    asyncio.run(run())
