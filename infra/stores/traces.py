"""Removes traces of requests from the home's MLflow for good, whether its server runs or not.

Their spans hold redacted texts where `telemetry_content` says so. Traces that were sent to another collector
(`telemetry_otlp_url`) are that one's to remove.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from infra.errors import StoreError
from infra.extras import need
from infra.home import Home
from infra.quiet import hush
from infra.stores.sqlite import store_errors
from infra.stores.wal import empty_wal
from infra.telemetry import REQUESTS

_AT_ONCE = 100
_BUSY_S = 30.0


def remove_traces(home: Home, trace_ids: Sequence[str]) -> int:
    """Removes the traces of these ids (32 hexadecimal digits) and the free pages that held them; returns how many.

    Raises StoreError, and MissingPart when MLflow is not installed.
    """
    database = home.mlflow / "mlflow.db"
    if not trace_ids or not database.exists():
        return 0
    removed = _removed(database, [f"tr-{trace_id}" for trace_id in trace_ids])
    if removed:
        with store_errors(database), closing(sqlite3.connect(database, timeout=_BUSY_S, isolation_level=None)) as made:
            made.execute("VACUUM")
        empty_wal(database)
    return removed


def _removed(database: Path, names: Sequence[str]) -> int:
    hush()
    need("mlflow", extra="train")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    place = f"sqlite:///{database}"
    try:
        client = MlflowClient(tracking_uri=place, registry_uri=place)
        experiment = client.get_experiment_by_name(REQUESTS)
        if experiment is None:
            return 0
        return sum(
            client.delete_traces(
                experiment_id=experiment.experiment_id, trace_ids=list(names[start : start + _AT_ONCE])
            )
            for start in range(0, len(names), _AT_ONCE)
        )
    except MlflowException as error:  # its own text may quote what it was given
        raise StoreError(
            f"MLflow could not remove traces: {error.error_code}",
            where=str(database),
            cure="sluice down, then run the same command again: it goes on where it was",
        ) from None
