"""The program in which a guardrails-ai validator from a package runs, apart from the service, so that it can be killed.

It loads the validator once, then forks: the copy answers, the loaded original waits. When the copy is killed or dies,
the next one is there in milliseconds. Neither outlives the service, also where that is killed: a pipe whose other end
only the service holds kills both when it closes. No connection leaves: an audit hook refuses all, and notes that one
was wanted. Commands on stdin, answers on stdout (validator_wire.py); what a validator prints goes nowhere.
"""

from __future__ import annotations

import fcntl
import importlib
import importlib.util
import inspect
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any, NoReturn

from infra.validator_wire import BadFrame, Loading, has_input, read_frame, write_frame

_NETWORK_EVENTS = frozenset({"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"})
_PROBE = "Where is my order?"
"""Validated once when loading: what a validator fetches on first use shows then."""
_QUICK_DEATHS = 20
_QUICK_S = 0.1
"""Copies that die so soon, one after the other, are no longer made."""


class _Unfit(Exception):
    """Why the validator cannot be used: a word for the reason, and names of ours or of the package; never a text."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


class _NoNetwork:
    """An audit hook that lets nothing be resolved or reached."""

    def __init__(self) -> None:
        self.wanted = False

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if event not in _NETWORK_EVENTS:
            return
        if event in {"socket.connect", "socket.sendto"} and isinstance(arguments[1], str | bytes):
            return  # a Unix socket
        self.wanted = True
        raise OSError("validators get no network")


def main() -> None:
    """Serves until stdin ends."""
    answers = os.dup(1)
    silence = os.open(os.devnull, os.O_RDWR)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    _die_with_service(int(sys.argv[1]))
    network = _NoNetwork()
    sys.addaudithook(network)
    try:
        command = read_frame(0)
        loading = Loading(**command)
        _bound_memory(loading.memory_bytes)
        validator = _load(loading, network)
    except BadFrame:
        return
    except _Unfit as unfit:
        write_frame(answers, {"unfit": unfit.reason, "detail": unfit.detail})
        return
    _answer_in_copies(validator, answers)


def _die_with_service(lifeline: int) -> None:
    """Asks the kernel for a signal that kills this process group when the service's end of the pipe closes."""
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if has_input(lifeline):  # it closed before the kernel was asked
        os._exit(0)


def _bound_memory(limit_bytes: int) -> None:
    """What it may have of its own; files that are mapped do not count."""
    resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, limit_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _load(loading: Loading, network: _NoNetwork) -> Any:
    """The validator, made and tried once. Raises _Unfit."""
    from infra.quiet import hush

    hush()
    module = f"guardrails_ai.{loading.package}"
    if not _is_installed(module):
        raise _Unfit("not-installed")
    try:
        from guardrails.settings import settings
        from guardrails.validator_base import Validator

        settings.rc.enable_metrics = False
        settings.rc.use_remote_inferencing = False
        settings.disable_tracing = True
        network.wanted = False
        found = importlib.import_module(module)
        from infra.validator_data import stand_in_for_downloads

        stand_in_for_downloads()
        made = _make(_class_in(found, loading.validator, Validator), json.loads(loading.arguments))
        made.validate(_PROBE, {})
    except _Unfit:
        raise
    except ModuleNotFoundError as error:
        raise _Unfit("needs", str(error.name or "")) from None
    except MemoryError:
        raise _Unfit("memory") from None
    except BaseException as error:
        raise _Unfit("network" if network.wanted else "failed", type(error).__name__) from None
    return made


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _class_in(module: Any, wanted: str, base: type) -> type:
    names = [name for name in getattr(module, "__all__", dir(module)) if not name.startswith("_")]
    classes = {name: getattr(module, name, None) for name in names}
    validators = {name: kind for name, kind in classes.items() if isinstance(kind, type) and issubclass(kind, base)}
    validators.pop("Validator", None)
    if wanted in validators:
        return validators[wanted]
    if wanted or len(validators) != 1:
        raise _Unfit("which", ", ".join(sorted(validators)))
    return next(iter(validators.values()))


def _make(kind: type, arguments: dict[str, Any]) -> Any:
    signature = inspect.signature(kind)
    try:
        signature.bind(**arguments)
    except TypeError:
        names = ", ".join(name for name in signature.parameters if name not in {"on_fail", "kwargs", "args"})
        raise _Unfit("arguments", names) from None
    return kind(**arguments)


def _answer_in_copies(validator: Any, answers: int) -> NoReturn:
    """Forks copies that answer, one after the other, until stdin ends."""
    for _ in _while_useful():
        copy = os.fork()
        if copy == 0:
            _answer(validator, answers)
        write_frame(answers, {"ready": copy})
        _, status = os.waitpid(copy, 0)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0:
            break
    os._exit(0)


def _while_useful() -> Iterator[int]:
    """Turns, until copies only die."""
    quick = 0
    while quick < _QUICK_DEATHS:
        begun = time.monotonic()
        yield quick
        quick = quick + 1 if time.monotonic() - begun < _QUICK_S else 0


def _answer(validator: Any, answers: int) -> NoReturn:
    """Validates text after text. Ends with 0 where stdin ends."""
    try:
        while True:
            command = read_frame(0)
            write_frame(answers, {"id": command["id"], **_validated(validator, command["text"])})
    except BadFrame:
        os._exit(0)
    except BaseException:
        os._exit(1)


def _validated(validator: Any, text: str) -> dict[str, Any]:
    try:
        result = validator.validate(text, {})
        if result.outcome == "pass":
            return {"passed": True, "spans": []}
        spans = _spans(result, text)
        if spans and validator.validate(_without(text, spans), {}).outcome != "pass":
            spans = []  # they miss what it found: then all of the text is the find
        return {"passed": False, "spans": spans}
    except MemoryError:
        os._exit(1)  # what it holds would fail the next text too
    except Exception as error:
        return {"raised": type(error).__name__}


def _spans(result: Any, text: str) -> list[list[int]]:
    """The error spans, widened to whole words: a letter that is left over could tell what was found."""
    spans: list[list[int]] = []
    for span in getattr(result, "error_spans", None) or []:
        start, end = int(span.start), int(span.end)
        if not 0 <= start <= end <= len(text):
            return []
        while start > 0 and text[start - 1].isalnum() and text[start : start + 1].isalnum():
            start -= 1
        while end < len(text) and end > 0 and text[end - 1].isalnum() and text[end].isalnum():
            end += 1
        if start < end:
            spans.append([start, end])
    return spans


def _without(text: str, spans: list[list[int]]) -> str:
    letters = list(text)
    for start, end in spans:
        letters[start:end] = " " * (end - start)
    return "".join(letters)


if __name__ == "__main__":
    main()
