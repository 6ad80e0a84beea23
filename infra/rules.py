"""Finds the text of a rule file: one that ships in policies/rules by name, or anybody's by path.

The rooms above parse it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from infra.yaml_text import read_yaml_text

RuleKind = Literal["guardrails", "expectations", "gates", "access"]
_RULES = Path(__file__).parent.parent / "policies" / "rules"


@dataclass(frozen=True)
class RuleText:
    """The text of one rule file, and its name for error messages."""

    text: str
    source: str


def read_rule(kind: RuleKind, name_or_path: str) -> RuleText:
    """Reads `policies/rules/KIND/NAME.yaml`, or the file at a path that ends in .yaml.

    Raises BadInput when there is none, ConfigError when it is not UTF-8.
    """
    text, path = read_yaml_text(name_or_path, _RULES / kind, kind=f"{kind} rules")
    return RuleText(text, str(path))
