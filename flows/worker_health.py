"""Says over HTTP how the worker is: /healthz that it lives, /readyz whether it takes runs from the pool."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def serve_health(host: str, port: int, state: Callable[[], str]) -> ThreadingHTTPServer:
    """Answers from a thread of its own until the process ends. `state` is asked at every /readyz: `ready`, or a code.

    Raises OSError when the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/healthz":
                self._answer(HTTPStatus.OK, {"status": "ok"})
            elif self.path == "/readyz":
                code = state()
                ready = code == "ready"
                status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
                self._answer(status, {"status": "ready"} if ready else {"error": {"code": code}})
            else:
                self._answer(HTTPStatus.NOT_FOUND, {"error": {"code": "not_found"}})

        def _answer(self, status: HTTPStatus, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Says nothing: `sluice status` asks often."""

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server
