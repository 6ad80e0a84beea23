"""Code and markup that acts where a text goes: scripts, SQL, shells, templates, images that carry data away, files."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.code_wording import WORDINGS, CodeKind
from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled
from policies.guardrails.redact import Span

_NEAR = 40
_QUESTION = 0.5
"""What is left of a weight where somebody asks what the code means or how to keep it out."""
_ASKS = (
    r"(?:\b(?:what (?:is|does|are)|explain|meaning of|why (?:is|does|do)|how (?:do|can|to) (?:i |we |you"
    r" )?(?:prevent|avoid|escape|block|sanitize|defend)"
    r"|que (?:es|hace|significa)|explica(?:me)?|por que|como (?:se )?(?:evit|prev|escap|bloque|protej"
    r"|defiend)\w{0,6}|protect against|e\.g\.|for example,? (?:the|an?) (?:string|payload|attack)"
    r"|never (?:run|paste|type)|nunca (?:ejecute|ejecutes|pegue|pegues)|do not run|no ejecutes|beware of"
    r"|cuidado con)\b)[^.!?\n]{0,40}$"
)


class CodeInjection(Detector):
    """Finds MARKUP, SQL, SHELL, TEMPLATE, EXFILTRATION and FILE."""

    name = "code-injection"
    reach = Reach(span=420, context=_NEAR)

    def __init__(
        self, *, threshold: float = 0.5, redacts: bool = True, kinds: frozenset[CodeKind] | None = None
    ) -> None:
        super().__init__(threshold=threshold, redacts=redacts, entities=frozenset(kinds) if kinds is not None else None)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Every wording in the plain text; it is not read as leetspeak, for digits mean what they are in code."""
        text = passage.plain
        for wording in WORDINGS:
            if not any(cue in text for cue in wording.cues):
                continue
            for match in compiled(wording.pattern).finditer(text):
                asked = compiled(_ASKS).is_in(passage.before(match.start(), _NEAR))
                weight = wording.weight * (_QUESTION if asked else 1.0)
                yield Span(match.start(), match.end(), wording.kind, round(weight, 3))
