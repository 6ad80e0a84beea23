"""Letters and digits set apart to hide what they spell: `4 7 9 9 6 6 9 2 Q`, `i.g.n.o.r.e`, `4539*1488*...`. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from policies.guardrails.patterns import Match, compiled
from policies.guardrails.rewritten import Piece

_RARE = r"#-'*+<-@\[-`{-~\x{A1}-\x{BF}\x{D7}\x{F7}\x{2010}-\x{2BFF}\x{3000}-\x{303F}\x{1F000}-\x{1FAFF}"
_BETWEEN = rf"\s!-/:-@\[-`{{-~{_RARE}"
"""Inside a class: signs that stand in no date, sum, path or version; all that is neither letter nor digit."""
_ODD, _SIGN = f"[{_RARE}]", f"[{_RARE}./:!]"
_WORD = r"\p{L}\p{N}"
_SINGLES = rf"[{_WORD}](?:[{_BETWEEN}]{{1,4}}[{_WORD}]){{4,}}"
"""Single letters and digits, with up to four other signs between."""
_GROUPS = (
    rf"[0-9]{{4}}{_SIGN}[0-9]{{4}}{_SIGN}[0-9]{{4}}(?:{_SIGN}[0-9]{{1,4}}){{0,3}}|[0-9]{{4}}{_SIGN}[0-9]{{6}}{_SIGN}[0-9]{{5}}"
    rf"|[A-Za-z]{{2}}[0-9]{{2}}(?:{_SIGN}[0-9A-Za-z]{{4}}){{3,7}}(?:{_SIGN}[0-9A-Za-z]{{1,4}})?"
    rf"|(?:[A-Za-z]{{1,4}}{_ODD}?)?[0-9]{{2,4}}(?:{_ODD}[0-9]{{2,4}}){{2,5}}(?:{_ODD}?[A-Za-z]{{1,3}})?"
    r"|[XYZxyz]?(?:[ ./-]?[0-9]{2}){3,4}[ ./-][A-Za-z]"
)
"""Groups of digits with one sign between: of cards, accounts, anything with an odd sign; pairs and a check letter."""
_RUNS = rf"(?:^|[^{_WORD}])(?:({_SINGLES})|({_GROUPS}))(?:$|[^{_WORD}])"
SIGNS = (
    rf"(?:^|[{_BETWEEN}])[{_WORD}][{_BETWEEN}]{{1,4}}[{_WORD}][{_BETWEEN}]{{1,4}}[{_WORD}][{_BETWEEN}]{{1,4}}[{_WORD}](?:$|[{_BETWEEN}])"
    rf"|[0-9]{_SIGN}[0-9]{{4,6}}{_SIGN}[0-9]|[0-9]{_ODD}[0-9]{{2,4}}{_ODD}[0-9]"
    r"|[0-9]{2}[ ./-][0-9]{2}[ ./-][0-9]{2}[ ./-](?:[0-9]{2}[ ./-])?[A-Za-z](?:$|[\s!-/:-@])"
)
"""Without a match of this there is nothing set apart."""
_WORDS = frozenset("aeiouyAEIOUY")
"""Single letters that are words: beside digits they may not belong to them."""


def closed_up(text: str, *, edges: bool) -> list[Piece]:
    """What was set apart, without what stands between. `edges`: with the one-letter words at a number's ends."""
    pieces: list[Piece] = []
    for match in compiled(_RUNS).finditer(text):
        run = _single_run(match, edges=edges) if match.start(1) >= 0 else _group_run(match)
        pieces += run
    return pieces


def _single_run(match: Match, *, edges: bool) -> Iterator[Piece]:
    start, run = match.start(1), match.group(1)
    places = [at for at, letter in enumerate(run) if letter.isalnum()]
    if not edges and any(run[at].isdigit() for at in places):
        while len(places) > 2 and run[places[-1]] in _WORDS:
            places.pop()
        while len(places) > 2 and run[places[0]] in _WORDS:
            places.pop(0)
    gaps = [run[one + 1 : other] for one, other in pairwise(places)]
    usual = Counter(gaps).most_common(1)[0][0]
    for at, gap in zip(places, gaps, strict=False):
        kept = _kept(gap, usual)
        if kept != gap:
            yield Piece(start + at + 1, start + at + 1 + len(gap), kept)


def _kept(gap: str, usual: str) -> str:
    """What stays of a gap: nothing of the usual one, a blank of a wider one, the sign between two usual ones."""
    if gap == usual:
        return ""
    if gap.isspace():
        return " "
    if len(gap) > 2 * len(usual) and gap.startswith(usual) and gap.endswith(usual):
        return gap[len(usual) : len(gap) - len(usual)]
    return gap


def _group_run(match: Match) -> Iterator[Piece]:
    """Without the sign between the groups, where it is the same one throughout."""
    start, run = match.start(2), match.group(2)
    if len({letter for letter in run if not letter.isalnum()}) == 1:
        for at, letter in enumerate(run):
            if not letter.isalnum():
                yield Piece(start + at, start + at + 1, "")
