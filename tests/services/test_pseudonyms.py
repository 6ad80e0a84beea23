"""Stand-ins through a real gateway before a model that repeats what it is told: who sees what, and what is recorded."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import openai
import pytest

from infra import processes
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.vault import Vault
from infra.settings import read_settings
from infra.stores.callers import Callers

pytestmark = pytest.mark.slow
POLICY = b"""name: stand-ins
stream: holdback
input:
  - {id: pii, detector: pii, action: pseudonymise}
output:
  - {id: pii-out, detector: pii, action: redact}
"""
ORIGINALS = (
    "Nerea Sáenz Gil",
    "47996692Q",
    "nerea.saenz@casa.es",
    "+34 612 345 678",
    "ES77 0073 0288 3414 9675 1869",
)
QUESTION = (
    f"Hola, me llamo {ORIGINALS[0]}, DNI {ORIGINALS[1]}, mi correo es {ORIGINALS[2]}, mi teléfono {ORIGINALS[3]} "
    f"y mi cuenta {ORIGINALS[4]}. ¿Puede repetirlo todo?"
)


@dataclass
class Echo:
    """An OpenAI-compatible server that answers with its last message, cut into pieces of three signs."""

    url: str = ""
    seen: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    state = Echo()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            state.seen.append(json.dumps(body, ensure_ascii=False))
            answer = body["messages"][-1]["content"]
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            for start in range(0, len(answer), 3):
                self._send({"content": answer[start : start + 3]})
            self._send({}, "stop")
            self.wfile.write(b"data: [DONE]\n\n")

        def _send(self, delta: dict[str, str], finish: str | None = None) -> None:
            event: dict[str, Any] = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
            self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield state
    server.shutdown()
    server.server_close()


@dataclass
class Site:
    """The gateway under test."""

    url: str
    home: Home

    def ask(self, key: str, *messages: tuple[str, str], stream: bool) -> tuple[str, str]:
        """Text and id of the answer."""
        client = openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=120)
        turns: Any = [{"role": role, "content": content} for role, content in messages]
        if not stream:
            whole = client.chat.completions.create(model="triage", messages=turns, max_tokens=400)
            return whole.choices[0].message.content or "", whole.id
        text, response_id = "", ""
        for chunk in client.chat.completions.create(model="triage", messages=turns, max_tokens=400, stream=True):
            text += chunk.choices[0].delta.content or ""
            response_id = chunk.id
        return text, response_id


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, echo: Echo, make_publisher: Any) -> Iterator[Site]:
    settings = read_settings(
        {
            "SLUICE_HOME": str(tmp_path_factory.mktemp("stand-ins") / "home"),
            "SLUICE_ENGINE_NAME": "upstream",
            "SLUICE_START_TIMEOUT_S": "600",
            "SLUICE_ENGINE_UPSTREAM_URL": echo.url,
            "SLUICE_ENGINE_UPSTREAM_MODEL": "echo",
        }
    )
    make_publisher(settings.home, policy=POLICY).release(1)
    service = processes.ensure(settings, ("gateway",))[0]
    yield Site(service.url, settings.home)
    processes.stop(settings.home)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("allowed", [True, False])
def test_the_model_sees_stand_ins_and_the_caller_what_his_key_allows(
    site: Site, echo: Echo, stream: bool, allowed: bool
) -> None:
    key = Callers(site.home).create("acme", restores=allowed).key
    echo.seen.clear()
    first, response_id = site.ask(key, ("user", QUESTION), stream=stream)
    for original in ORIGINALS:
        assert original not in echo.seen[-1]
        assert (original in first) is allowed
    assert (first == QUESTION) is allowed
    assert "<" not in first, "the output check spares what the input check put there"

    shown = first.split("llamo ")[1].split(",")[0]
    follow_up = f"Gracias, soy {' '.join(shown.split()[:2])}."
    second, _ = site.ask(key, ("user", QUESTION), ("assistant", first), ("user", follow_up), stream=stream)
    assert second == follow_up
    before, now = (json.loads(text)["messages"] for text in echo.seen)
    assert now[:2] == before, "the history looks the same to the model"
    assert now[2]["content"] == before[1]["content"], "what it said is what it said"
    assert "Nerea" not in echo.seen[-1]

    _recorded(site, response_id)


def _recorded(site: Site, response_id: str) -> None:
    """Nothing of an original is in the record, sealed or not."""
    entries = Ledger.open(site.home).of_response(response_id)
    assert [entry.event.kind for entry in entries] == ["request.admitted", "request.completed"]
    admitted = entries[0].event
    sealed = Ledger.open(site.home).payload(entries[1])
    assert sealed is not None
    opened = Vault.open(site.home).unseal(admitted.subject, sealed).decode()
    assert not [original for original in ORIGINALS if original in opened]
    assert not [original for original in ORIGINALS for entry in entries if original in str(entry.event)]
