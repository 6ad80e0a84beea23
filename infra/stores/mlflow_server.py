"""One MLflow server: is it up, a client for it, and its failures as ours.

Its tracking URI is handed in, never read from the environment.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from infra.errors import PartFailed
from infra.quiet import hush

_PROBE_S = 3.0


@dataclass(frozen=True)
class MlflowServer:
    """One server, addressed by its tracking URI."""

    url: str
    _made: list[Any] = field(default_factory=list, repr=False, compare=False)

    @classmethod
    def open(cls, url: str) -> MlflowServer:
        """Asks the server whether it is up.

        Raises PartFailed within seconds when it is not; MLflow's own client would try for minutes.
        """
        import httpx

        try:
            up = bool(url) and httpx.get(f"{url.rstrip('/')}/health", timeout=_PROBE_S, trust_env=False).is_success
        except (httpx.HTTPError, httpx.InvalidURL):
            up = False
        if not up:
            raise PartFailed("MLflow does not answer", where=url or "no MLflow address", cure="sluice up")
        return cls(url.rstrip("/"))

    @property
    def client(self) -> Any:
        """MLflow's client, made on first use (its import takes seconds)."""
        if not self._made:
            hush()
            from mlflow import MlflowClient

            self._made.append(MlflowClient(tracking_uri=self.url, registry_uri=self.url))
        return self._made[0]

    @contextmanager
    def asked_to(self, doing: str) -> Iterator[Any]:
        """The client for one request.

        Raises PartFailed when the server does not answer or says no. MLflow's own text is not repeated: it may quote
        what was sent.
        """
        client = self.client
        import requests
        from mlflow.exceptions import MlflowException

        try:
            yield client
        except MlflowException as error:
            raise PartFailed(
                f"MLflow could not {doing}: {error.error_code}", where=self.url, cure="sluice logs mlflow"
            ) from None
        except (requests.RequestException, OSError) as error:
            raise PartFailed(
                f"MLflow could not {doing}: {type(error).__name__}", where=self.url, cure="sluice status"
            ) from None
