"""Breaks the training process while it holds a row's text: what `crashes.py` puts on the path of one run."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_TARGET = "flows.training.session"
_ADDRESS = "ximena.crash-trainer@correo-zorro.org"
"""Apart from the line that fails: a trace shows that line's source."""


class _Breaker:
    """Lets the module be found and loaded as it is, then replaces one function."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != _TARGET:
            return None
        sys.meta_path.remove(self)  # type: ignore[arg-type]
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.loader is not None
        load = spec.loader.exec_module

        def load_and_break(module: ModuleType) -> None:
            load(module)
            module.encode_rows = _broken  # type: ignore[attr-defined]

        spec.loader.exec_module = load_and_break  # type: ignore[method-assign]
        return spec


def _broken(rows: Any, *_: object, **__: object) -> object:
    row = next(iter(rows))
    try:
        raise KeyError(row.text)
    except KeyError as error:
        raise ValueError(f"cannot encode {row!r} {row.text!r}: {_ADDRESS}") from error


sys.meta_path.insert(0, _Breaker())  # type: ignore[arg-type]
