"""URLs that a policy does not allow: by scheme and host, and whatever deceives about the host it leads to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.detectors.url_host import SPAN, Url, is_address, is_international, skeleton, urls
from policies.guardrails.passage import Passage
from policies.guardrails.redact import Span

_ACTIVE = frozenset({"javascript", "vbscript", "data", "file", "blob"})
"""Schemes that run or read something: never allowed unless listed."""


class UrlsAllowed(Detector):
    """Finds URL_NOT_ALLOWED and URL_DECEPTIVE."""

    name = "urls-allowed"
    reach = Reach(span=SPAN, context=2)
    views = frozenset({"hidden", "decoded"})

    def __init__(
        self,
        *,
        schemes: Sequence[str] = ("https", "http", "mailto"),
        hosts: Sequence[str] | None = None,
        denied: Sequence[str] = (),
        addresses: bool = False,
        international: bool = False,
        credentials: bool = False,
        redacts: bool = True,
    ) -> None:
        """`hosts`: `example.org` is that host, `*.example.org` it and all below it; None: any but the denied ones.

        `addresses`, `international`, `credentials`: whether hosts that are IP addresses or have letters beyond ASCII,
        and users before the host, are allowed.
        """
        super().__init__(redacts=redacts)
        self._schemes = frozenset(scheme.lower() for scheme in schemes)
        self._hosts = None if hosts is None else tuple(host.lower() for host in hosts)
        self._denied = tuple(host.lower() for host in denied)
        self._known = {skeleton(host.removeprefix("*.")): host.removeprefix("*.") for host in self._hosts or ()}
        self._addresses, self._international, self._credentials = addresses, international, credentials

    def find(self, passage: Passage) -> Iterator[Span]:
        """Each URL that is not allowed, whole."""
        for url in urls(passage.text):
            start, end = passage.folded.original(url.start, url.end)
            # Folding makes look-alike letters plain: whether a host has some is seen in what was written.
            written = next(iter(urls(passage.original[start:end])), url)
            if self._deceives(url) or (_has_foreign_letters(written.host) and self._deceives(written)):
                yield Span(url.start, url.end, "URL_DECEPTIVE", 1.0)
            elif not self._is_allowed(url):
                yield Span(url.start, url.end, "URL_NOT_ALLOWED", 1.0)

    def _deceives(self, url: Url) -> bool:
        if url.odd or (url.credentials and not self._credentials):
            return True
        if url.host and is_international(url.host) and not (self._international or self._listed(url.host)):
            return True
        return bool(url.host) and not self._listed(url.host) and self._imitates(url.host)

    def _imitates(self, host: str) -> bool:
        """Whether a host looks like an allowed one, or carries an allowed one in front of another's."""
        if skeleton(host) in self._known:
            return True
        return any(f"{known}." in f"{host}." and not _is_below(host, known) for known in self._known.values())

    def _is_allowed(self, url: Url) -> bool:
        if url.scheme and url.scheme not in self._schemes:
            return False
        if not url.host:
            return url.scheme not in _ACTIVE or url.scheme in self._schemes
        if any(_matches(url.host, pattern) for pattern in self._denied):
            return False
        if is_address(url.host) and not (self._addresses or self._listed(url.host)):
            return False
        return self._hosts is None or self._listed(url.host)

    def _listed(self, host: str) -> bool:
        return any(_matches(host, pattern) for pattern in self._hosts or ())


def _matches(host: str, pattern: str) -> bool:
    return _is_below(host, pattern[2:]) if pattern.startswith("*.") else host == pattern


def _is_below(host: str, known: str) -> bool:
    return host == known or host.endswith("." + known)


def _has_foreign_letters(host: str) -> bool:
    return any(letter.isalpha() and not letter.isascii() for letter in host)
