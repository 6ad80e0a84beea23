"""Context: whether the words nearest to a candidate speak for it or against it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from functools import cache

from policies.guardrails.passage import Passage
from policies.guardrails.patterns import Pattern, compiled, words

BEFORE = 48
"""Code points before a candidate that may hold its cue."""
AFTER = 26
"""Code points after it."""
_WORDS_BACK = 5
"""Words before a candidate among which a misspelt cue is looked for."""
_LEAST = 5
"""Letters of a word that may be a misspelt cue: shorter ones are one slip from too much."""


class Cue(IntEnum):
    """What the nearest cue says."""

    AGAINST = -1
    NONE = 0
    FOR = 1


AGAINST_BEFORE = 26
"""Code points before it that may hold a cue against it: such words are frequent, and speak of what follows at once."""

OTHER_NUMBERS = (
    r"pedidos?|reservas?|localizador|seguimiento|transaccion|referencias?|ref|tickets?|incidencias?|expedientes?|exp"
    r"|facturas?|factura proforma|albaran|lotes?|articulos?|art|codigos?|cod|serie|modelos?|piezas?|recambio|bujia"
    r"|version|versiones|firmware|build|sku|ean|isbn|issn|hash|sha1|sha256|md5|uuid|commit|clave de idempotencia"
    r"|multiplica|suma|resta|divide|redondea|rango|filas?|paginas?|coordenadas|boletin|boe|cve|resolucion|sorteo"
    r"|loteria|formulario|encuesta|habitacion|vuelo|asiento|puerta|(?:orders?|booking|invoices?|serial|parts?"
    r"|vouchers?"
    r"|trackings?|reference|transactions?|claim|survey|asset tag|employer|license|driver's license|account|case"
    r"|item|policy"
    r"|confirmation|ticket|flight|room|lottery|model|product)(?: (?:no|number|num|id|code|#))?(?: is)?\.?"
    r"|carrier reference"
    r"|library pinned at|multiply|divide|population|density|latitude|longitude|unit test|is_valid|assert|validar"
    r"|devuelve|contrato|poliza|soci[oa]|abonado|guia|clave|cupon|boleto|decimo|bulto|paquete|envio|solicitud|siniestro"
    r"|protocolo|registro|catalogo|importe|saldo|total|poblacion|lectura|contador|cups|identificador|checksum|timestamp"
    r"|epoch|coupon|shipment|parcel|request|membership|member|catalog|catalogue|barcode|batch|lot|amount|balance|sum"
    r"|count"
    r"|meter|isrc|doi|issue|pull request|port|puerto|pid|pin|radicado|folio|clabe"
)
"""Words before numbers that are no personal data."""
_OTHER_TYPED = words(
    "pedido reserva localizador seguimiento transaccion referencia incidencia expediente factura albaran"
    " articulo codigo version multiplica divide resultado contrato poliza paquete envio solicitud booking"
    " invoice serial tracking reference transaction order ticket confirmation voucher multiply"
)


def nearest_cue(
    passage: Passage,
    start: int,
    end: int,
    *,
    speaks_for: str,
    against: str = OTHER_NUMBERS,
    typed: frozenset[str] = frozenset(),
) -> Cue:
    """The cue nearest before the candidate decides; where there is none, the first one after it, in the same clause.

    Both are alternations of accent-free, lower-case words. Words of `typed` speak for it with one slip of the keys too.
    """
    near, later = _cues(speaks_for, against)
    before = passage.before(start, BEFORE)
    decided = Cue.NONE
    for match in near.finditer(before):
        if match.start(1) >= 0:
            decided = Cue.FOR
        elif len(before) - match.end() <= AGAINST_BEFORE and ". " not in before[match.end() :]:
            decided = Cue.AGAINST
    if decided is not Cue.NONE:
        return decided
    if later.is_in(_clause(passage.after(end, AFTER))) or (typed and misspelt(before, typed)):
        return Cue.FOR
    return Cue.AGAINST if typed and misspelt(before[-AGAINST_BEFORE:], _OTHER_TYPED) else Cue.NONE


def _clause(after: str) -> str:
    """What follows up to the end of the clause: what stands behind speaks of something else."""
    ends = [place for place in map(after.find, (". ", "; ", "\n")) if place >= 0]
    return after[: min(ends)] if ends else after


def misspelt(before: str, typed: frozenset[str]) -> bool:
    """Whether a word before is one of the words with a letter too many, too few, another one, or two swapped."""
    words = {word.strip(".,:;()=\"'") for word in before.split()[-_WORDS_BACK:]}
    near = _by_beginning(typed)
    return any(_one_slip_apart(word, meant) for word in words if len(word) >= _LEAST for meant in near.get(word[0], ()))


@cache
def _by_beginning(typed: frozenset[str]) -> Mapping[str, tuple[str, ...]]:
    """The words by their first letter, which nobody mistypes."""
    return {first: tuple(word for word in typed if word[0] == first) for first in {word[0] for word in typed}}


def _one_slip_apart(word: str, meant: str) -> bool:
    if abs(len(word) - len(meant)) > 1:
        return False
    start = 0
    while start < min(len(word), len(meant)) and word[start] == meant[start]:
        start += 1
    rest, wanted = word[start:], meant[start:]
    swapped = rest[:2] == wanted[1::-1] and rest[2:] == wanted[2:]
    return rest[1:] == wanted[1:] or rest[1:] == wanted or rest == wanted[1:] or swapped


@cache
def _cues(speaks_for: str, against: str) -> tuple[Pattern, Pattern]:
    """The pattern of both before a candidate, where the first group speaks for it, and that of what may follow it."""
    return compiled(rf"\b(?:({speaks_for})|(?:{against}))\b"), compiled(rf"\b(?:{speaks_for})\b")
