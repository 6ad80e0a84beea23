"""What every test has: quiet dependencies, a home of its own, and the outside data's place."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.home import Home
from infra.quiet import hush

hush()
for _name in [name for name in os.environ if name.startswith("SLUICE_") and not name.startswith("SLUICE_TEST_")]:
    # A developer's own settings must not decide a test.
    del os.environ[_name]

_DATA = Path(os.environ.get("SLUICE_TEST_DATA", Path(__file__).parent.parent.parent / "shared" / "data"))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    return Home.open(tmp_path / "home")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of outside data. Missing data skips at home and fails in CI."""
    if not _DATA.is_dir():
        message = f"no data at {_DATA}; set SLUICE_TEST_DATA"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return _DATA


_CHANGES = frozenset({"os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "sqlite3.connect"})


@pytest.fixture
def cut_off() -> Callable[[Callable[[], object], Callable[[], object]], Iterator[int]]:
    """Runs an action in a process of its own that dies at its first change of the disk, then at its second ...

    Before each try `prepare` makes things as they were; after each death its number is yielded. Ends with the first try
    that ran whole.
    """

    def every_death(prepare: Callable[[], object], action: Callable[[], object]) -> Iterator[int]:
        for number in range(1, 10_000):
            prepare()
            child = os.fork()
            if child == 0:
                _die_at(number, action)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            assert status in (0, 9), "the action failed before it was cut off"
            if status == 0:
                return
            yield number

    return every_death


def _die_at(number: int, action: Callable[[], object]) -> None:
    left = number

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        writes = event == "open" and isinstance(arguments[2], int) and bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))
        if event in _CHANGES or writes:
            left -= 1
            if left == 0:
                os._exit(9)  # no handler runs, nothing is flushed: as after a kill -9

    sys.addaudithook(hook)
    try:
        action()
    except BaseException:
        os._exit(1)
    os._exit(0)
