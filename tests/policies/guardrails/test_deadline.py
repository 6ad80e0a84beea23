"""Work with a deadline: order, what is late is skipped and not heard, threads that hang are counted and bounded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from policies.guardrails.deadline import ChecksStuck, Job, Threads


def job(work: Callable[[list[str]], str], budget_s: float = 30.0) -> Job[list[str], str]:
    return Job(work, budget_s, lambda late, milliseconds: "late" if late and milliseconds >= 0 else "failed")


def never(_result: str) -> bool:
    return False


def done(
    threads: Threads,
    jobs: list[Job[list[str], str]],
    make: Callable[[], list[str]],
    ends: Callable[[str], bool],
    until_s: float = float("inf"),
) -> list[str]:
    """The results of jobs for which the caller waits at once."""
    return threads.begin(jobs, make, ends, until_s)()


def test_jobs_share_what_is_made_for_them_and_keep_their_order() -> None:
    def note(name: str) -> Job[list[str], str]:
        return job(lambda seen: (seen.append(name), ",".join(seen))[1])

    assert done(Threads(), [note("a"), note("b"), note("c")], list, never) == ["a", "a,b", "a,b,c"]


def test_the_first_that_ends_it_spares_the_rest() -> None:
    ran: list[str] = []
    jobs = [job(lambda _, name=name: (ran.append(name), name)[1]) for name in "abc"]  # type: ignore[misc]
    assert done(Threads(), jobs, list, lambda result: result == "b") == ["a", "b"] == ran


def test_a_late_job_is_skipped_and_what_it_says_later_is_not_heard() -> None:
    threads, go, parts = Threads(), threading.Event(), []

    def make() -> list[str]:
        parts.append([])
        return parts[-1]

    jobs = [job(lambda _: "a"), job(lambda _: str(go.wait(60)), 0.05), job(lambda part: f"c{part is parts[1]}")]
    begun = time.perf_counter()
    assert done(threads, jobs, make, never) == ["a", "late", "cTrue"], "the third has a part of its own"
    assert time.perf_counter() - begun < 10, "the budget is that of the job, not that of one before it"
    assert threads.stuck == 1
    go.set()
    _until(lambda: threads.stuck == 0)
    assert done(threads, [job(lambda _: "again")], list, never) == ["again"]


@pytest.mark.parametrize("error", [ValueError("text"), SystemExit(3), KeyboardInterrupt()])
def test_a_job_that_breaks_its_thread_has_failed(error: BaseException) -> None:
    def breaks(_part: list[str]) -> str:
        raise error

    assert done(Threads(), [job(breaks), job(lambda _: "b")], list, never) == ["failed", "b"]


def test_a_bound_on_all_cuts_off_what_is_left() -> None:
    threads, go = Threads(), threading.Event()
    jobs = [job(lambda _: "a"), job(lambda _: str(go.wait(60))), job(lambda _: "c")]
    assert done(threads, jobs, list, never, time.perf_counter() + 0.2) == ["a", "late"]
    go.set()


def test_when_too_many_hang_nothing_is_done_until_one_comes_back() -> None:
    threads, go = Threads(most_stuck=3), threading.Event()
    hangs = job(lambda _: str(go.wait(60)), 0.02)
    assert done(threads, [hangs, hangs], list, never) == ["late", "late"]
    assert not threads.exhausted
    done(threads, [hangs], list, never)
    assert threads.exhausted
    with pytest.raises(ChecksStuck, match="nothing is answered"):
        done(threads, [job(lambda _: "a")], list, never)
    go.set()
    _until(lambda: threads.stuck == 0)
    assert done(threads, [job(lambda _: "a")], list, never) == ["a"]


def test_many_at_once_each_get_their_own() -> None:
    threads, found = Threads(), {}

    def ask(number: int) -> None:
        found[number] = done(threads, [job(lambda _: str(number))] * 3, list, never)

    callers = [threading.Thread(target=ask, args=(number,)) for number in range(60)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert found == {number: [str(number)] * 3 for number in range(60)}
    assert threads.stuck == 0


def test_what_has_begun_runs_beside_what_the_caller_does_next() -> None:
    threads, met = Threads(), threading.Barrier(2, timeout=30)
    aside = threads.begin([job(lambda _: f"aside {met.wait() >= 0}")], list, never)
    assert done(threads, [job(lambda _: f"beside {met.wait() >= 0}")], list, never) == ["beside True"]
    assert aside() == ["aside True"]
    assert threads.begin([], list, never)() == []


def _until(true: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end_s
        time.sleep(0.01)
