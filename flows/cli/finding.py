"""Finding: one thing that `sluice doctor` looked at: how it stands, what was found, and the cure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Level = Literal["ok", "hint", "FAIL"]
"""hint: nothing is broken, but somebody should know. FAIL: something will not work."""


@dataclass(frozen=True)
class Finding:
    """One thing that was checked."""

    what: str
    level: Level
    found: str
    cure: str = ""

    @property
    def ok(self) -> bool:
        """Whether things work as they stand."""
        return self.level != "FAIL"

    def to_json(self) -> dict[str, Any]:
        """The stable shape of one finding in `doctor --json`."""
        cure = "" if self.level == "ok" else self.cure
        return {"what": self.what, "ok": self.ok, "level": self.level, "found": self.found, "cure": cure}


def judged(what: str, good: bool, found: str, cure: str, *, otherwise: Level = "FAIL") -> Finding:
    """A finding that is ok where `good`, and `otherwise` where not."""
    return Finding(what, "ok" if good else otherwise, found, cure)
