"""An OpenAI-compatible server that repeats the prompt in answers and errors: the worst that an engine can do."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from plants import everything, mail

STALL = threading.Event()
"""Set: answers that were asked to stall go on."""


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        prompt = body["messages"][-1]["content"]
        if "EXPLODE" in prompt:
            self._refuse(500, prompt)
        elif "UNFIT" in prompt:
            self._refuse(400, prompt)
        else:
            self._answer(prompt)

    def _refuse(self, status: int, prompt: str) -> None:
        self.send_response(status, f"cannot answer {mail('upstream-error')}")
        self.end_headers()
        self.wfile.write(json.dumps({"error": {"message": f"{mail('upstream-error')}: {prompt}"}}).encode())

    def _answer(self, prompt: str) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        try:
            self._send({"content": f"{prompt} {everything('upstream-answer')} "})
            if "NONSENSE" in prompt:
                self.wfile.write(f"data: {{{prompt} {mail('upstream-error')}\n\n".encode())
            if "BREAK" in prompt:
                return
            while "STALL" in prompt and not STALL.wait(0.2):
                self._send({"content": "still "})
            self._send({}, "stop")
            self.wfile.write(b"data: [DONE]\n\n")
        except OSError:
            pass  # the caller went away

    def _send(self, delta: dict[str, str], finish: str | None = None) -> None:
        event: dict[str, Any] = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


def serve() -> tuple[ThreadingHTTPServer, str]:
    """Starts the server; gives it with the base URL of its API."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_address[1]}/v1"
