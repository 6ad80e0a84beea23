"""Starting and ending servers, with small real processes in their place; the real ones in test_real_servers.py."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from infra import processes, server_commands
from infra.errors import BadInput, PartFailed, Refused
from infra.home import Home
from infra.server_commands import ServerCommand
from infra.server_state import ServerName, end_server, is_alive, read_state, write_state
from infra.settings import Settings, read_settings

ANSWERING = """
import http.server, json, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ready = self.path != "/readyz"
        body = json.dumps({"error": {"code": "no_release"}}).encode()
        self.send_response(200 if ready else 503)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
FAILING = "import sys; print('cannot open the database'); sys.exit(4)"
CHILD = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session={apart})
"""
DEAF = "import time; print('warming up', flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + ANSWERING


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings({"SLUICE_HOME": str(tmp_path / "home"), "SLUICE_START_TIMEOUT_S": "20"})


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[dict[ServerName, str]]:
    """What runs in the place of each server; all of it is ended after the test."""
    chosen: dict[ServerName, str] = dict.fromkeys(processes.NAMES, ANSWERING)

    def command(settings: Settings, name: ServerName, *, port: int, engine: str = "") -> ServerCommand:
        real = server_commands.server_command(settings, name, port=port, engine=engine)
        arguments = (sys.executable, "-c", chosen[name], str(port))
        return ServerCommand(name, arguments, real.environment, real.folder, real.url, "/up", real.engine)

    monkeypatch.setattr(processes, "server_command", command)
    yield chosen
    for name in processes.NAMES:
        if state := read_state(settings.home, name):
            end_server(state, term_wait_s=0.2)


Programs = dict[ServerName, str]


def test_each_server_is_started_once_and_survives_the_command(settings: Settings, programs: Programs) -> None:
    first = processes.ensure(settings)
    second = processes.ensure(settings)
    assert [service.name for service in first] == ["prefect", "mlflow", "gateway", "worker"]
    assert all(service.started_by_us for service in first) and not any(service.started_by_us for service in second)
    assert [service.pid for service in first] == [service.pid for service in second]
    assert [service.ready for service in second] == [True, True, False, False] and "no release" in second[2].note
    assert all(os.getsid(service.pid) == service.pid != os.getsid(0) for service in first)
    assert processes.stop(settings.home) == ("worker", "gateway", "mlflow", "prefect")
    assert processes.status(settings.home) == () and not any(map(running, first))


def test_a_run_that_started_no_server_ends_while_another_command_stops_them(settings: Settings) -> None:
    with FileLock(settings.home.folder(settings.home.processes) / "lock"):
        begun_s = time.monotonic()
        assert processes.stop(settings.home, ()) == ()
        assert time.monotonic() - begun_s < 5


def running(service: processes.Service) -> bool:
    return psutil.pid_exists(service.pid) and psutil.Process(service.pid).status() != psutil.STATUS_ZOMBIE


def test_one_that_fails_takes_down_what_was_started_and_says_why(settings: Settings, programs: Programs) -> None:
    prefect = processes.ensure(settings, ("prefect",))[0]
    programs["gateway"] = FAILING
    with pytest.raises(PartFailed) as caught:
        processes.ensure(settings)
    text = str(caught.value)
    assert "gateway did not start" in text and "cannot open the database" in text and "logs/gateway.log" in text
    assert [service.name for service in processes.status(settings.home)] == ["prefect"], "it ran before: it stays"
    assert running(prefect)


def test_one_that_never_answers_is_given_up(programs: Programs, tmp_path: Path) -> None:
    hasty = read_settings({"SLUICE_HOME": str(tmp_path / "home"), "SLUICE_START_TIMEOUT_S": "1"})
    programs["mlflow"] = DEAF
    with pytest.raises(
        PartFailed, match="mlflow did not start: it does not answer after 1 s; its last words: warming up"
    ):
        processes.ensure(hasty, ("mlflow",))
    assert processes.status(hasty.home) == ()


def test_a_taken_port_is_said_and_nothing_is_left_running(programs: Programs, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = read_settings({"SLUICE_HOME": str(tmp_path / "home"), "SLUICE_MLFLOW_PORT": str(port)})
        with pytest.raises(PartFailed, match=f"(?s)127.0.0.1:{port}.*SLUICE_MLFLOW_PORT=0"):
            processes.ensure(settings, ("prefect", "mlflow"))
    assert processes.status(settings.home) == ()


def test_two_at_once_start_each_server_once(settings: Settings, programs: Programs) -> None:
    found: list[processes.Service] = []
    threads = [threading.Thread(target=lambda: found.extend(processes.ensure(settings, ("mlflow",)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len({service.pid for service in found}) == 1
    assert sum(service.started_by_us for service in found) == 1


def test_a_dead_server_is_said_to_be_dead_and_comes_back_at_its_address(settings: Settings, programs: Programs) -> None:
    before = processes.ensure(settings, ("mlflow",))[0]
    psutil.Process(before.pid).kill()
    psutil.Process(before.pid).wait()
    dead = processes.status(settings.home)[0]
    assert not dead.ready and "died" in dead.note and processes.address(settings.home, "mlflow") == ""
    after = processes.ensure(settings, ("mlflow",))[0]
    assert after.ready and after.started_by_us and after.pid != before.pid and after.url == before.url


def test_a_pid_that_was_given_out_again_is_never_killed(settings: Settings, programs: Programs) -> None:
    processes.ensure(settings, ("mlflow",))
    state = read_state(settings.home, "mlflow")
    assert state is not None
    end_server(state)
    bystander = subprocess.Popen([sys.executable, "-c", DEAF], start_new_session=True, stdout=subprocess.DEVNULL)
    try:
        write_state(settings.home, state.model_copy(update={"pid": bystander.pid, "started": state.started - 3600}))
        assert not processes.status(settings.home)[0].ready
        assert processes.stop(settings.home) == ()
        assert bystander.poll() is None, "somebody else's process was killed"
    finally:
        bystander.kill()
        bystander.wait()


def test_one_that_ignores_sigterm_is_killed_with_its_children(settings: Settings, programs: Programs) -> None:
    programs["mlflow"] = CHILD.format(apart=True) + STUBBORN
    service = processes.ensure(settings, ("mlflow",))[0]
    children = psutil.Process(service.pid).children(recursive=True)
    state = read_state(settings.home, "mlflow")
    assert state is not None and len(children) == 1
    begun = time.monotonic()
    end_server(state, term_wait_s=0.5)
    assert time.monotonic() - begun < 5 and not is_alive(state)
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)


def test_what_a_killed_server_left_in_its_session_is_ended(settings: Settings, programs: Programs) -> None:
    programs["mlflow"] = CHILD.format(apart=False) + ANSWERING
    service = processes.ensure(settings, ("mlflow",))[0]
    child = psutil.Process(service.pid).children()[0]
    psutil.Process(service.pid).kill()
    psutil.Process(service.pid).wait()
    processes.stop(settings.home)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_an_interrupted_start_leaves_nothing_behind(
    settings: Settings, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(processes, "_wait_for_all", interrupt)
    with pytest.raises(KeyboardInterrupt):
        processes.ensure(settings)
    assert processes.status(settings.home) == () and not list(settings.home.processes.glob("*.json"))


def test_another_engine_needs_a_stop_and_scripted_needs_a_home_without_a_release(
    settings: Settings, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes.ensure(settings, ("gateway",), engine="scripted")
    with pytest.raises(BadInput, match="sluice down"):
        processes.ensure(settings, ("gateway",), engine="upstream")
    processes.stop(settings.home)
    (settings.home.releases / "triage" / "manifests").mkdir(parents=True)
    (settings.home.releases / "triage" / "releases").mkdir()
    (settings.home.releases / "triage" / "releases" / "00000001.json").write_text("{}")
    with pytest.raises(Refused, match="scripted"):
        processes.ensure(settings, ("gateway",), engine="scripted")


@pytest.mark.parametrize("name", processes.NAMES)
def test_every_server_has_the_switches_our_settings_and_no_foreign_ones(
    settings: Settings, name: ServerName, monkeypatch: pytest.MonkeyPatch
) -> None:
    for foreign in ("PREFECT_API_URL", "MLFLOW_TRACKING_URI", "BENTOML_CONFIG", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        monkeypatch.setenv(foreign, "https://example.com")
    command = server_commands.server_command(settings, name, port=4000)
    environment = command.environment
    assert "https://example.com" not in environment.values()
    assert environment["DO_NOT_TRACK"] == environment["PYTHONSAFEPATH"] == "1"
    assert environment["SLUICE_HOME"] == str(settings.home.root) == str(command.folder)
    assert "127.0.0.1" in command.arguments and command.url == "http://127.0.0.1:4000"


@pytest.mark.parametrize("module", ["services.gateway", "infra.home", "policies", "flows"])
def test_a_callers_own_packages_do_not_shadow_ours(settings: Settings, tmp_path: Path, module: str) -> None:
    for name in ("flows", "services", "policies", "infra"):
        (settings.home.root / name).mkdir(parents=True)
        (settings.home.root / name / "__init__.py").write_text("raise RuntimeError('shadowed')")
    command = server_commands.server_command(settings, "gateway", port=4000)
    probe = f"import importlib.util, {module.split('.')[0]} as m; print(m.__file__)"
    ran = subprocess.run(
        [sys.executable, "-c", probe], cwd=command.folder, env=command.environment, capture_output=True
    )
    assert ran.returncode == 0 and str(settings.home.root) not in ran.stdout.decode()


def test_state_files_are_private(settings: Settings, programs: Programs, home: Home) -> None:
    processes.ensure(settings, ("mlflow",))
    for path in (settings.home.processes / "mlflow.json", settings.home.logs / "mlflow.log"):
        assert path.stat().st_mode & 0o077 == 0
