"""One housekeeping pass over all pipelines: what MLflow's aliases ask for, reviews that expired, reviews that wait.

Made to be called every few seconds for months: a pass in which nothing changed asks MLflow for the aliases of each
pipeline and reads nothing else. One pipeline's failure is logged and keeps no other from being attended.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from flows.alias_requests import settle_request
from flows.desk import ReviewDesk
from flows.review_notices import Notices
from flows.steps.mirror import mirror
from flows.steps.review_state import expire
from infra.errors import PartFailed, SluiceError
from infra.home import Home
from infra.stores.registry import Registry

_LOG = logging.getLogger("sluice.attend")
_LOOK_S = 60.0
"""How often everything is read although nothing seems to have changed: time itself lets a review expire."""


@dataclass(frozen=True)
class _Seen:
    """What a pipeline looked like when it was last attended."""

    files: frozenset[tuple[str, int]]
    aliases: Mapping[str, int] | None
    at_s: float

    def same(self, other: _Seen) -> bool:
        """Whether nothing changed between two looks."""
        return (self.files, self.aliases) == (other.files, other.aliases)


@dataclass
class _Attention:
    """What one process remembers of one home between two passes."""

    notices: Notices = field(default_factory=Notices)
    seen: dict[str, _Seen] = field(default_factory=dict)
    registry: Registry | None = None
    logged: dict[str, str] = field(default_factory=dict)

    def log_once(self, about: str, sentence: str) -> None:
        """Logs a failure when it begins or changes, not at every pass."""
        if sentence and self.logged.get(about) != sentence:
            _LOG.warning("%s", sentence)
        if sentence:
            self.logged[about] = sentence
        else:
            self.logged.pop(about, None)


_ATTENTION: dict[Path, _Attention] = {}


def attend(desk: ReviewDesk) -> None:
    """Settles alias requests, expires reviews and tells of those that wait. Another process's pass is not disturbed.

    Raises nothing that a pipeline or a server did; StoreError when the home itself cannot be used.
    """
    home = desk.settings.home
    memory = _ATTENTION.setdefault(home.root, _Attention())
    try:
        with FileLock(home.folder(home.releases) / ".attend.lock", timeout=0):
            registry = _registry(desk, memory)
            desk = replace(desk, mlflow_url=registry.server.url if registry else "")
            for pipeline in desk.releases.pipelines():
                _attend_to(pipeline, desk, registry, memory)
    except Timeout:
        return


def _registry(desk: ReviewDesk, memory: _Attention) -> Registry | None:
    """MLflow's registry where it answers. The home's own server may come back at another address."""
    from infra import processes

    url = processes.address(desk.settings.home, "mlflow") or desk.mlflow_url
    try:
        found = Registry.open(url)
    except PartFailed as error:
        memory.log_once("MLflow", f"{error.what}: requests by alias wait until it does")
        return None
    memory.log_once("MLflow", "")
    if memory.registry is None or memory.registry.server.url != found.server.url:
        memory.registry = found  # its client is kept: to make one takes time
    return memory.registry


def _attend_to(pipeline: str, desk: ReviewDesk, registry: Registry | None, memory: _Attention) -> None:
    failures: list[str] = []
    aliases: Mapping[str, int] | None = None
    if registry is not None:
        try:
            aliases = registry.aliases(pipeline)
        except SluiceError as error:
            failures.append(error.what)
            registry = None
    look = _Seen(_files(desk.settings.home, pipeline), aliases, time.monotonic())
    before = memory.seen.get(pipeline)
    if before is not None and before.same(look) and look.at_s - before.at_s < _LOOK_S:
        return
    memory.seen[pipeline] = look
    works: list[Callable[[], None]] = [
        lambda: _expire(pipeline, desk, registry),
        lambda: memory.notices.tell(pipeline, desk),
    ]
    if registry is not None:
        works.insert(0, partial(_settle, pipeline, desk, registry))
    for work in works:
        try:
            work()
        except Exception as error:  # whatever it is, the other pipelines are attended
            memory.seen.pop(pipeline, None)
            failures.append(error.what if isinstance(error, SluiceError) else type(error).__name__)
    memory.log_once(pipeline, f"{pipeline}: {'; '.join(failures)}" if failures else "")


def _settle(pipeline: str, desk: ReviewDesk, registry: Registry) -> None:
    answer = settle_request(pipeline, desk, registry)
    if answer is not None and answer.refused:
        _LOG.warning("%s: the request by alias for version %d is refused: %s", pipeline, answer.version, answer.refused)
    elif answer is not None:
        _LOG.warning("%s: version %d is in force, as asked by alias in MLflow", pipeline, answer.version)


def _expire(pipeline: str, desk: ReviewDesk, registry: Registry | None) -> None:
    """Every overdue review of a pipeline, and MLflow in line with that."""
    gone = [one.version for one in desk.releases.manifests(pipeline) if expire(one, desk)]
    if gone:
        _LOG.warning("%s: nobody reviewed version %s in time", pipeline, ", ".join(map(str, gone)))
    if gone and registry is not None:
        mirror(pipeline, desk, registry)


def _files(home: Home, pipeline: str) -> frozenset[tuple[str, int]]:
    """When the folders with the pipeline's signed records were last changed: one that is new or gone shows there."""
    folder = home.releases / pipeline
    places = [home.keys / "reviewers", folder / "manifests", folder / "releases", *folder.glob("approvals/*")]
    return frozenset((str(place), _changed_ns(place)) for place in places)


def _changed_ns(place: Path) -> int:
    try:
        return place.stat().st_mtime_ns
    except OSError:  # not there yet, or not any more
        return 0
