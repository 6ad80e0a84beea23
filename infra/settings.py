"""Settings: small frozen classes read once from the environment (prefix SLUICE_); unknown keys are refused. `sluice
config` says where each value came from.

SLUICE_HOME                    where all state lives
SLUICE_HOST, SLUICE_*_PORT     where the servers listen (0: a free port)
SLUICE_GATEWAY_*               limits of the endpoint
SLUICE_ENGINE_*                what generates text
SLUICE_TELEMETRY_*             where traces go, and what is in them
SLUICE_RETENTION_*             how long is kept what nothing needs
SLUICE_LEDGER_*                where the audit ledger is kept, and for how long
SLUICE_WITNESS*                the second place that gets each checkpoint of the ledger
SLUICE_REVIEW_*                how long a review may wait, and who is told that it does
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, ValidationInfo, field_validator

from infra.contracts.base import Frozen
from infra.errors import ConfigError, Problem
from infra.home import Home
from infra.home_state import open_home
from infra.stores.address import hidden

_PREFIX = "SLUICE_"
_HOME = ".sluice"
_TEST_PREFIX = "SLUICE_TEST_"
"""Read by the tests only (SLUICE_TEST_DATA)."""

RETENTION_FLOOR_DAYS = 183
"""The EU's AI Act, articles 19 and 26: logs are kept for at least six months."""

Port = int


def _web_address(url: str) -> str:
    from urllib.parse import urlsplit

    if url and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname):
        raise ValueError("not an address: write http://... or https://...")
    return url


def _splittable(command: str) -> str:
    import shlex

    try:
        shlex.split(command)
    except ValueError:
        raise ValueError("a quotation mark is open: write it as in a shell") from None
    return command


WebAddress = Annotated[str, AfterValidator(_web_address)]
"""An http(s) address, or ''."""


class ServerSettings(Frozen):
    """Where the servers listen. Loopback unless a setting says otherwise."""

    host: str = Field("127.0.0.1", description="address that the servers listen on")
    prefect_port: Port = Field(0, ge=0, le=65535, description="port of the Prefect server; 0: a free one")
    mlflow_port: Port = Field(0, ge=0, le=65535, description="port of the MLflow server; 0: a free one")
    gateway_port: Port = Field(0, ge=0, le=65535, description="port of the gateway; 0: a free one")
    worker_port: Port = Field(0, ge=0, le=65535, description="port on which the worker says how it is; 0: a free one")
    start_timeout_s: float = Field(
        180.0, gt=0, description="seconds until a server that does not answer counts as failed"
    )


class GatewaySettings(Frozen):
    """Limits of the endpoint."""

    gateway_body_bytes: int = Field(262_144, ge=1024, description="largest request body")
    gateway_prompt_tokens: int = Field(2_048, ge=16, description="longest prompt")
    gateway_timeout_s: float = Field(120.0, gt=0, le=240, description="seconds for one answer, guarding included")
    gateway_concurrency: int = Field(256, ge=1, description="answers under way at once; one more is refused with 429")
    gateway_poll_s: float = Field(0.5, gt=0, description="how often the gateway looks for a new release")


class EngineSettings(Frozen):
    """What generates text."""

    engine_name: Literal["openvino", "upstream", "scripted"] = Field(
        "openvino", description="openvino (CPU), upstream (any OpenAI-compatible server) or scripted (dry runs)"
    )
    engine_precision: Literal["exact", "fast"] = Field(
        "exact", description="exact: fp32 throughout; fast: fp16 weights, the device's defaults"
    )
    engine_upstream_url: str = Field("", description="base URL of the upstream, e.g. http://127.0.0.1:8000/v1")
    engine_upstream_model: str = Field("", description="model name at the upstream")
    engine_upstream_key_file: str = Field("", description="file that holds the upstream's bearer key")


class TelemetrySettings(Frozen):
    """Where traces go."""

    telemetry_otlp_url: str = Field("", description="OTLP/HTTP traces endpoint; empty: the local MLflow server")
    telemetry_content: Literal["none", "redacted"] = Field(
        "none", description="whether redacted prompts and answers stand in spans"
    )


class RetentionSettings(Frozen):
    """How long is kept what nothing needs (`sluice gc`), and backups."""

    retention_quarantine_days: float = Field(30.0, ge=0, description="days until a run's quarantine file is removed")
    retention_snapshot_days: float = Field(
        90.0, ge=0, description="days until rows of a snapshot without a version, and kept answers, are removed"
    )
    retention_backup_days: float = Field(
        90.0, ge=0, description="days after which you remove backups: until then one may hold what was erased since"
    )
    retention_grace_hours: float = Field(24.0, ge=0, description="hours for which gc leaves everything alone")


class LedgerSettings(Frozen):
    """Where the audit ledger is kept, and for how long."""

    ledger_url: str = Field(
        "", description="postgresql://... for gateways that write to one ledger; empty: a file of the home"
    )
    ledger_key_command: str = Field(
        "",
        description="command that wraps the vault's master key (JSON on stdin and stdout, no shell); empty: a file "
        "of mode 0600 holds it",
    )
    ledger_retention_days: int = Field(
        0, ge=0, le=36_500, description="days until the record of a request expires (sluice audit expire); 0: never"
    )
    ledger_retention_reason: str = Field(
        "",
        validate_default=True,
        max_length=2_000,
        description=f"why that is less than {RETENTION_FLOOR_DAYS} days; goes into the record",
    )

    ledger_archive: str = Field(
        "",
        description="folder or fsspec address (s3://bucket/prefix) of the segments that sluice audit archive closes; "
        "empty: archive/ in the home",
    )
    ledger_archive_endpoint: WebAddress = Field(
        "", description="address of the S3-compatible store of the archive; empty: the SDK's own"
    )
    ledger_archive_days: float = Field(
        30.0, ge=0, description="days until entries are old enough for sluice audit archive"
    )

    @field_validator("ledger_url")
    @classmethod
    def _is_postgres(cls, url: str) -> str:
        if url and not url.startswith(("postgresql://", "postgres://")):
            raise ValueError("not the address of a PostgreSQL database: write postgresql://user@host/database")
        return url

    @field_validator("ledger_archive")
    @classmethod
    def _is_place(cls, place: str) -> str:
        # The gateway has another working folder than the command that starts it.
        return str(Path(place).expanduser().absolute()) if place and "://" not in place else place

    @field_validator("ledger_key_command")
    @classmethod
    def _splits(cls, command: str) -> str:
        return _splittable(command)

    @field_validator("ledger_retention_reason")
    @classmethod
    def _is_given(cls, reason: str, others: ValidationInfo) -> str:
        told = " ".join(reason.split())
        if 0 < int(others.data.get("ledger_retention_days", 0)) < RETENTION_FLOOR_DAYS and not told:
            raise ValueError(f"fewer than {RETENTION_FLOOR_DAYS} days need a reason: say here why less is allowed")
        return told


class WitnessSettings(Frozen):
    """The second place that gets each checkpoint of the ledger and refuses one that does not continue the last."""

    witness: str = Field(
        "",
        description="folder on another disk, https://... (c2sp.org/tlog-witness) or s3://bucket/prefix (object lock); "
        "empty: none",
    )
    witness_key: str = Field(
        "", validate_default=True, description="public key of an HTTP witness (NAME+ID+BASE64), or a file that holds it"
    )
    witness_endpoint: WebAddress = Field("", description="address of the S3-compatible store; empty: the SDK's own")
    witness_retention_days: int = Field(
        400, ge=1, le=36_500, description="days for which an S3 store keeps each checkpoint locked"
    )

    @field_validator("witness")
    @classmethod
    def _is_place(cls, place: str) -> str:
        from urllib.parse import urlsplit

        scheme, sign, _ = place.partition("://")
        if sign and (scheme not in {"http", "https", "s3"} or not urlsplit(place).hostname):
            raise ValueError("not a place for a witness: write a folder's path, https://... or s3://bucket/prefix")
        # The gateway has another working folder than the command that starts it.
        return str(Path(place).expanduser().absolute()) if place and not sign else place

    @field_validator("witness_key")
    @classmethod
    def _is_there(cls, key: str, others: ValidationInfo) -> str:
        if not key and str(others.data.get("witness", "")).startswith(("http://", "https://")):
            raise ValueError("an HTTP witness needs its public key: write NAME+ID+BASE64, or a file that holds it")
        return str(Path(key).expanduser().absolute()) if key and "+" not in key else key


class ReviewSettings(Frozen):
    """How long a version may wait for its review, and who is told."""

    review_expires_days: float = Field(
        30.0, ge=0, description="days until a version that nobody reviewed can no longer be approved; 0: never"
    )
    review_notify_command: str = Field(
        "", description="command that is run for each version that waits (JSON on stdin, no shell); empty: none"
    )
    review_notify_webhook: WebAddress = Field(
        "", description="http(s) address that gets the same JSON by POST for each version that waits; empty: none"
    )
    review_notify_timeout_s: float = Field(
        20.0, gt=0, le=300, description="seconds that the command or the address has for one notice"
    )

    @field_validator("review_notify_command")
    @classmethod
    def _splits(cls, command: str) -> str:
        return _splittable(command)


@dataclass(frozen=True)
class Setting:
    """One value with where it came from, for `sluice config` and the servers' environment."""

    name: str
    value: str = field(repr=False)
    source: Literal["default", "environment"]
    meaning: str

    @property
    def shown(self) -> str:
        """The value as it may be shown: without a password."""
        return hidden(self.value)


@dataclass(frozen=True)
class Settings:
    """Everything that was read, each concern apart. Hand a step the part it needs, never the whole."""

    home: Home
    servers: ServerSettings
    gateway: GatewaySettings
    engine: EngineSettings
    telemetry: TelemetrySettings
    retention: RetentionSettings
    ledger: LedgerSettings
    witness: WitnessSettings
    review: ReviewSettings
    sources: tuple[Setting, ...]


_CLASSES: tuple[type[Frozen], ...] = (
    ServerSettings,
    GatewaySettings,
    EngineSettings,
    TelemetrySettings,
    RetentionSettings,
    LedgerSettings,
    WitnessSettings,
    ReviewSettings,
)


def read_settings(environment: Mapping[str, str] | None = None, *, any_version: bool = False) -> Settings:
    """Reads the settings once and opens the home (infra/home_state.py): made, checked, migrated where it is older.

    Raises ConfigError with every unknown name and bad value, StoreError when the home cannot be made, Refused when this
    Sluice cannot work in it; `any_version` opens it whatever its version (for `sluice down`).
    """
    found = {
        name.removeprefix(_PREFIX).lower(): value
        for name, value in (os.environ if environment is None else environment).items()
        if name.startswith(_PREFIX) and not name.startswith(_TEST_PREFIX)
    }
    root = Path(found.pop("home", _HOME))
    known = [name for kind in _CLASSES for name in kind.model_fields]
    problems = [_unknown(name, known) for name in found if name not in known]
    parts: list[Frozen] = []
    for kind in _CLASSES:
        values = {name: found[name] for name in kind.model_fields if name in found}
        try:
            parts.append(TypeAdapter(kind).validate_python(values, strict=False))
        except ValidationError as error:
            problems += [
                Problem(
                    0, f"{_PREFIX}{detail['loc'][0]}".upper(), detail["msg"], "see `sluice config` for what it means"
                )
                for detail in error.errors(include_url=False, include_input=False)
            ]
    if problems:
        raise ConfigError("environment", tuple(problems))
    servers, gateway, engine, telemetry, retention, ledger, witness, review = parts
    assert isinstance(servers, ServerSettings) and isinstance(gateway, GatewaySettings)
    assert isinstance(engine, EngineSettings) and isinstance(telemetry, TelemetrySettings)
    assert isinstance(retention, RetentionSettings) and isinstance(review, ReviewSettings)
    assert isinstance(ledger, LedgerSettings) and isinstance(witness, WitnessSettings)
    home = replace(
        open_home(root, any_version=any_version),
        ledger_url=ledger.ledger_url,
        ledger_key_command=ledger.ledger_key_command,
        ledger_archive=ledger.ledger_archive,
        ledger_archive_endpoint=ledger.ledger_archive_endpoint,
    )
    sources = tuple(_sources(home, parts, found))
    return Settings(home, servers, gateway, engine, telemetry, retention, ledger, witness, review, sources)


def home_root() -> Path:
    """Where the home is or will be; it is not opened."""
    return Path(os.environ.get(f"{_PREFIX}HOME", _HOME))


def _unknown(name: str, known: list[str]) -> Problem:
    near = difflib.get_close_matches(name, [*known, "home"], n=1)
    cure = f"did you mean {_PREFIX}{near[0].upper()}?" if near else "unset it; `sluice config` lists every setting"
    return Problem(0, f"{_PREFIX}{name.upper()}", "unknown setting", cure)


def _sources(home: Home, parts: list[Frozen], found: Mapping[str, str]) -> list[Setting]:
    rows = [
        Setting(
            f"{_PREFIX}HOME",
            str(home.root),
            "environment" if f"{_PREFIX}HOME" in os.environ else "default",
            "where all state lives",
        )
    ]
    for part in parts:
        for name, described in type(part).model_fields.items():
            source: Literal["default", "environment"] = "environment" if name in found else "default"
            rows.append(
                Setting(f"{_PREFIX}{name.upper()}", str(getattr(part, name)), source, described.description or "")
            )
    return rows
