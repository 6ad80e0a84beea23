"""English street addresses, military ones, and the number-street-number form of much of Europe in English text."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled, words
from policies.guardrails.redact import Span

_KIND = (
    r"(?:street|str|st|avenue|ave|av|road|rd|lane|ln|drive|dr|boulevard|blvd|court|ct|place|pl|square|sq|terrace"
    r"|close"
    r"|crescent|cres|parkway|pkwy|highway|hwy|trail|trl|circle|cir|mews|gardens|grove|alley|way|hill|rise|walk|row"
    r"|green"
    r"|loop|broadway|wynd|embankment|bridge|parade|esplanade|turnpike|tpke|expressway|freeway|fwy|bend|cove|landing"
    r"|manor|meadows?|drv|bypass|byway|causeway|promenade"
    r"|plaza|point|points|ridge|park|heights|crossing|junction|pass|path|quay|wharf|villas)"
)
_WORD = r"[a-z][a-z'’.-]*"
_STREET = (
    rf"(?:p\.o\. box )?[0-9]{{1,6}}[a-z]?,?(?: [0-9]{{1,5}})? (?:{_WORD} ){{1,4}}?{_KIND}\b\.?"
    r"(?: (?:nw|ne|sw|se|n|s|e|w)\b\.?)?"
)
_MILITARY = (
    r"(?:(?:psc|unit|cmr) [0-9]{2,5},? box [0-9]{1,5}|(?:usns|usnv|uss|uscgc) [a-z'’-]+)[ ,\n]{1,3}(?:apo|fpo|dpo)"
    r" (?:aa|ae|ap) [0-9]{5}"
)
_PO_BOX = r"p\.? ?o\.? box [0-9]{1,6}"
_CAPITAL = r"\p{Lu}[\p{L}'’.-]*"
_FOREIGN = (
    rf"[0-9]{{1,5}} (?:[0-9]{{1,4}} )?(?:\p{{L}}{{1,6}}\.? )?(?:{_CAPITAL} |(?:de|du|des|la|le|del|da|van|di|el"
    rf"|al) ){{0,4}}{_CAPITAL}"
    r" [0-9]{1,4}\b\.?"
)
_FRENCH = (
    r"[0-9]{1,5} (?:[0-9]{1,4} )?(?:[Rr]ue|[Cc]ours|[Aa]venue|[Vv]ia|[Rr]ua|ul\.|[Ll]argo|[Aa]vda\.|[Cc]alle)"
    r"(?: [\p{L}'’.-]+){1,5}"
)
_SUFFIX = (
    r"\p{Lu}[\p{L}'-]{2,}(?:straat|strasse|straße|gasse|platz|weg|wegen|veien|vej|gata|gatan|gade|katu|tie|laan"
    r"|plein|allee|utca|dijk|vägen|damm)"
    r" [0-9]{1,4}\b|(?:\p{Lu}[\p{L}-]* ){1,3}(?:u\.|út|utca|tér|rakpart|rkp\.|krt\.) [0-9]{1,4}\.?|(?:Via|Rue|Rua"
    r"|Calle|Ul\.) (?:[\p{L}'’]+ ){1,5}[0-9]{1,4}\b"
)
_FLAT_ALONE = r"(?:Apt|Suite|APT|SUITE)\.? [0-9]{2,4}"
_FLAT = r"^(?:,|\.)?[ \n>]{1,6}(?:apt|apartment|flat|unit|suite|ste|floor|room|box)\.? ?#?(?:[0-9]{1,5}[a-z]?|[a-z])\b"
_FLAT_BEFORE = r"(?:^|[^a-z0-9])((?:flat|apartment|apt|unit|suite|room|floor)\.? ?#?(?:[0-9a-z]{1,4},? )?)$"
_ZIP_TAIL = (
    r"^(?:[ \n]{0,2},?[ \n]{1,3}(?:\p{Lu}[\p{L}'’.()-]*|of|de|la|nad|and|do|da)(?: (?:\p{Lu}[\p{L}'’.()-]*|of|de|la"
    r"|nad|and|do|da)){0,3}){0,3}"
    r"(?:[ \n]{0,2}, ?(?:[A-Z]{2}|nan))?[ ,\n]{1,3}(?:[A-Z]{2} |nan )?(?:[0-9]{5}(?:-[0-9]{4})?"
    r"|[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2})\b"
)
_PLAIN_ZIP_TAIL = (
    r"^[ ,]{1,3}[a-z][a-z.'-]*(?: [a-z][a-z.'-]*){0,2},? "
    r"(?:[a-z]{2} [0-9]{5}|[a-z]{1,2}[0-9][0-9a-z]? ?[0-9][a-z]{2})\b"
)
_PLACE_WORDS = (
    r"\b(?:address(?: is| to|:| linked)?|lives? (?:at|on|in)|located at|is at|are at|sent to|send .{0,20} to"
    r"|arrived at|meet me at|taxi to"
    r"|delivered? to|ship(?:ped)? to|moved? to|it is|resid\w+ (?:at|in)|located|corner of|enter on|refers to"
    r"|side of|update .{0,30} with"
    r"|shows on|office|new one to|to the same)\W{0,12}$"
)
_MONTHS = words(
    "january february march april may june july august september october november december jan feb mar apr jun jul"
    " aug sep"
    " sept oct nov dec enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"
)
_AMBIGUOUS = words(
    "way walk rise pass close row point points green place path park loop bend bridge landing parade circle drive"
    " court hill"
    " alley crossing junction manor meadow meadows plaza square trail ridge st dr pl ct str ste"
)
_COUNTED = words(
    "minute minutes min mins hour hours day days week weeks month months year years people miles mile km times"
)
"""What a number counts, so that it is no house's."""
_NOT_STREETS = words("in on at of the is was and to for by with a an or from as than over under per every")


class EnAddress(Detector):
    """Finds STREET_ADDRESS in the forms that English texts have."""

    name = "en-address"
    reach = Reach(span=180, context=48)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Numbered streets; the form without a word for street only beside a word for a place or with a flat."""
        for pattern in (_MILITARY, _PO_BOX):
            for match in compiled(pattern).finditer(passage.plain):
                if not passage.plain[match.start() - 1 : match.start()].isalnum():
                    yield Span(match.start(), _extended(passage, match.end()), "STREET_ADDRESS", 0.9)
        for match in compiled(_STREET).finditer(passage.plain):
            if self._is_street(passage, match.start(), match.end()):
                start, end = _with_flat_before(passage, match.start()), _extended(passage, match.end())
                if passage.has_case or end > match.end() or not self._is_ambiguous(passage, start, match.end()):
                    yield Span(start, end, "STREET_ADDRESS", 0.85)
        if passage.has_case:
            yield from self._foreign(passage)

    def _foreign(self, passage: Passage) -> Iterator[Span]:
        for pattern in (_FOREIGN, _FRENCH):
            for match in compiled(pattern).finditer(passage.text):
                start, end = match.start(), match.end()
                extended = _extended(passage, end)
                placed = compiled(_PLACE_WORDS).is_in(passage.before(start, self.reach.context))
                if (placed or extended > end) and self._is_street(passage, start, end):
                    yield Span(start, extended, "STREET_ADDRESS", 0.75)
        for match in compiled(_SUFFIX).finditer(passage.text):
            yield Span(match.start(), _extended(passage, match.end()), "STREET_ADDRESS", 0.7)
        for match in compiled(_FLAT_ALONE).finditer(passage.text):
            yield Span(match.start(), match.end(), "STREET_ADDRESS", 0.55)

    def _is_ambiguous(self, passage: Passage, start: int, end: int) -> bool:
        """Whether the word for street means much else too, and no word for a place stands before."""
        kind = passage.plain[start:end].rstrip(".").rpartition(" ")[2]
        placed = compiled(_PLACE_WORDS).is_in(passage.before(start, self.reach.context))
        return kind in _AMBIGUOUS and not placed

    def _is_street(self, passage: Passage, start: int, end: int) -> bool:
        """Whether the match stands alone, is no date, and (where capitals say something) its name has one."""
        if start and (passage.text[start - 1].isalnum() or passage.text[start - 1] in "#$€£.,:-/"):
            return False
        words = [word for word in passage.text[start:end].split() if word[:1].isalpha()]
        lowered = {word.lower().strip(".,") for word in words}
        if lowered & _MONTHS or lowered & _COUNTED or (passage.has_case and lowered & _NOT_STREETS):
            return False
        return not passage.has_case or any(word[:1].isupper() for word in words)


def _with_flat_before(passage: Passage, start: int) -> int:
    """Where the address begins: in Britain the flat stands before the house, `Flat 3, 22 High Street`."""
    flat = compiled(_FLAT_BEFORE).search(passage.before(start, 24))
    return start - (flat.end(1) - flat.start(1)) if flat else start


def _extended(passage: Passage, end: int) -> int:
    """The end of the address after up to two flats, then towns that end in a postcode."""
    for _ in range(2):
        flat = compiled(_FLAT).search(passage.plain[end : end + 24])
        if flat is None:
            break
        end += flat.end()
    if passage.has_case:
        tail = compiled(_ZIP_TAIL).search(passage.text[end : end + 90])
    else:
        tail = compiled(_PLAIN_ZIP_TAIL).search(passage.plain[end : end + 60])
    return end + tail.end() if tail else end
