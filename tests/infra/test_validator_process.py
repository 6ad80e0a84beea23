"""A validator in its process: what it finds, and that nothing it does outlasts its budget or leaves the machine."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from infra.errors import BadInput, MissingPart, PartFailed
from infra.validator_process import ValidatorProcess
from infra.validator_wire import Found, Loading

OWN = Path(__file__).parent / "validators"
MIB = 1 << 20


def loading(validator: str = "Naughty", arguments: str = "{}", package: str = "naughty", mib: int = 1_500) -> Loading:
    return Loading(package, validator, arguments, mib * MIB)


@pytest.fixture(scope="module", autouse=True)
def _on_the_path() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(OWN))
        yield


@pytest.fixture(scope="module")
def naughty(_on_the_path: None) -> Iterator[ValidatorProcess]:
    process = ValidatorProcess(loading(), budget_s=2.0)
    yield process
    process.close()


def gone(pids: tuple[int, ...], within_s: float = 10.0) -> bool:
    """Whether none of the processes runs any more."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("nothing here", Found(True)),
        ("", Found(True)),
        ("we buy at athena, cheap", Found(False, ((10, 16),))),
        ("ask (athena)", Found(False, ((5, 11),))),
        ("lone \ud800 surrogate", Found(True)),
        ("lie about athena", Found(False)),
        ("beyond the end", Found(False)),
        ("¿" * 100_000, Found(True)),
    ],
)
def test_what_it_finds(naughty: ValidatorProcess, text: str, found: Found) -> None:
    """Spans grow to whole words, and count only where they cover what was found; else all of the text is the find."""
    assert naughty.check(text) == found


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("error secret 4711", "raised an error"),
        ("nonsense", "raised an error"),
        ("reach", "raised an error"),
        ("eat", "raised an error|process died|longer than its budget"),
        ("hang", "longer than its budget"),
        ("die", "process died"),
        ("leave", "process died"),
    ],
)
def test_what_fails_is_told_and_the_next_text_meets_a_fresh_worker(
    naughty: ValidatorProcess, text: str, says: str
) -> None:
    loaded = naughty.pids[0]
    begun = time.monotonic()
    with pytest.raises(PartFailed, match=says) as raised:
        naughty.check(text)
    assert "4711" not in str(raised.value)
    assert naughty.check("athena") == Found(False, ((0, 6),))
    assert naughty.pids[0] == loaded, "what is loaded stays: only the copy is made anew"
    assert time.monotonic() - begun < 60


@pytest.mark.parametrize("text", ["garble", "flood"])
def test_garbage_on_its_pipe_starts_all_anew(naughty: ValidatorProcess, text: str) -> None:
    before = naughty.pids
    with pytest.raises(PartFailed, match=r"nonsense|broke off|longer than"):
        naughty.check(text)
    assert gone(before)
    assert naughty.check("fine") == Found(True)


def test_only_what_the_policy_names_is_imported(naughty: ValidatorProcess, tmp_path: Path) -> None:
    assert naughty.check(f"hide {tmp_path / 'modules'}") == Found(True)
    names = (tmp_path / "modules").read_text().split()
    assert "guardrails_ai.naughty" in names
    packages = {name for name in names if name.startswith("guardrails_ai.") and name.count(".") == 1}
    assert packages <= {"guardrails_ai.naughty", "guardrails_ai.types"}, "guardrails-ai's own types, and no other"
    assert "guardrails_ai.naughty" not in sys.modules


@pytest.mark.parametrize(
    ("wanted", "kind", "says"),
    [
        (loading(package="not_there_at_all"), MissingPart, "'not-there-at-all' is not installed"),
        (loading("Other"), BadInput, "one of Fetching, Naughty, NeedsMore"),
        (loading(""), BadInput, "no validator of this name"),
        (loading("Fetching", '{"banned": 1}'), BadInput, "it takes none"),
        (loading("Fetching"), PartFailed, "wants a model or a service from the network"),
        (loading("NeedsMore"), MissingPart, "needs the module 'a_module_that_nobody_has'"),
        (loading("Naughty", '{"word": "Where"}', mib=64), PartFailed, "memory|ended while it loaded"),
    ],
)
def test_one_that_cannot_be_used_is_refused_in_one_sentence(wanted: Loading, kind: type, says: str) -> None:
    with pytest.raises(kind, match=says):
        ValidatorProcess(wanted, budget_s=2.0)


_HOLDER = """
import sys, time
from infra.validator_process import ValidatorProcess
from infra.validator_wire import Loading
process = ValidatorProcess(Loading("naughty", "Naughty", "{}", 1500 << 20), budget_s=60)
print(*process.pids, flush=True)
if sys.argv[1] == "hung":
    process.check("hang")
time.sleep(600)
"""


@pytest.mark.parametrize("state", ["idle", "hung"])
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_the_service_whatever_it_does(state: str, ending: signal.Signals) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(OWN), str(Path.cwd())))}
    service = subprocess.Popen([sys.executable, "-c", _HOLDER, state], stdout=subprocess.PIPE, env=environment)
    assert service.stdout is not None
    pids = tuple(map(int, service.stdout.readline().split()))
    assert len(pids) == 2 and all(map(psutil.pid_exists, pids))
    time.sleep(1.0 if state == "hung" else 0.1)
    service.send_signal(ending)
    service.wait()
    assert gone(pids)


def test_it_ends_when_nobody_holds_it_any_more(make: Callable[[], ValidatorProcess]) -> None:
    process = make()
    pids = process.pids
    del process
    gc.collect()
    assert gone(pids)


@pytest.fixture
def make() -> Callable[[], ValidatorProcess]:
    return lambda: ValidatorProcess(loading(), budget_s=2.0)
