"""The command line in this process, and disks that can be filled or made read-only."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.cli import main

_DISK_BYTES = 2_000_000


@dataclass(frozen=True)
class Told:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str


Tell = Callable[..., Told]


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tell:
    """Runs `sluice` as its entry point does, with the settings given by name."""

    def run(*arguments: str, **environment: object) -> Told:
        for name, value in environment.items():
            monkeypatch.setenv(name, str(value))
        monkeypatch.setattr(sys, "argv", ["sluice", *arguments])
        with pytest.raises(SystemExit) as ended:
            main.main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Told(int(ended.value.code or 0), out, err)

    return run


class Disk:
    """A small disk of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def fill(self, leave: int = 0) -> Path:
        """Takes all the room but `leave` bytes; remove the file to free it."""
        stone = self.root / "stone"
        with stone.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                file.truncate(max(0, file.tell() - leave))
        return stone

    def read_only(self) -> None:
        """Makes the disk read-only, also for root."""
        subprocess.run(["mount", "-o", "remount,ro", self.root], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Needs the right to mount; without it the test is skipped."""
    root = tmp_path / "disk"
    root.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "tmpfs", root], capture_output=True)
    if made.returncode:
        pytest.skip("this user may not mount a disk")
    try:
        yield Disk(root)
    finally:
        subprocess.run(["umount", "--lazy", root], check=True)
