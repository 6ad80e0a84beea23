"""How a command ends: the next sensible command as its last line, or, interrupted, the command that goes on.

Signals become exceptions here, so that whatever a command has open is closed and whatever it started is ended.
"""

from __future__ import annotations

import re
import shlex
import signal
import sys
from collections.abc import Sequence
from types import FrameType

import typer

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PATIENCE = 3
"""So many signals until one is obeyed although the clearing up is not done."""
_SECRET_KEY = re.compile(r"(?i)(^|[._-])(key|token|secret|password|subject|reason)$")
_SECRET_VALUE = re.compile(r"\bslk_\w+")


class Stopped(KeyboardInterrupt):
    """A signal that ends the command; a KeyboardInterrupt, since that is what libraries let through."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    @property
    def exit_code(self) -> int:
        """130 for Ctrl-C, 143 for SIGTERM, 129 for a terminal that was closed."""
        return 128 + self.number


class Watch:
    """Turns SIGINT, SIGTERM and SIGHUP into `Stopped`, once; later ones wait for the clearing up."""

    def __init__(self) -> None:
        self.got: list[int] = []

    def begin(self) -> None:
        """Installs the handlers. What ignores a signal from the start (nohup) goes on ignoring it."""
        for number in _NUMBERS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._heard)

    def _heard(self, number: int, _: FrameType | None) -> None:
        self.got.append(number)
        if len(self.got) == 1 or len(self.got) > _PATIENCE:
            raise Stopped(number)
        sys.stderr.write("sluice: still ending what this command started; a few seconds\n")


def say_next(command: str, remark: str = "") -> None:
    """The last line of a command, on stderr: what a person would sensibly run now."""
    typer.echo(f"next: {command}{f'   ({remark})' if remark else ''}", err=True)


def go_on(arguments: Sequence[str]) -> str:
    """The command as it was given, quoted for a shell. Keys, secrets, subjects and reasons are left out."""
    words = ["sluice", *(_SECRET_VALUE.sub("KEY", word) for word in arguments)]
    for index, word in enumerate(words):
        name, sign, _ = word.partition("=")
        if sign and _SECRET_KEY.search(name):
            words[index] = f"{name}=VALUE"
        elif index and words[index - 1].startswith("--") and _SECRET_KEY.search(words[index - 1]):
            words[index] = "VALUE"
    return shlex.join(words)


def say_interrupted(arguments: Sequence[str]) -> None:
    """What an interrupted command says."""
    typer.echo(f"\nsluice: interrupted; nothing recorded is lost. To go on: {go_on(arguments)}", err=True)
