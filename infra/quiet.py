"""Turns off every dependency's phone-home and start-up noise. Call `hush()` before one of them is imported.

Nothing is sent to an address that the settings do not name (tests/offline proves it).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_NLTK_DATA = str(Path(__file__).parent / "nltk_data")

QUIET: dict[str, str] = {
    "DO_NOT_TRACK": "1",
    "BENTOML_DO_NOT_TRACK": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    # It prints links on stdout, where --json belongs, and tries a dead server for four minutes.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    # The terminal has our bars and one sentence per failure; Prefect's own lines and stack traces are in its UI.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    # Of a server that is gone our own sentence speaks; its client would print every event that it could not send.
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
    # A server that is gone is tried for 14 seconds, not 62, for each request: log lines keep a command from ending.
    "PREFECT_CLIENT_MAX_RETRIES": "3",
    "GX_ANALYTICS_ENABLED": "false",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # guardrails-ai imports litellm, which fetches a price list at import and then deadlocks with MLflow's import hook.
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_TELEMETRY": "False",
    "OTEL_SDK_DISABLED": "false",
    "OPENVINO_TELEMETRY_ENABLED": "0",
    "GIT_PYTHON_REFRESH": "quiet",
    "RAY_USAGE_STATS_ENABLED": "0",
    "WANDB_DISABLED": "true",
    "PYTHONSAFEPATH": "1",
    # Where NLTK is installed, guardrails-ai downloads a data set at import unless it finds its (empty) folder.
    "NLTK_DATA": os.pathsep.join(dict.fromkeys(filter(None, (os.environ.get("NLTK_DATA"), _NLTK_DATA)))),
}
"""Names and values that every Sluice process, and every process that it starts, has in its environment.

PYTHONSAFEPATH keeps a caller's own `flows/`, `services/`, `policies/` or `infra/` from shadowing ours in subprocesses.
"""


def hush() -> None:
    """Sets the switches in this process's environment, and so in that of every subprocess.

    Keeps `rfc3987_syntax` out of this process: jsonschema imports it where it is installed (guardrails-ai brings it),
    and it compiles 38 grammars at that moment, one to three seconds of processor time, to check formats of URIs. No
    parameter or schema of ours has one.
    """
    os.environ.update(QUIET)
    keep_out("rfc3987_syntax")


def keep_out(*names: str) -> None:
    """Makes modules unimportable in this process, where they are not imported yet: as if they were not installed."""
    for name in names:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]


def hide_nltk() -> None:
    """Keeps NLTK out of this process: guardrails-ai imports it where it is installed, and SciPy with it.

    In the gateway, which has no torch, SciPy does not even import. Validators have processes of their own.
    """
    keep_out("nltk")


def child_environment(*, drop_prefixes: tuple[str, ...] = (), add: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a subprocess: this process's less the names that start so, with the switches and `add`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(drop_prefixes)}
    return {**kept, **QUIET, **(add or {})}
