"""What `sluice doctor` looks at. Each finding says what was checked, what was found, and the cure where it is wrong."""

from __future__ import annotations

import importlib.util
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from infra.errors import SluiceError
from infra.settings import Settings, read_settings

_ROOM_BYTES = 2_000_000_000
_PARTS = (
    ("serve", ("bentoml", "guardrails", "presidio_analyzer", "openvino_genai", "spacy", "tokenizers")),
    ("train", ("prefect", "mlflow", "deepspeed", "peft", "transformers", "great_expectations", "torch")),
)


@dataclass(frozen=True)
class Finding:
    """One thing that was checked."""

    what: str
    ok: bool
    found: str
    cure: str = ""


def checkup() -> tuple[Finding, ...]:
    """Looks at everything that can be looked at without changing it. Raises ConfigError for bad settings."""
    settings = read_settings()
    looks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (_parts, _disk, _keys, _servers, _releases, _ledger)
    findings: list[Finding] = []
    for look in looks:
        try:
            findings += look(settings)
        except SluiceError as error:
            findings.append(Finding(look.__name__.strip("_"), False, error.what, error.cure))
    return tuple(findings)


def _parts(_: Settings) -> Iterator[Finding]:
    for extra, modules in _PARTS:
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
        found = f"missing: {', '.join(missing)}" if missing else "installed"
        yield Finding(f"parts of `{extra}`", not missing, found, f"pip install 'sluicegate[{extra}]'")


def _disk(settings: Settings) -> Iterator[Finding]:
    root = settings.home.root
    free = shutil.disk_usage(root).free
    yield Finding("home", True, str(root))
    yield Finding("disk", free > _ROOM_BYTES, f"{free / 1e9:.1f} GB free", "free some disk space, or set SLUICE_HOME")


def _keys(settings: Settings) -> Iterator[Finding]:
    private = [*settings.home.keys.rglob("*.key")]
    open_to_others = [path.name for path in private if stat.S_IMODE(path.stat().st_mode) & 0o077]
    found = f"readable by others: {', '.join(open_to_others)}" if open_to_others else f"{len(private)}, private"
    yield Finding("private keys", not open_to_others, found, f"chmod 600 {settings.home.keys}/*.key")


def _servers(settings: Settings) -> Iterator[Finding]:
    from infra import processes

    services = processes.status(settings.home)
    if not services:
        yield Finding("servers", True, "none were started")
    for service in services:
        waiting = service.name == "gateway" and service.note.startswith("no release")
        found = service.note or f"answers at {service.url}"
        yield Finding(f"server {service.name}", service.ready or waiting, found, f"sluice logs {service.name}")


def _releases(settings: Settings) -> Iterator[Finding]:
    from infra.stores.releases import Releases

    releases = Releases(settings.home)
    for pipeline in releases.pipelines():
        state = releases.inspect(pipeline)
        for refusal in state.refusals:
            yield Finding(f"release {refusal.sequence} of {pipeline}", False, refusal.reason, "sluice release rollback")
        if state.current is not None:
            version = state.current.manifest.version
            yield Finding(
                f"release of {pipeline}", True, f"version {version}, approved by {state.current.approval.reviewer}"
            )


def _ledger(settings: Settings) -> Iterator[Finding]:
    from infra.ledger.log import Ledger

    if not settings.home.ledger.exists():
        yield Finding("ledger", True, "empty")
        return
    check = Ledger.open(settings.home).verify()
    found = f"{check.events:,} events" if check.ok else f"{len(check.problems)} problems"
    yield Finding("ledger", check.ok, found, "sluice audit verify")
