"""One weighted wording of an attack on instructions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """One wording. `weight`, from 0 to 1, is how likely a text with this wording alone is an attack."""

    name: str
    weight: float
    pattern: str
    """RE2, over a text's intent form: lower case, without accents, look-alike letters and digits for letters
    undone.
    """
