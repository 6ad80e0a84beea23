"""An audit hook for every Python process of an offline run: writes each address that is resolved or reached to a file.

Active only where SLUICE_TEST_NETLOG names the file; `run.sh` puts this folder on PYTHONPATH.
"""

import os
import sys

_LOG = os.environ.get("SLUICE_TEST_NETLOG")
_EVENTS = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.connect", "socket.sendto"}


def _record(event: str, arguments: tuple[object, ...]) -> None:
    if event not in _EVENTS:
        return
    target = arguments[1] if event in {"socket.connect", "socket.sendto"} else arguments[0]
    with open(_LOG, "a", encoding="utf-8") as file:
        file.write(f"{event}\t{target!r}\t{os.getpid()}\t{' '.join(sys.orig_argv[:6])!r}\n")


if _LOG:
    sys.addaudithook(_record)
