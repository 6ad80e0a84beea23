"""Spanish personal identity numbers: NIF (DNI with its letter, and the K, L and M series) and NIE."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.cues import Cue, nearest_cue
from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import standing_alone
from policies.guardrails.redact import Span

_NIF = r"(?:[0-9]{1,2}[ .]?[0-9]{3}[ .]?[0-9]{3}|[klm][ -]?[0-9]{7})(?: ?- ?|[ .])?[a-z]"
_NIE = r"[xyz](?: ?- ?|[ .])?[0-9](?:[.]?[0-9]{3}){2}(?: ?- ?|[ .])?[a-z]"
_WORDS = r"dni|d\.n\.i|nif|n\.i\.f|nie|n\.i\.e|documento|identidad|identificacion|carnet|permiso"


class EsIdentity(Detector):
    """Finds ES_NIF and ES_NIE."""

    name = "es-identity"
    reach = Reach(span=18, context=48)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Numbers whose check letter is right; one set off by a blank is a capital, or beside a word for identity."""
        from stdnum.es import nie, nif

        for entity, pattern, module in (("ES_NIF", _NIF, nif), ("ES_NIE", _NIE, nie)):
            for match in standing_alone(pattern, passage.plain):
                found = passage.text[match.start() : match.end()]
                code = "".join(letter for letter in found if letter.isalnum())
                if module.is_valid(code.zfill(9)) and self._means_it(passage, match.start(), match.end()):
                    yield Span(match.start(), match.end(), entity, 0.95)

    def _means_it(self, passage: Passage, start: int, end: int) -> bool:
        """Whether the letter belongs to the number: in `12345678 a las 3` it does not."""
        if passage.text[end - 2] != " " or passage.text[end - 1].isupper():
            return True
        return nearest_cue(passage, start, end, speaks_for=_WORDS) is Cue.FOR
