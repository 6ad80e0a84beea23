"""Exceptions without their texts: what kind failed and where, never what it was given.

A library's error quotes what it was processing (`invalid literal for int(): '...'`), and so does a log line that is
given one. Our own errors hold no content (infra/errors.py) and keep their sentence.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from traceback import extract_tb, format_list
from types import TracebackType
from typing import Any

from infra.errors import SluiceError

_DEEPEST = 12
"""So many causes of causes are told."""
_ROOT = Path(__file__).parent.parent
_ROOMS = frozenset({"flows", "services", "policies", "infra"})


def in_words(error: BaseException) -> str:
    """Our own errors' sentence; of any other its kind alone."""
    return str(error) if isinstance(error, SluiceError) else type(error).__name__


def place_of(error: BaseException) -> str:
    """The innermost line of our own code that an error came through, e.g. `flows/gate.py, line 31`; '' where none."""
    for frame in reversed(extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(_ROOT) and path.relative_to(_ROOT).parts[0] in _ROOMS:
            return f"{path.relative_to(_ROOT)}, line {frame.lineno}"
    return ""


def trace_of(error: BaseException) -> str:
    """The whole trace with its causes: files, lines and kinds, the texts of our own errors and no other."""
    parts = []
    for one in islice(_chain(error), _DEEPEST):
        # Lines of source are code, which holds no content; values are nowhere in a frame's summary.
        parts.append("".join(format_list(extract_tb(one.__traceback__))) + in_words(one))
    return "\n-- came from --\n".join(parts) + "\n"


def hide_texts() -> None:
    """From here on no log record, and no thread that dies, tells an exception's text in this process.

    Records of every library pass here: an exception among the arguments becomes its kind, a trace loses its texts.
    """
    inner = logging.getLogRecordFactory()
    if getattr(inner, "hides_texts", False):
        return

    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = inner(*args, **kwargs)
        record.args = _hidden(record.args)
        record.msg = in_words(record.msg) if isinstance(record.msg, BaseException) else record.msg
        if record.name == "asyncio" and record.levelno >= logging.ERROR:
            # The lines after the first are tasks in words, which quote the exceptions they ended with.
            record.msg = str(record.msg).partition("\n")[0]
        if record.exc_info and record.exc_info[1] is not None:
            record.exc_text, record.exc_info = trace_of(record.exc_info[1]).rstrip(), None
        return record

    make.hides_texts = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(make)
    sys.excepthook = _tell
    threading.excepthook = lambda died: _tell(died.exc_type, died.exc_value, died.exc_traceback)


def _tell(kind: type[BaseException], error: BaseException | None, at: TracebackType | None) -> None:
    if error is None or issubclass(kind, SystemExit):
        return
    sys.stderr.write(trace_of(error.with_traceback(at)))


class _Words(str):
    """Words in an error's place: without quotes where `%r` was asked for."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _hidden(args: Any) -> Any:
    if isinstance(args, tuple):
        return tuple(_Words(in_words(one)) if isinstance(one, BaseException) else one for one in args)
    return args


def _chain(error: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = error
    while one is not None:
        yield one
        known = one.__suppress_context__ or one.__cause__ is not None
        one = one.__cause__ if known else one.__context__
