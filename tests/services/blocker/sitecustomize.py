"""Makes the parts that SLUICE_TEST_WITHOUT names uninstalled, for every Python process with this folder on its path.

They are not found at all, as where they are not installed; each attempt is written to SLUICE_TEST_ATTEMPTS.
"""

import os
from importlib.machinery import PathFinder

_WITHOUT = frozenset(os.environ.get("SLUICE_TEST_WITHOUT", "").split(",")) - {""}
_find = PathFinder.find_spec


def _find_spec(name, path=None, target=None):
    if name.partition(".")[0] in _WITHOUT:
        with open(os.environ["SLUICE_TEST_ATTEMPTS"], "a", encoding="utf-8") as file:
            file.write(f"{name}\n")
        return None
    return _find(name, path, target)


if _WITHOUT:
    PathFinder.find_spec = _find_spec
