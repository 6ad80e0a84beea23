"""An alias `champion` moved by hand in MLflow asks for a release: with a valid approval it is done, else refused.

Done means a signed release like any other, its actor `mlflow-alias`. Refused means recorded once in the ledger, told in
a tag of the version, and the alias put back. An alias that was taken away, or `candidate` and `previous` moved by hand,
are put back without a word: they ask for nothing.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from flows.desk import Desk, ReviewDesk, mlflow_server
from flows.release import release_as_asked
from flows.steps.mirror import Pointers, asked_for, follow, mirror, pointers
from flows.steps.release_record import recording_refusals
from infra.contracts.lifecycle_events import StageFinished
from infra.contracts.model_version import ModelVersion
from infra.contracts.release import Release
from infra.digest import Digest
from infra.errors import BadInput, PartFailed, Refused
from infra.ledger.query import AuditFilter
from infra.stores.mirrored import Mirrored
from infra.stores.registry import Registry

ACTOR = "mlflow-alias"
REFUSED_TAG = "sluice.release_refused"


@dataclass(frozen=True)
class Answer:
    """What became of a request: a release, or the sentence that refused it."""

    version: int
    release: Release | None = None
    refused: str = ""


@dataclass(frozen=True)
class Synced:
    """What MLflow shows now (None: it could not be brought in line), and the request that was answered for that."""

    aliases: Pointers | None
    answer: Answer | None


def settle_request(pipeline: str, desk: Desk, registry: Registry) -> Answer | None:
    """Answers the request that MLflow's aliases make, if they make one, and puts every other alias back. Repeatable.

    A release of our own whose aliases did not follow yet is no request: what we set last is remembered, and is compared
    under the lock under which aliases are moved. Raises PartFailed when MLflow does not answer.
    """
    memory = Mirrored(desk.settings.home)
    with memory.locked(pipeline):
        wanted = pointers(pipeline, desk)
        shown = registry.aliases(pipeline)
        asked = asked_for(pipeline, shown.get("champion"), wanted.champion, desk)
        in_line = wanted.shown_by(shown) and memory.champions(pipeline) == wanted.champions
    if asked is None:
        if not in_line:
            mirror(pipeline, desk, registry)
        return None
    answer = _answer(pipeline, asked, desk)
    if answer.refused:
        with memory.locked(pipeline):  # from now on this place of the alias counts as ours: it is not asked again
            memory.remember(pipeline, (memory.champions(pipeline) or frozenset()) | {asked})
    mirror(pipeline, desk, registry)
    if answer.refused:
        _tell(pipeline, answer, registry)
    return answer


def sync_at_home(pipeline: str, desk: ReviewDesk) -> Synced:
    """Answers a request and brings MLflow in line, with the home's own server: it is started where it does not run."""
    with mlflow_server(desk.settings, desk.progress) as url:
        if not url:
            desk.progress.say(f"MLflow is not in line yet; once it starts: sluice release sync {pipeline}")
            return Synced(None, None)
        there, answer = replace(desk, mlflow_url=url), None
        with suppress(PartFailed):  # `follow` meets the same failure, and says it
            answer = settle_request(pipeline, there, Registry.open(url))
        return Synced(follow(pipeline, there), answer)


def _answer(pipeline: str, version: int, desk: Desk) -> Answer:
    reason = f"the alias champion was set on version {version} in MLflow"
    try:
        with recording_refusals(pipeline, version, desk, "alias-refusal"):
            manifest = _signed(pipeline, version, desk)
    except Refused as error:
        return Answer(version, refused=error.what)
    try:
        return Answer(version, release_as_asked(manifest, desk, actor=ACTOR, reason=reason))
    except Refused as error:
        return Answer(version, refused=error.what)


def _signed(pipeline: str, version: int, desk: Desk) -> ModelVersion:
    """The version's manifest. Raises Refused for a version that has none which verifies, with the reason."""
    known = [one for one in desk.releases.manifests(pipeline) if one.version == version]
    if known:
        return known[-1]
    name = f"version {version} of {pipeline}"
    registered = _registered(pipeline, version, desk)
    if registered is None:
        raise Refused(
            f"{name} has no signed manifest: it was not registered by Sluice", cure=f"sluice retrain {pipeline}"
        )
    try:
        desk.releases.manifest(registered)
    except (Refused, BadInput) as error:
        raise Refused(
            f"{name} has no manifest that verifies ({error.what})", where=error.where, cure=error.cure
        ) from None
    raise Refused(f"the manifest of {name} is another version's", cure="sluice doctor")


def _registered(pipeline: str, version: int, desk: Desk) -> Digest | None:
    """The manifest that the ledger says was registered under a number."""
    wanted = AuditFilter(kinds=("stage.finished",), pipeline=pipeline, version=version)
    found = [entry.event for entry in desk.ledger.query(wanted)]
    made = [event.produced for event in found if isinstance(event, StageFinished) and event.stage == "register"]
    return made[-1] if made else None


def _tell(pipeline: str, answer: Answer, registry: Registry) -> None:
    """Says on the version itself, where the person who moved the alias looks. The ledger has it already."""
    try:
        registry.tag(pipeline, answer.version, {REFUSED_TAG: answer.refused})
    except PartFailed:
        return  # the version may be gone: somebody who makes one by hand can take it away again
