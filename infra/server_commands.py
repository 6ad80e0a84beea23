"""How each local server is started: its command line, its environment, and the address that tells whether it answers.

Every server runs with the home as working folder, PYTHONSAFEPATH and every phone-home turned off, and sees no setting
of its part that the caller's environment holds for other purposes (a cloud's PREFECT_API_URL, an MLFLOW_TRACKING_URI).
"""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from infra.errors import PartFailed
from infra.quiet import child_environment
from infra.server_state import ServerName
from infra.settings import Settings

_FOREIGN_PREFIXES = (
    "PREFECT_",
    "MLFLOW_",
    "_MLFLOW_",
    "BENTO",
    "OTEL_",
    "DOCKET_",
    "UVICORN_",
    "GUNICORN_",
    "FORWARDED_",
)
_DRAIN_S = 20
"""How long the gateway lets answers under way finish before it cancels them."""


@dataclass(frozen=True)
class ServerCommand:
    """Everything that starting one server needs."""

    name: ServerName
    arguments: tuple[str, ...]
    environment: dict[str, str]
    folder: Path
    url: str
    health_path: str
    engine: str = ""


def server_command(settings: Settings, name: ServerName, *, port: int, engine: str = "") -> ServerCommand:
    """The command of one server on a port."""
    if name == "prefect":
        return _prefect(settings, port)
    if name == "mlflow":
        return _mlflow(settings, port)
    if name == "worker":
        return _worker(settings, port)
    return _gateway(settings, port, engine or settings.engine.engine_name)


def choose_port(settings: Settings, name: ServerName, previous: int = 0) -> int:
    """The configured port, else the one of the last time where it is still free, else a free one.

    Raises PartFailed when a configured port is taken by another program.
    """
    host = settings.servers.host
    wanted = {
        "prefect": settings.servers.prefect_port,
        "mlflow": settings.servers.mlflow_port,
        "gateway": settings.servers.gateway_port,
        "worker": settings.servers.worker_port,
    }[name]
    if wanted and not _is_free(host, wanted):
        raise PartFailed(
            f"{name} cannot listen on {host}:{wanted}: the port is taken, or the address is not of this machine",
            cure=f"end the program that has it, or set SLUICE_{name.upper()}_PORT=0 for a free port",
        )
    if wanted:
        return wanted
    if previous and _is_free(host, previous):
        return previous
    with socket.create_server((host, 0), family=_family(host)) as probe:
        return int(probe.getsockname()[1])


def _is_free(host: str, port: int) -> bool:
    try:
        with socket.create_server((host, port), family=_family(host)):
            return True
    except OSError:
        return False


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _url(settings: Settings, port: int) -> str:
    host = settings.servers.host
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{reachable}:{port}"


def _environment(settings: Settings, **more: str) -> dict[str, str]:
    """The caller's environment without foreign settings, with ours in full: a server reads what the caller read."""
    known = {setting.name: setting.value for setting in settings.sources}
    return child_environment(drop_prefixes=_FOREIGN_PREFIXES, add=known | more)


def _prefect(settings: Settings, port: int) -> ServerCommand:
    host, folder = settings.servers.host, settings.home.folder(settings.home.prefect)
    environment = _environment(
        settings,
        **_prefect_places(folder),
        PREFECT_API_DATABASE_CONNECTION_URL=f"sqlite+aiosqlite:///{folder / 'prefect.db'}",
        PREFECT_UI_STATIC_DIRECTORY=str(folder / "ui"),
        # The pages ask port 4200 unless they are told where their own server listens.
        PREFECT_SERVER_UI_API_URL=f"{_url(settings, port)}/api",
        PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT="false",
        PREFECT_SERVER_DOCKET_URL="memory://",
        PREFECT_SERVER_LOGGING_LEVEL="WARNING",
        PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS="false",
        PREFECT_CLI_PROMPT="false",
    )
    arguments = (
        sys.executable,
        "-m",
        "prefect",
        "server",
        "start",
        "--host",
        host,
        "--port",
        str(port),
        "--analytics-off",
    )
    return ServerCommand("prefect", arguments, environment, settings.home.root, _url(settings, port), "/api/health")


def _prefect_places(folder: Path) -> dict[str, str]:
    return {"PREFECT_HOME": str(folder), "PREFECT_PROFILES_PATH": str(folder / "profiles.toml")}


def _worker(settings: Settings, port: int) -> ServerCommand:
    """It finds the Prefect server by itself, and follows it to another port."""
    folder = settings.home.folder(settings.home.prefect)
    environment = _environment(
        settings,
        **_prefect_places(folder),
        PREFECT_WORKER_QUERY_SECONDS="2",
        PREFECT_WORKER_PREFETCH_SECONDS="1",
        # Without a server it must wait for one, never start another one inside itself.
        PREFECT_SERVER_ALLOW_EPHEMERAL_MODE="false",
    )
    arguments = (sys.executable, "-P", "-m", "flows.worker", "--host", settings.servers.host, "--port", str(port))
    return ServerCommand("worker", arguments, environment, settings.home.root, _url(settings, port), "/healthz")


def _mlflow(settings: Settings, port: int) -> ServerCommand:
    host, folder = settings.servers.host, settings.home.folder(settings.home.mlflow)
    arguments = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port), "--workers", "1"]
    arguments += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    arguments += ["--artifacts-destination", str(settings.home.folder(folder / "artifacts"))]
    arguments += ["--uvicorn-opts", "--no-access-log --log-level warning"]
    # Its background jobs (a worker process each) serve features that Sluice does not use.
    # Its assistant asks the Docker daemon for left-over containers wherever a docker command is found: here is none.
    nowhere = f"unix://{folder / 'nothing.sock'}"
    environment = _environment(settings, MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false", DOCKER_HOST=nowhere)
    return ServerCommand("mlflow", tuple(arguments), environment, settings.home.root, _url(settings, port), "/health")


def _gateway(settings: Settings, port: int, engine: str) -> ServerCommand:
    folder = settings.home.folder(settings.home.gateway)
    arguments = [sys.executable, "-m", "services.start", "serve", "services.gateway:Gateway"]
    arguments += ["--host", settings.servers.host, "--port", str(port), "--working-dir", str(folder)]
    arguments += ["--timeout-keep-alive", "75", "--timeout-graceful-shutdown", str(_DRAIN_S)]
    environment = _environment(settings, SLUICE_ENGINE_NAME=engine, BENTOML_HOME=str(folder / "bento-home"))
    url = _url(settings, port)
    return ServerCommand("gateway", tuple(arguments), environment, settings.home.root, url, "/healthz", engine)
