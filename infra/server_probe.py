"""Asks a local server over HTTP whether it answers and is ready. The waiting stands in `processes.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.server_state import ServerState

if TYPE_CHECKING:
    import httpx

_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Probe:
    """What one look at a server showed."""

    answers: bool
    ready: bool
    note: str = ""
    starting: bool = False
    """It answers, and says itself that it is still loading what it needs."""


def probe(state: ServerState) -> Probe:
    """Looks once. Never raises for a server that does not answer. Proxies of the environment are not used."""
    import httpx

    try:
        with httpx.Client(trust_env=False, timeout=_TIMEOUT_S) as client:
            if client.get(state.url + state.health_path).status_code != 200:
                return Probe(False, False, "it does not answer as it should")
            if state.name != "gateway":
                return Probe(True, True)
            return _gateway(client.get(state.url + "/readyz"))
    except (httpx.HTTPError, ValueError):
        return Probe(False, False, "it does not answer")


def _gateway(answer: httpx.Response) -> Probe:
    """The gateway answers without a release too, and then says why it is not ready."""
    if answer.status_code == 200:
        return Probe(True, True)
    reason = str(answer.json()["error"]["code"])
    notes = {
        "no_release": "no release yet: run `sluice retrain PIPELINE`",
        "starting": "it is loading the released model",
        "release_refused": "the release does not verify: see `sluice audit query`",
    }
    return Probe(True, False, notes.get(reason, f"not ready: {reason}"), starting=reason == "starting")
