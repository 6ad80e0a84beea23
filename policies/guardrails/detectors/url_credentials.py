"""URLs that carry a user and a password. The whole URL is the find, for its host and path tell where they open."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled
from policies.guardrails.redact import Span

_URL = r"[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s:/@\"'<>]{1,64}:[^\s/\"'<>]{1,100}@[^\s\"'<>]+"
_TRAILING = ".,;:!?)]}»"


class UrlCredentials(Detector):
    """Finds URL_CREDENTIALS."""

    name = "url-credentials"
    reach = Reach(span=256, context=1)

    def find(self, passage: Passage) -> Iterator[Span]:
        """URLs of any scheme with `user:password@`, up to the next blank, without a sentence's punctuation."""
        for match in compiled(_URL).finditer(passage.text):
            url = match.group().rstrip(_TRAILING)
            yield Span(match.start(), match.start() + len(url), "URL_CREDENTIALS", 1.0)
