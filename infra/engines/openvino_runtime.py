"""Imports OpenVINO with its telemetry out of reach: nothing is sent, no file is written in the user's home."""

from __future__ import annotations

import sys
from types import ModuleType

from infra.extras import need
from infra.quiet import hush


def mute_openvino() -> None:
    """Makes `openvino_telemetry` unimportable in this process; OpenVINO and NNCF then use their own stubs.

    The package has no switch: it writes an id to ~/intel and posts an event as soon as `openvino` is imported.
    """
    hush()
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]


def openvino() -> ModuleType:
    """The `openvino` module, muted. Raises MissingPart when it is not installed."""
    mute_openvino()
    return need("openvino", extra="serve")


def openvino_genai() -> ModuleType:
    """The `openvino_genai` module, muted. Raises MissingPart when it is not installed."""
    mute_openvino()
    return need("openvino_genai", extra="serve")
