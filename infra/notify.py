"""Tells somebody that a version waits for a review: by a command or a webhook that the settings name, nothing else.

A notice names the version and how to look at it. It holds no text of a row, a prompt or an answer, and no person.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from infra.errors import PartFailed
from infra.quiet import child_environment


@dataclass(frozen=True)
class Notice:
    """A version that waits. Times are RFC 3339 in UTC; `expires` is '' where it may wait for ever."""

    pipeline: str
    version: int
    manifest: str
    registered: str
    expires: str
    show: str
    """The command that shows it."""
    approve: str
    """The command that lets it through."""
    page: str
    """Its page in MLflow, '' where that server's address is not known."""
    event: str = "review.waiting"

    def to_json(self) -> bytes:
        """The JSON that both channels get."""
        return json.dumps(asdict(self), ensure_ascii=False).encode()

    def environment(self) -> dict[str, str]:
        """The same as environment variables; not SLUICE_*, which a `sluice` within the command would refuse."""
        return {f"REVIEW_{name.upper()}": str(value) for name, value in asdict(self).items()}


def by_command(command: str, notice: Notice, home: Path, timeout_s: float) -> None:
    """Runs a command without a shell, with the notice on stdin, in the home's folder.

    What it prints goes nowhere. Raises PartFailed when it cannot be started, takes too long or ends with a failure.
    """
    environment = child_environment(add={**notice.environment(), "SLUICE_HOME": str(home)})
    cure = "try the command of SLUICE_REVIEW_NOTIFY_COMMAND by hand"
    try:
        process = subprocess.Popen(
            shlex.split(command),
            cwd=home,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not a command"
        raise PartFailed(f"the review command cannot be started: {why}", cure=cure) from None
    try:
        process.communicate(notice.to_json(), timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise PartFailed(f"the review command did not end within {timeout_s:g} s", cure=cure) from None
    finally:
        _end(process)
    if process.returncode != 0:
        raise PartFailed(f"the review command ended with status {process.returncode}", cure=cure)


def by_webhook(url: str, notice: Notice, timeout_s: float) -> None:
    """Posts the notice to one address: no proxy, no redirect is followed.

    Raises PartFailed unless it answers with 2xx in time. Only the host is named: the path may hold a secret.
    """
    import httpx

    host, cure = urlsplit(url).hostname or "", "check SLUICE_REVIEW_NOTIFY_WEBHOOK"
    headers = {"content-type": "application/json"}
    try:
        with (
            httpx.Client(timeout=timeout_s, trust_env=False, follow_redirects=False) as client,
            client.stream("POST", url, content=notice.to_json(), headers=headers) as response,
        ):
            status = response.status_code
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise PartFailed(
            f"the review webhook does not answer ({type(error).__name__})", where=host, cure=cure
        ) from None
    if not 200 <= status < 300:
        raise PartFailed(f"the review webhook answered {status}", where=host, cure=cure)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a command that still runs, with everything that it started in its process group."""
    if process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
