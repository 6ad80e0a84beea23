"""Desk: the few stores that reviews and releases need, since `sluice review approve` runs days after the training did.

A Workshop is one as well, so that the same functions serve the flow and the command line.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from flows.progress import Progress
from infra.errors import PartFailed
from infra.ledger.log import Ledger
from infra.settings import Settings
from infra.stores.blobs import Blobs
from infra.stores.releases import Releases


class Desk(Protocol):
    """What reviews and releases work with."""

    @property
    def settings(self) -> Settings:
        """Where the home is."""
        ...

    @property
    def blobs(self) -> Blobs:
        """The contracts and policies that a manifest names."""
        ...

    @property
    def releases(self) -> Releases:
        """The signed records: the only authority."""
        ...

    @property
    def ledger(self) -> Ledger:
        """Where every decision is recorded."""
        ...

    @property
    def progress(self) -> Progress:
        """Where sentences for a person go."""
        ...

    @property
    def mlflow_url(self) -> str:
        """The MLflow server whose aliases follow; '' leaves it alone for now."""
        ...


@dataclass(frozen=True)
class ReviewDesk:
    """A desk without a training run."""

    settings: Settings
    blobs: Blobs
    releases: Releases
    ledger: Ledger
    progress: Progress
    mlflow_url: str = ""

    @classmethod
    def open(cls, settings: Settings, *, progress: Progress, mlflow_url: str = "") -> ReviewDesk:
        """Opens the stores of the home. Raises StoreError."""
        home = settings.home
        return cls(settings, Blobs(home.folder(home.blobs)), Releases(home), Ledger.open(home), progress, mlflow_url)


@contextmanager
def mlflow_server(settings: Settings, progress: Progress) -> Iterator[str]:
    """The address of the home's MLflow server for the time of a `with` block, or '' where it does not come up.

    Starts the server where it does not run, and then ends it afterwards.
    """
    from infra import processes

    try:
        with progress.task("MLflow"):
            services = processes.ensure(settings, ("mlflow",))
    except PartFailed as error:
        progress.say(str(error))
        yield ""
        return
    try:
        yield services[0].url
    finally:
        if services[0].started_by_us:
            processes.stop(settings.home, ("mlflow",))
