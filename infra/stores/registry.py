"""MLflow's model registry: versions, their tags and descriptions, and the aliases. The only module that talks to it.

MLflow is where people look and compare. It is a mirror: the signed files in `releases` decide what may be served, never
an alias or a tag.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from infra.contracts.model_version import ModelVersion
from infra.stores.mlflow_server import MlflowServer
from infra.stores.tracking import Tracking, shorten

Alias = Literal["candidate", "champion", "previous"]
ALIASES: tuple[Alias, ...] = ("candidate", "champion", "previous")


@dataclass(frozen=True)
class VersionRecord:
    """A model version as MLflow has it."""

    pipeline: str
    version: int
    run_id: str
    description: str
    tags: Mapping[str, str]
    aliases: tuple[str, ...]


@dataclass(frozen=True)
class Registry:
    """The registered models of one MLflow server, one for each pipeline, of the same name."""

    server: MlflowServer

    @classmethod
    def open(cls, url: str) -> Registry:
        """Asks the server whether it is up. Raises PartFailed within seconds when it is not."""
        return cls(MlflowServer.open(url))

    @property
    def runs(self) -> Tracking:
        """The runs of the same server."""
        return Tracking(self.server)

    def create_version(self, pipeline: str, run_id: str, model_id: str, *, about: str, tags: Mapping[str, str]) -> int:
        """Registers a logged model under the pipeline's name (made on first use) and gives MLflow's version number."""
        with self.server.asked_to("register the version") as client:
            from mlflow.exceptions import MlflowException

            try:
                client.create_registered_model(pipeline, description=shorten(about))
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            made = client.create_model_version(
                pipeline, f"models:/{model_id}", run_id, tags=dict(tags), model_id=model_id, await_creation_for=0
            )
            return int(made.version)

    def describe(self, pipeline: str, version: int, markdown: str) -> None:
        """Sets a version's description, cut before a section where MLflow's limit asks for it."""
        with self.server.asked_to("describe the version") as client:
            client.update_model_version(pipeline, str(version), shorten(markdown))

    def tag(self, pipeline: str, version: int, tags: Mapping[str, str]) -> None:
        """Sets tags of a version; an earlier value is replaced."""
        with self.server.asked_to("tag the version") as client:
            for name, value in tags.items():
                client.set_model_version_tag(pipeline, str(version), name, value)

    def version(self, pipeline: str, version: int) -> VersionRecord:
        """A version as MLflow has it. Raises PartFailed when it has none."""
        with self.server.asked_to("read a version") as client:
            return _record(client.get_model_version(pipeline, str(version)), _aliases(client, pipeline))

    def versions(self, pipeline: str) -> tuple[VersionRecord, ...]:
        """Every version of a pipeline as MLflow has it, by number; empty where it has none."""
        with self.server.asked_to("list the versions") as client:
            found = client.search_model_versions(f"name = '{pipeline}'")
            aliases = _aliases(client, pipeline) if found else {}
            return tuple(sorted((_record(one, aliases) for one in found), key=lambda one: one.version))

    def aliases(self, pipeline: str) -> Mapping[str, int]:
        """Alias -> version number."""
        with self.server.asked_to("read the aliases") as client:
            return _aliases(client, pipeline)

    def point(self, pipeline: str, alias: Alias, version: int | None) -> None:
        """Lets an alias follow a version; None takes it away."""
        with self.server.asked_to(f"move the alias {alias}") as client:
            if version is not None:
                client.set_registered_model_alias(pipeline, alias, str(version))
            elif alias in _aliases(client, pipeline):
                client.delete_registered_model_alias(pipeline, alias)

    def url(self, pipeline: str, version: int) -> str:
        """Where a person reads the version."""
        return f"{self.server.url}/#/models/{pipeline}/versions/{version}"

    def comparison_url(self, pipeline: str, versions: Sequence[ModelVersion]) -> str:
        """Where a person sees parameters and figures of versions side by side."""
        runs = json.dumps({str(one.version): one.run_id for one in versions}, separators=(",", ":"))
        return f"{self.server.url}/#/compare-model-versions?name={quote(json.dumps(pipeline))}&runs={quote(runs)}"


def _record(found: Any, aliases: Mapping[str, int]) -> VersionRecord:
    number = int(found.version)
    names = tuple(sorted(name for name, version in aliases.items() if version == number))
    return VersionRecord(
        str(found.name), number, str(found.run_id), str(found.description or ""), dict(found.tags), names
    )


def _aliases(client: Any, pipeline: str) -> dict[str, int]:
    found = client.get_registered_model(pipeline).aliases
    return {str(name): int(version) for name, version in found.items()}
