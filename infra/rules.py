"""Finds the text of a rule file: one that ships in policies/rules by name, or anybody's by path.

The rooms above parse it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from infra.errors import BadInput, ConfigError, Problem
from infra.yaml_document import Document
from infra.yaml_text import read_yaml_text

RuleKind = Literal["guardrails", "expectations", "gates", "access"]
_RULES = Path(__file__).parent.parent / "policies" / "rules"
_EXTENDED = "--- # sluice: the policy that this one extends: "
"""Stands between the text of a policy and that of the one it extends, so that one text says all, and its digest too."""


@dataclass(frozen=True)
class RuleText:
    """The text of one rule file, and its name for error messages."""

    text: str
    source: str


@dataclass(frozen=True)
class Extended:
    """The text of a policy that another one extends, and the name by which that one names it."""

    name: str
    text: str


def split_extended(text: str) -> tuple[str, Extended | None]:
    """The text of a rule file's own, and that of the one it extends, where `read_rule` put it."""
    own, mark, rest = text.partition(f"\n{_EXTENDED}")
    if not mark:
        return text, None
    name, _, extended = rest.partition("\n")
    return f"{own}\n", Extended(name, extended)


def read_rule(kind: RuleKind, name_or_path: str) -> RuleText:
    """Reads `policies/rules/KIND/NAME.yaml`, or the file at a path that ends in .yaml.

    A guardrail policy that extends another comes with that one's text below its own: what is kept, and named by its
    digest, is all that the policy says. Raises BadInput when there is none, ConfigError when it is not UTF-8, or when
    what it extends cannot be read.
    """
    text, path = read_yaml_text(name_or_path, _RULES / kind, kind=f"{kind} rules")
    if kind == "guardrails" and "extends" in text and f"\n{_EXTENDED}" not in text:
        text = _with_extended(text, path)
    return RuleText(text, str(path))


def _with_extended(text: str, path: Path) -> str:
    try:
        document = Document.read(text, str(path))
    except ConfigError:
        return text  # told with everything else where the text is parsed
    name = document.value.get("extends")
    if not isinstance(name, str) or not name.isprintable() or not name:
        return text
    by_path = Path(name).suffix in {".yaml", ".yml"}
    try:
        extended, _ = read_yaml_text(
            str(path.parent / name) if by_path else name, _RULES / "guardrails", kind="guardrails rules"
        )
    except BadInput as error:
        what = f"the policy that is extended cannot be read: {error.what}"
        problem = Problem(document.lines["extends",], "extends", what, error.cure)
        raise ConfigError(str(path), (problem,)) from None
    return f"{text.rstrip()}\n{_EXTENDED}{name}\n{extended}"
