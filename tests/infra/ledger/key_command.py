"""A key command as small as one can be: keeps its keys as files in a folder; behind a real one stands a service.

Run as `python key_command.py FOLDER`, with the question on stdin.
"""

from __future__ import annotations

import base64
import json
import secrets
import sys
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def answer(folder: Path, question: dict[str, str]) -> dict[str, str]:
    """What infra/ledger/key_provider.py says of each question."""
    if question["op"] == "rotate":
        key_id = secrets.token_hex(4)
        (folder / key_id).write_bytes(AESGCM.generate_key(256))
        return {"id": key_id}
    path = folder / question["id"]
    if question["op"] == "destroy":
        path.unlink(missing_ok=True)
        return {}
    key, bound = AESGCM(path.read_bytes()), base64.b64decode(question["bound"])
    if question["op"] == "wrap":
        nonce = secrets.token_bytes(12)
        wrapped = nonce + key.encrypt(nonce, base64.b64decode(question["key"]), bound)
        return {"wrapped": base64.b64encode(wrapped).decode()}
    wrapped = base64.b64decode(question["wrapped"])
    return {"key": base64.b64encode(key.decrypt(wrapped[:12], wrapped[12:], bound)).decode()}


if __name__ == "__main__":
    print(json.dumps(answer(Path(sys.argv[1]), json.load(sys.stdin))))
