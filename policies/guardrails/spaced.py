"""Letters and digits that were set apart to hide a word or a number: `4 7 9 9 6 6 9 2 Q`, `i.g.n.o.r.e`, `4539*1488*...`. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from policies.guardrails.patterns import Match, compiled
from policies.guardrails.rewritten import Piece

_SINGLE = r"(?:^|[^\p{L}\p{N}])([\p{L}\p{N}](?:[^\p{L}\p{N}]{1,4}[\p{L}\p{N}]){4,})(?:$|[^\p{L}\p{N}])"
"""Single letters and digits, with up to four other signs between."""
_GROUPS = (
    r"(?:^|[^\p{L}\p{N}])((?:[A-Za-z]{1,3}[^\s,;()\p{L}\p{N}])?[A-Za-z]{0,2}[0-9]{2,4}"
    r"(?:[^\s,;()\p{L}\p{N}][0-9]{2,4}){2,5}(?:[^\s,;()\p{L}\p{N}]?[A-Za-z])?)(?:$|[^\p{L}\p{N}])"
)
"""Groups of digits, and a letter before or after, with one sign between that is no blank or comma."""
_PAIRS = r"(?:^|[^\p{L}\p{N}])([XYZxyz]?(?: ?[0-9]{2}){3,4} [A-Za-z])(?:$|[^\p{L}\p{N}])"
"""Pairs of digits with a check letter after the last."""
_SIGNS = f"{_SINGLE}|{_GROUPS}|{_PAIRS}"
_WORDS = frozenset("aeiouyAEIOUY")
"""Single letters that are words: beside digits they may not belong to them."""


def may_be_spaced(text: str) -> bool:
    """Whether anything looks set apart."""
    return compiled(_SIGNS).search(text) is not None


def closed_up(text: str, *, edges: bool) -> list[Piece]:
    """What was set apart, without what stands between. `edges`: with the one-letter words at a number's ends."""
    pieces: list[Piece] = []
    for match in compiled(_SIGNS).finditer(text):
        run = _single_run(match, edges=edges) if match.start(1) >= 0 else _group_run(match)
        pieces += run
    return pieces


def _single_run(match: Match, *, edges: bool) -> Iterator[Piece]:
    start, end = match.start(1), match.end(1)
    run = match.group(1)
    places = [at for at, letter in enumerate(run) if letter.isalnum()]
    if not edges and any(run[at].isdigit() for at in places):
        while len(places) > 2 and run[places[-1]] in _WORDS:
            places.pop()
        while len(places) > 2 and run[places[0]] in _WORDS:
            places.pop(0)
    gaps = [run[one + 1 : other] for one, other in zip(places, places[1:], strict=False)]
    usual = Counter(gaps).most_common(1)[0][0]
    for at, gap in zip(places, gaps, strict=False):
        kept = _kept(gap, usual)
        if kept != gap:
            yield Piece(start + at + 1, start + at + 1 + len(gap), kept)
    assert end >= start


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
    group = 2 if match.start(2) >= 0 else 3
    start, run = match.start(group), match.group(group)
    signs = {letter for letter in run if not letter.isalnum()}
    if len(signs) != 1:
        return
    if group == 2 and signs <= {".", "/", ":"} and not _by_fours(run):
        return
    for at, letter in enumerate(run):
        if not letter.isalnum():
            yield Piece(start + at, start + at + 1, "")


def _by_fours(run: str) -> bool:
    """Whether it has the groups of a card, an account, or pairs with a letter after them: no date, version or sum."""
    groups = "".join(letter if letter.isalnum() else " " for letter in run).split()
    digits = [len(group) for group in groups if group.isdigit()]
    return digits[:3] in ([4, 4, 4], [4, 6, 5], [4, 4, 2]) or (set(digits) == {2} and not groups[-1].isdigit())
