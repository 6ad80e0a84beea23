"""Notices of a waiting review: what a command and a webhook get, and how each failure is one sentence."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from infra.errors import PartFailed
from infra.notify import Notice, by_command, by_webhook

NOTICE = Notice(
    pipeline="tickets",
    version=3,
    manifest="sha256:" + "a" * 64,
    registered="2026-01-01T00:00:00+00:00",
    expires="",
    show="sluice review show tickets 3",
    approve="sluice review approve tickets 3 --by NAME --reason TEXT",
    page="",
)


def script(folder: Path, text: str) -> str:
    """A command line that runs a Python program; the blank in its path must survive the splitting."""
    path = folder / "a program.py"
    path.write_text(text, encoding="utf-8")
    return f"'{sys.executable}' -S '{path}' '$HOME; echo no shell'"


def test_a_command_gets_the_notice_on_stdin_and_in_its_environment_and_no_shell(tmp_path: Path) -> None:
    got = tmp_path / "got.json"
    text = f"""
import json, os, sys
told = {{name: value for name, value in os.environ.items() if name.startswith(("REVIEW_", "SLUICE_"))}}
stdin = json.load(sys.stdin)
json.dump([stdin, told, sys.argv[1:], os.getcwd()], open({str(got)!r}, "w"))
"""
    by_command(script(tmp_path, text), NOTICE, tmp_path, 60)
    stdin, told, arguments, folder = json.loads(got.read_text())
    assert stdin == json.loads(NOTICE.to_json()) and stdin["event"] == "review.waiting"
    assert (told["REVIEW_PIPELINE"], told["REVIEW_VERSION"], told["REVIEW_SHOW"]) == ("tickets", "3", NOTICE.show)
    assert told["REVIEW_MANIFEST"] == NOTICE.manifest and told["SLUICE_HOME"] == str(tmp_path) == folder
    ours = [name for name in told if name.startswith("SLUICE_") and not name.startswith("SLUICE_TEST_")]
    assert ours == ["SLUICE_HOME"], "`sluice` refuses unknown settings"
    assert arguments == ["$HOME; echo no shell"]


def test_a_command_need_not_read_its_stdin(tmp_path: Path) -> None:
    by_command("true", NOTICE, tmp_path, 60)


@pytest.mark.parametrize(
    ("command", "match"),
    [("false", "ended with status 1"), ("/no/such/program", "cannot be started: No such file"), ("''", "cannot be")],
)
def test_a_command_that_fails_is_one_sentence(tmp_path: Path, command: str, match: str) -> None:
    with pytest.raises(PartFailed, match=match):
        by_command(command, NOTICE, tmp_path, 60)


def test_a_command_that_does_not_end_is_ended_with_its_children(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    text = f"""
import subprocess, time
child = subprocess.Popen(["sleep", "600"])
open({str(pid)!r}, "w").write(str(child.pid))
time.sleep(600)
"""
    begun_s = time.monotonic()
    with pytest.raises(PartFailed, match="did not end within 5 s"):
        by_command(script(tmp_path, text), NOTICE, tmp_path, 5)
    assert time.monotonic() - begun_s < 60
    child = int(pid.read_text())
    for _ in range(100):
        if not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.1)
    raise AssertionError("its child still runs")


@dataclass
class Hook:
    """A webhook that answers with a status and keeps what it got."""

    status: int = 204
    url: str = ""
    got: list[tuple[str, bytes]] = field(default_factory=list)


@pytest.fixture
def hook() -> Iterator[Hook]:
    state = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            state.got.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(state.status)
            self.send_header("location", f"{state.url}/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield state
    server.shutdown()
    server.server_close()


def test_a_webhook_gets_the_same_json(hook: Hook) -> None:
    by_webhook(f"{hook.url}/services/token?x=1", NOTICE, 30)
    assert hook.got == [("/services/token?x=1", NOTICE.to_json())]


def test_a_redirect_is_not_followed_and_the_secret_path_not_told(hook: Hook) -> None:
    hook.status = 307
    with pytest.raises(PartFailed, match="answered 307") as failure:
        by_webhook(f"{hook.url}/token", NOTICE, 30)
    assert [path for path, _ in hook.got] == ["/token"]
    assert "token" not in str(failure.value)


def test_a_webhook_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(PartFailed, match=r"^127.0.0.1: the review webhook does not answer \(ConnectError\)") as failure:
        by_webhook("http://127.0.0.1:9/token", NOTICE, 5)
    assert "token" not in str(failure.value)
