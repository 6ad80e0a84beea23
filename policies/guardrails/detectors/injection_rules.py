"""All weighted wordings, which of them only support others, and what makes a text talk about attacks.

A weight is how likely a text with this wording alone is an attack; the detector joins them by noisy or. Patterns name
what an attacker wants (override, leak, a persona without rules, borrowed authority, a hidden order, a leak by URL), not
single words: `ignore the empty rows` and `developer mode of my phone` are everyday requests.
"""

from __future__ import annotations

from policies.guardrails.detectors.injection_hidden import HIDDEN
from policies.guardrails.detectors.injection_leak import LEAK
from policies.guardrails.detectors.injection_override import OVERRIDE
from policies.guardrails.detectors.injection_persona import PERSONA
from policies.guardrails.detectors.injection_rule import Rule

RULES: tuple[Rule, ...] = (*OVERRIDE, *LEAK, *PERSONA, *HIDDEN)
"""All wordings."""

SUPPORTING: dict[str, frozenset[str]] = {
    "ask-en": frozenset({"creator-en", "first-line", "grant-en", "machine-named", "own-en", "told-en"}),
    "ask-es": frozenset({"creator-es", "first-line", "grant-es", "machine-named", "own-es", "told-es"}),
    "story": frozenset({"bad-deed", "bad-role"}),
    "role-en": frozenset({"anything-en", "bad-deed", "bad-role", "no-rules-en"}),
    "role-es": frozenset({"anything-es", "bad-deed", "bad-role", "no-rules-es"}),
    "in-detail": frozenset({"bad-deed"}),
    "bad-role": frozenset({"role-en", "role-es", "story"}),
    "mail-host": frozenset({"your-answer-en"}),
    "creator-en": frozenset({"ask-en", "grant-en", "secret-ask-en"}),
    "creator-es": frozenset({"ask-es", "grant-es", "secret-ask-es"}),
    "grant-en": frozenset({"ask-en", "creator-en", "own-en", "secret-ask-en"}),
    "grant-es": frozenset({"ask-es", "creator-es", "own-es", "secret-ask-es"}),
    "verbatim": frozenset(
        {"first-line", "leak-verbatim-en", "leak-verbatim-es", "own-en", "own-es", "told-en", "told-es"}
    ),
}
"""Wordings that say nothing alone: each counts only where one of its partners was found too."""

TALKS_ABOUT = (
    r"\b(?:what (?:is|are|does)|explain|how (?:do|does|can|to) (?:i |we |you )?(?:defend|protect|prevent|detect|stop)"
    r"|why|slides|talk on|course|training|history of|example of|que (?:es|son|significa|diferencia)|explica(?:me)?"
    r"|por que|como (?:se )?(?:defiend|proteg|prevengo|evit|detect)|charla|curso|articulo sobre|ejemplos? de|taller"
    r"|label|classify|clasifica|etiqueta)\b[^\n]{0,120}\b(?:prompt injections?|injections?|inyeccion(?:es)?"
    r"|jailbreaks?|ai security|seguridad (?:de la|en) ia|chatbots?|ataques?|attacks?|phishing|stand for|forums?"
    r"|filtro|as attack|como ataque)\b"
)
"""Questions about attacks: they quote what they ask about."""
