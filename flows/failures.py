"""What a failed stage may say: our own errors pass with their sentence, of any other the kind and the place.

Prefect keeps an exception's text in its database (states, logs), and the terminal shows it. A library's text may quote
a row. So nothing but a SluiceError leaves a stage or a command; the trace, without texts, goes to a log (mode 0600).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from infra.errors import PartFailed, SluiceError
from infra.faults import named_fault
from infra.home import Home
from infra.textless import place_of, trace_of

LOG = "failures.log"
"""Where the traces lie, in the home's logs."""
_LOG_BYTES = 2_000_000


@contextmanager
def only_our_words(what: str, home: Home | None) -> Iterator[None]:
    """Lets a block fail with nothing but a SluiceError, without the causes behind it. `what` names the block.

    Anything unexpected becomes a PartFailed with its kind and its place in our code; its trace is kept in the home.
    KeyboardInterrupt and the like pass as they are.
    """
    failed: SluiceError
    try:
        yield
        return
    except SluiceError as error:
        failed = error
    except Exception as error:
        beyond = error.__traceback__.tb_next if error.__traceback__ else None  # the first frame is this one
        failed = named_fault(error) or unexpected(what, error.with_traceback(beyond), home)
    failed.__cause__ = failed.__context__ = None  # what led to our own error may quote too
    raise failed from None


def unexpected(what: str, error: Exception, home: Home | None) -> PartFailed:
    """The sentence for an error that nobody expected; its trace is kept in the home's logs, where there is a home."""
    log = _keep(f"{what}: {trace_of(error)}", home) if home is not None else ""
    place = place_of(error)
    return PartFailed(
        f"{what} failed with an unexpected {type(error).__name__}{' at ' + place if place else ''}; "
        "its text may quote your data and is not shown",
        where=log,
        cure="run the same command again: finished stages are kept; where it fails again, report "
        + ("the trace in that log" if log else "this line"),
    )


def command_failed(error: Exception) -> PartFailed:
    """The same for whatever else ends a command."""
    from infra.settings import read_settings

    home: Home | None = None
    with contextlib.suppress(SluiceError):
        home = read_settings().home
    return unexpected("the command", error, home)


def _keep(trace: str, home: Home) -> str:
    """Adds a trace to the log and names it, '' where it cannot be written. A log that has grown starts anew."""
    try:
        log = home.folder(home.logs) / LOG
        if log.exists() and log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {trace}\n")
    except (OSError, SluiceError):
        return ""
    return str(log)
