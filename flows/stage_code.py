"""The digest of the code that a stage's result depends on: its own modules and those that they import, not the commit.

What only carries a result (stores, ledger, telemetry, settings, processes) is left out: a change there makes no model
another one.
"""

from __future__ import annotations

from functools import cache
from modulefinder import ModuleFinder
from pathlib import Path

from infra.digest import Digest, digest_of, sha256_file

_ROOT = Path(__file__).parent.parent
_ROOMS = ("flows", "policies", "infra")
_CARRIERS = (
    "flows.desk",
    "flows.progress",
    "flows.steps.record_stage",
    "flows.workshop",
    "infra.contracts.audit",
    "infra.contracts.policy_release",
    "infra.contracts.release",
    "infra.contracts.signed",
    "infra.errors",
    "infra.extras",
    "infra.home",
    "infra.ledger",
    "infra.processes",
    "infra.quiet",
    "infra.server_",
    "infra.settings",
    "infra.signing",
    "infra.stores",
    "infra.telemetry",
)
"""Modules, and beginnings of modules' names, that hold and watch but decide nothing."""
_DATA = {"infra.ner": _ROOT / "infra" / "names"}
"""Folders of lists that a module reads."""


@cache
def stage_code(*modules: str) -> Digest:
    """The digest over every module of ours that `modules` import, directly or not, inside functions too.

    Found in the source without running it (`modulefinder`), 0.2 s for the largest stage.
    """
    finder = ModuleFinder(path=[str(_ROOT)])
    for module in modules:
        finder.import_hook(module)
    files = {
        name: Path(place)
        for name, found in finder.modules.items()
        if (place := getattr(found, "__file__", None))
        and name.partition(".")[0] in _ROOMS
        and not name.startswith(_CARRIERS)
    }
    for module, folder in _DATA.items():
        if module in files:
            files |= {f"{module}/{path.name}": path for path in folder.iterdir() if path.is_file()}
    return digest_of({name: sha256_file(path) for name, path in files.items()})


def library_versions(*names: str) -> dict[str, str]:
    """The installed version of each library; 'none' for one that is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    def installed(name: str) -> str:
        try:
            return version(name)
        except PackageNotFoundError:
            return "none"

    return {name: installed(name) for name in names}
