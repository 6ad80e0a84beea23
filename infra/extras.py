"""Late import of optional parts, with the install command in the error."""

from __future__ import annotations

import importlib
from types import ModuleType

from infra.errors import MissingPart


def need(module: str, *, extra: str) -> ModuleType:
    """Imports a part that an extra brings. Raises MissingPart with the command that installs it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or module.split(".")[0] != error.name.split(".")[0]:
            raise
        raise MissingPart(
            f"this needs {module!r}, which is not installed", cure=f"pip install 'sluicegate[{extra}]'"
        ) from None
