"""What `sluice doctor` looks at in the home: room, keys, models, databases, servers, releases, ledger, clock."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from flows.cli.checkup_machine import look_at_gpu, look_at_limits, look_at_memory, look_at_parts, look_at_python
from flows.cli.finding import Finding, judged
from infra.errors import SluiceError, StoreError
from infra.settings import Settings, read_settings

_ROOM_BYTES = 2_000_000_000
_EASY_ROOM_BYTES = 10_000_000_000
_READING_S = 4.0
"""How long files are read; those that are left when it has passed are held to their size alone."""
_LEDGER_EVENTS = 200_000
"""A larger ledger takes more than the few seconds that a look may take."""
_BORN = datetime(2026, 1, 1, tzinfo=UTC)
"""No clock that is right shows an earlier time."""
_CLOCK_SLACK = timedelta(minutes=5)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def checkup() -> tuple[Finding, ...]:
    """Looks at everything that can be looked at without changing it. Raises ConfigError for bad settings."""
    try:
        settings = read_settings()
    except StoreError as error:
        return (Finding("home", "FAIL", f"{error.where}: {error.what}", error.cure),)
    looks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        look_at_python,
        look_at_parts,
        look_at_memory,
        look_at_limits,
        look_at_gpu,
        look_at_home,
        look_at_keys,
        look_at_models,
        look_at_databases,
        look_at_ports,
        look_at_addresses,
        look_at_servers,
        look_at_releases,
        look_at_ledger,
    )
    findings: list[Finding] = []
    for look in looks:
        try:
            findings += look(settings)
        except SluiceError as error:
            findings.append(Finding(look.__name__.removeprefix("look_at_"), "FAIL", error.what, error.cure))
    return tuple(findings)


def look_at_home(settings: Settings) -> Iterator[Finding]:
    """Can the home be written to, and is there room?"""
    root = settings.home.root
    try:
        with tempfile.TemporaryFile(dir=root):
            pass
        yield Finding("home", "ok", str(root))
    except OSError as error:
        cure = "make it writable, or set SLUICE_HOME to a folder that is"
        yield Finding("home", "FAIL", f"{root} cannot be written to: {error.strerror}", cure)
    free = shutil.disk_usage(root).free
    found, cure = f"{free / 1e9:.1f} GB free", "free some disk space, or set SLUICE_HOME to a larger disk"
    yield judged("disk", free > _EASY_ROOM_BYTES, found, cure, otherwise="FAIL" if free < _ROOM_BYTES else "hint")


def look_at_keys(settings: Settings) -> Iterator[Finding]:
    """Can others read a private key?"""
    private = [*settings.home.keys.rglob("*.key")]
    open_to_others = [path for path in private if stat.S_IMODE(path.stat().st_mode) & 0o077]
    names = ", ".join(path.name for path in open_to_others)
    found = f"readable by others: {names}" if open_to_others else f"{len(private)}, private"
    yield judged("private keys", not open_to_others, found, f"chmod 600 {' '.join(map(str, open_to_others))}")


def look_at_models(settings: Settings) -> Iterator[Finding]:
    """Is the base model there, every file of it with the digest that its manifest names?"""
    from infra.base_model import SMOLLM2, open_base_model

    if not (settings.home.models / SMOLLM2).exists():
        cure = "nothing to do: the first `sluice retrain` prepares it (about a minute)"
        yield Finding("base model", "hint", "not prepared yet", cure)
        return
    base = open_base_model(settings.home)
    begun_s, read = time.monotonic(), 0
    for file in sorted(base.manifest.files, key=lambda file: file.size_bytes):
        if time.monotonic() - begun_s > _READING_S:
            break
        base.verify(below=file.name)
        read += 1
    found = f"{base.name}, {read} of {len(base.manifest.files)} files read, digests right"
    yield Finding("base model", "ok", found)


def look_at_databases(settings: Settings) -> Iterator[Finding]:
    """Is each SQLite file whole?"""
    files = sorted({*settings.home.root.glob("*/*.sqlite"), *settings.home.root.glob("*/*.db")})
    damaged = []
    for path in files:
        try:
            connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5)
            try:
                whole = connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
            finally:
                connection.close()
        except sqlite3.Error:
            whole = False
        if not whole:
            damaged.append(path)
    names = ", ".join(str(path.relative_to(settings.home.root)) for path in damaged)
    found = f"damaged: {names}" if damaged else f"{len(files)}, whole"
    yield judged("databases", not damaged, found, "sluice down, then restore these files from a backup")


def look_at_ports(settings: Settings) -> Iterator[Finding]:
    """Is a port that was asked for free, where our own server does not have it?"""
    from infra.processes import NAMES, address
    from infra.server_commands import choose_port

    for name in NAMES:
        wanted = int(getattr(settings.servers, f"{name}_port"))
        if not wanted or address(settings.home, name).endswith(f":{wanted}"):
            continue
        try:
            choose_port(settings, name)
            yield Finding(f"port of {name}", "ok", f"{wanted} is free")
        except SluiceError as error:
            yield Finding(f"port of {name}", "FAIL", error.what, error.cure)


def look_at_addresses(settings: Settings) -> Iterator[Finding]:
    """Do the servers listen where other machines reach them? Prefect and MLflow ask nobody for a password."""
    host = settings.servers.host
    cure = "unset SLUICE_HOST, or put authentication and TLS in front as infra/README.md says"
    found = f"servers listen on {host}" + ("" if host in _LOOPBACK else ": other machines reach Prefect and MLflow")
    yield judged("address", host in _LOOPBACK, found, cure, otherwise="hint")


def look_at_servers(settings: Settings) -> Iterator[Finding]:
    """Do the servers that were started answer?"""
    from infra import processes

    services = processes.status(settings.home)
    if not services:
        yield Finding("servers", "ok", "none were started")
    for service in services:
        waiting = service.name == "gateway" and service.note.startswith("no release")
        found = service.note or f"answers at {service.url}"
        cure = f"sluice down, then sluice up; why: sluice logs {service.name}"
        yield judged(f"server {service.name}", service.ready or waiting, found, cure)


def look_at_releases(settings: Settings) -> Iterator[Finding]:
    """Does the release of each pipeline verify?"""
    from infra.stores.releases import Releases

    releases = Releases(settings.home)
    for pipeline in releases.pipelines():
        state = releases.inspect(pipeline)
        for refusal in state.refusals:
            cure = f"sluice release rollback {pipeline}"
            yield Finding(f"release {refusal.sequence} of {pipeline}", "FAIL", refusal.reason, cure)
        if state.current is not None:
            version = state.current.manifest.version
            found = f"version {version}, approved by {state.current.approval.reviewer}"
            yield Finding(f"release of {pipeline}", "ok", found)


def look_at_ledger(settings: Settings) -> Iterator[Finding]:
    """Does the ledger verify, and is the clock beyond its newest entry?"""
    from infra.ledger.log import Ledger
    from infra.ledger.query import AuditFilter
    from infra.ledger.store import has_record

    shown = datetime.now(UTC)
    newest = _BORN
    if not has_record(settings.home):
        yield Finding("ledger", "ok", "empty")
    else:
        ledger = Ledger.open(settings.home)
        newest = max([_BORN, *(entry.event.at for entry in ledger.query(AuditFilter(limit=1)))])
        if len(ledger) > _LEDGER_EVENTS:
            yield Finding("ledger", "hint", "too long for a quick look", "sluice audit verify")
        else:
            check = ledger.verify()
            found = f"{check.events:,} events, verified" if check.ok else f"{check.problem_count} problems"
            yield judged("ledger", check.ok, found, "sluice audit verify")
    found = f"{shown:%Y-%m-%d %H:%M} UTC"
    right = shown > newest - _CLOCK_SLACK
    behind = "" if right else f", but the newest record is of {newest:%Y-%m-%d %H:%M}"
    yield judged("clock", right, f"{found}{behind}", "set the clock (timedatectl set-ntp true)")
