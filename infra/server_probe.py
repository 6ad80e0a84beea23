"""Asks a local server over HTTP whether it answers and is ready. The waiting stands in `processes.py`."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from infra.server_state import ServerName, ServerState

_TIMEOUT_S = 5.0
_LONGEST_BYTES = 65_536


@dataclass(frozen=True)
class Probe:
    """What one look at a server showed."""

    answers: bool
    ready: bool
    note: str = ""
    starting: bool = False
    """It answers, and says itself that it is still loading what it needs."""


@dataclass(frozen=True)
class _Answer:
    status: int
    body: bytes


def probe(state: ServerState) -> Probe:
    """Looks once. Never raises for a server that does not answer. Proxies of the environment are not used."""
    try:
        if _get(state.url, state.health_path).status != http.client.OK:
            return Probe(False, False, "it does not answer as it should")
        if state.name not in _READY:
            return Probe(True, True)
        return _READY[state.name](_get(state.url, "/readyz"))
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return Probe(False, False, "it does not answer")


def _get(url: str, path: str) -> _Answer:
    """One plain GET. The standard library's client: others build a TLS context for each look, which costs 30 ms."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return _Answer(response.status, response.read(_LONGEST_BYTES))
    finally:
        connection.close()


def _gateway(answer: _Answer) -> Probe:
    """The gateway says why it is not ready, and, ready or not, what was refused since the release in force, and what
    the ledger's witness says.
    """
    body = json.loads(answer.body)
    told = [*body.get("refused", []), body.get("witness") or {}]
    refused = "; ".join(str(one["message"]) for one in told if one.get("message"))
    if answer.status == http.client.OK:
        return Probe(True, True, refused)
    reason = str(body["error"]["code"])
    notes = {
        "no_release": "no release yet: run `sluice retrain PIPELINE`" + (f"; {refused}" if refused else ""),
        "starting": "it is loading the released model",
        "release_refused": refused or "the release does not verify: see `sluice audit query`",
    }
    return Probe(True, False, notes.get(reason, f"not ready: {reason}"), starting=reason == "starting")


def _worker(answer: _Answer) -> Probe:
    """The worker answers without a Prefect server too, and then does nothing but wait for one."""
    if answer.status == http.client.OK:
        return Probe(True, True)
    reason = str(json.loads(answer.body)["error"]["code"])
    notes = {
        "no_prefect": "it waits for the Prefect server: start it with `sluice up`",
        "starting": "it is connecting to the Prefect server",
    }
    return Probe(True, False, notes.get(reason, f"not ready: {reason}"), starting=reason == "starting")


_READY: Mapping[ServerName, Callable[[_Answer], Probe]] = {"gateway": _gateway, "worker": _worker}
"""Servers that say themselves, at /readyz, whether they can do their work."""
