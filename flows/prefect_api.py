"""The home's Prefect server as schedules, reviews and the worker talk to it: one client, every failure one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from infra.errors import PartFailed
from infra.home import Home

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

POOL = "sluice"
"""The work pool of every scheduled run; the worker makes it where it is missing."""
FLOW = "scheduled retrain"
ENTRYPOINT = "flows.scheduled.scheduled_retrain"
"""Where the worker's child finds the flow: a module's name, since the code is installed and not fetched."""


@contextmanager
def prefect_api(home: Home) -> Iterator[SyncPrefectClient]:
    """A client of the server that is up now. Raises PartFailed when none is, or when it does not do what was asked."""
    from infra import processes

    url = processes.address(home, "prefect")
    if not url:
        raise PartFailed("the Prefect server is not up", where=str(home.root), cure="sluice up")
    import httpx
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.exceptions import PrefectException

    try:
        with SyncPrefectClient(f"{url}/api") as client:
            yield client
    except httpx.HTTPStatusError as error:
        raise PartFailed(
            f"the Prefect server answered {error.response.status_code}", where=url, cure="sluice logs prefect"
        ) from None
    except (httpx.HTTPError, PrefectException) as error:
        raise PartFailed(
            f"the Prefect server did not do it ({type(error).__name__})", where=url, cure="sluice logs prefect"
        ) from None
