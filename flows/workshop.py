"""Workshop: the stores and settings that a stage works with, opened once per run and handed down."""

from __future__ import annotations

from dataclasses import dataclass

from flows.progress import Progress
from infra.home_lock import hold
from infra.ledger.log import Ledger
from infra.ledger.vault import Vault
from infra.settings import Settings
from infra.stores.blobs import Blobs
from infra.stores.datasets import Datasets
from infra.stores.releases import Releases


@dataclass(frozen=True)
class Workshop:
    """One run's tools."""

    settings: Settings
    run_id: str
    blobs: Blobs
    vault: Vault
    datasets: Datasets
    releases: Releases
    ledger: Ledger
    progress: Progress
    mlflow_url: str
    """Tracking URI of the MLflow server that this run reports to."""

    @classmethod
    def open(cls, settings: Settings, *, run_id: str, progress: Progress, mlflow_url: str) -> Workshop:
        """Opens every store of the home; `sluice gc` takes nothing away while a process has one. Raises StoreError."""
        home = settings.home
        hold(home, "run")
        blobs, vault = Blobs(home.folder(home.blobs)), Vault.open(home)
        return cls(
            settings,
            run_id,
            blobs,
            vault,
            Datasets(home, blobs, vault),
            Releases(home),
            Ledger.open(home),
            progress,
            mlflow_url,
        )
