"""Makes one detector do what a text asks for, in every Python process with this folder on its path.

RAISE: it raises. NONSENSE: it finds something outside the text. HANG: it hangs while the file SLUICE_TEST_HANG exists.
"""

import os
import time
from importlib.machinery import PathFinder
from pathlib import Path

_DETECTOR = "policies.guardrails.detectors.mac_address"
_HANG = Path(os.environ.get("SLUICE_TEST_HANG", "/nowhere"))
_find_spec = PathFinder.find_spec


def _breaking(module):
    from policies.guardrails.detectors.shapes import SHAPES
    from policies.guardrails.redact import Span

    find = module.MacAddress.find

    def does(self, passage):
        if "RAISE" in passage.text:
            raise ValueError(passage.text)
        while "HANG" in passage.text and _HANG.exists():
            time.sleep(0.1)
        if "NONSENSE" in passage.text:
            return [Span(-5, len(passage.text) + 9, passage.text, float("nan"))]
        return find(self, passage)

    del SHAPES[module.MacAddress.name]  # it is asked about any text
    module.MacAddress.find = does


def _find(name, path=None, target=None):
    spec = _find_spec(name, path, target)
    if name == _DETECTOR and spec is not None:
        execute = spec.loader.exec_module
        spec.loader.exec_module = lambda module: (execute(module), _breaking(module))
    return spec


PathFinder.find_spec = _find
