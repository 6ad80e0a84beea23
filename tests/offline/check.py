"""Reads what `run.sh` recorded and says whether anything but loopback was resolved or reached."""

import ast
import ipaddress
import re
import sys
from collections import Counter
from pathlib import Path

_CONNECT = re.compile(
    r"(connect|sendto|sendmsg)\(.*sa_family=AF_INET6?,.*?"
    r"(?:sin_addr=inet_addr\(\"([^\"]+)\"\)|inet_pton\(AF_INET6, \"([^\"]+)\")"
)
_PORT = re.compile(r"sin6?_port=htons\((\d+)\)")


def is_loopback(host: object) -> bool:
    if host in (None, "", "localhost", b"localhost"):
        return True
    try:
        address = ipaddress.ip_address(host.decode() if isinstance(host, bytes) else str(host))
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def python_targets(path: Path) -> Counter[str]:
    found: Counter[str] = Counter()
    for line in path.read_text(encoding="utf-8").splitlines():
        event, target, _, command = line.split("\t", 3)
        value = ast.literal_eval(target)
        if isinstance(value, str) and event == "socket.connect":
            if "docker" in value:
                found[f"{event} {value!r} by {command}"] += 1
            continue  # a Unix socket's path
        host = value[0] if isinstance(value, tuple) else value
        if not is_loopback(host):
            found[f"{event} {host!r} by {command}"] += 1
    return found


def traced_targets(path: Path) -> Counter[str]:
    found: Counter[str] = Counter()
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        match = _CONNECT.search(line)
        if match and not is_loopback(match[2] or match[3]):
            port = _PORT.search(line)
            found[f"{match[1]} {match[2] or match[3]} port {port[1] if port else '?'}"] += 1
    return found


def main() -> int:
    python_log, strace_log = map(Path, sys.argv[1:])
    lines = len(python_log.read_text(encoding="utf-8").splitlines())
    found = python_targets(python_log) + traced_targets(strace_log)
    for what, times in found.most_common():
        print(f"NOT LOOPBACK  {times:5d} x  {what}")
    print(
        f"audit hook: {lines} events; strace: {strace_log.stat().st_size:,} bytes; not loopback: {sum(found.values())}"
    )
    return 1 if found or not lines else 0


if __name__ == "__main__":
    sys.exit(main())
