"""One wording of abuse, and how bad it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Abuse = Literal["THREAT", "HATE", "SEXUAL_HARASSMENT", "INSULT", "PROFANITY"]


@dataclass(frozen=True)
class Wording:
    """Severity: 0.95 threats and hatred, 0.85 abuse of the person spoken to, 0.65 of somebody else, 0.45 an insult that
    nobody is the target of, 0.3 coarse words alone.
    """

    kind: Abuse
    severity: float
    pattern: str
    """RE2, over a text's intent form: lower case, without accents, look-alike letters and digits for letters undone."""
    group: int = 0
    """What of the match is the find."""
    needs: str = ""
    """Letters that must stand in the text as it is written: without its tilde, `coño` is a cone."""
