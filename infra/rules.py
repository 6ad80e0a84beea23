"""Finds the text of a rule file: one that ships in policies/rules by name, or anybody's by path.

The rooms above parse it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from infra.errors import BadInput

RuleKind = Literal["guardrails", "expectations", "gates", "access"]
_RULES = Path(__file__).parent.parent / "policies" / "rules"


@dataclass(frozen=True)
class RuleText:
    """The text of one rule file, and its name for error messages."""

    text: str
    source: str


def read_rule(kind: RuleKind, name_or_path: str) -> RuleText:
    """Reads `policies/rules/KIND/NAME.yaml`, or the file at a path that ends in .yaml.

    Raises BadInput when there is none.
    """
    path = Path(name_or_path)
    if path.suffix not in {".yaml", ".yml"}:
        path = _RULES / kind / f"{name_or_path}.yaml"
    try:
        return RuleText(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError):
        shipped = ", ".join(sorted(file.stem for file in (_RULES / kind).glob("*.yaml")))
        cure = f"give a path to a .yaml, or one of: {shipped}"
        raise BadInput(f"no such {kind} rules, or not UTF-8 text", where=str(path), cure=cure) from None
