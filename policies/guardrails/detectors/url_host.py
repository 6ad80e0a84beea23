"""URLs in text and the hosts that a browser would go to, whatever tricks the spelling plays. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from policies.guardrails.normalise import intent, plain
from policies.guardrails.patterns import compiled, words

SPAN = 320
"""Code points of a URL that are looked at in a stream; the host stands in its first 300, or the URL is refused."""
_AUTHORITY = 300
_REST = r"[^\s<>\"'`{}|^]"
_URL = (
    rf"(?i)(?:\b[a-z][a-z0-9+.-]{{1,20}}:(?:[/\\]{{1,4}}|&#47;&#47;){_REST}+"
    rf"|\b(?:javascript|data|vbscript|file|blob|mailto|tel|sms):[^\s<>\"'`|^]+"
    rf"|(?:^|[\s(\[\"'=<>])//[\p{{L}}\p{{N}}]{_REST}{{3,}}"
    rf"|[\p{{L}}\p{{N}}_-]+(?:[.。．｡][\p{{L}}\p{{N}}_-]+)+(?::[0-9]{{1,5}})?(?:[/?#]{_REST}*)?)"
)
_TRAILING = ".,;:!?»”’*_~"
_NO_SITES = words(
    "py js ts jsx tsx json yaml yml toml txt md csv tsv xml html htm css png jpg jpeg gif svg webp pdf doc"
    " docx xls xlsx ppt"
    " pptx zip gz tar exe dll so jar java class cpp hpp rs go rb php sh bat ps1 sql db log ini cfg conf"
    " lock parquet jsonl"
    " mp3 mp4 wav avi mov e.g i.e etc s.a s.l ej a.m p.m am pm"
)
"""Endings of files and short forms, which look like hosts."""
_LATIN = 0x24F
"""The last code point of Latin letters: `fin.Así` is a full stop without a blank, `пример.рф` is a host."""
_PRODUCTS = words("asp.net vb.net ado.net ml.net socket.io draw.io")
_KNOWN_ENDINGS = words(
    "com org net edu gov mil int info biz name io ai app dev co me tv cc ws ly gl to sh xyz top site"
    " online store shop tech"
    " click link live life world today news blog cloud page pro club fun icu vip win bid loan work men"
    " date stream zip mov"
    " es mx ar cl pe uy py bo ec ve cr pa gt hn ni sv do pr cu cat gal eus lat uk us ca au nz ie de fr it"
    " pt nl be ch at"
    " se no dk fi pl cz ru ua ro bg gr tr hu jp cn kr in br za eu su tk ml ga cf gq pw rest email support help finance"
)
"""Endings of a host that is taken for one without a scheme before it; others need a `www.` or a path."""


@dataclass(frozen=True)
class Url:
    """A URL as it stands, and where it leads."""

    start: int
    end: int
    scheme: str
    """Lower case; '' where none is written."""
    host: str
    """Lower case, decoded, without a port and a final dot; '' for schemes without hosts."""
    credentials: bool
    """Whether a user stands before the host."""
    odd: bool
    """Whether the authority is too long or spelled so that readers and browsers may disagree about its host."""


def urls(text: str) -> Iterator[Url]:
    """Every URL of a text, with a scheme, with `//` or `www.` before it, or a bare host with a known ending."""
    if "." not in text and ":" not in text and "//" not in text:
        return
    for match in compiled(_URL).finditer(text):
        start, whole = match.start(), match.group()
        lead = len(whole) - len(whole.lstrip(" \t\r\n([\"'=<>"))
        found = _trimmed(whole[lead:])
        if start and text[start - 1] == "@" and lead == 0:
            continue
        url = _read(found, start + lead)
        if url is not None and not _follows_mail(text, url):
            yield url


def _follows_mail(text: str, url: Url) -> bool:
    """Whether what stands there is the address of a mailbox: `ana@example.org` leads nowhere."""
    return not url.scheme and (text[url.end : url.end + 1] == "@" or (url.start > 0 and text[url.start - 1] in "@-_"))


def _trimmed(url: str) -> str:
    """Without a sentence's punctuation and without a closing bracket that it did not open (Markdown's link)."""
    for opening, closing in ("()", "[]"):
        depth = 0
        for index, letter in enumerate(url):
            depth += (letter == opening) - (letter == closing)
            if depth < 0:
                url = url[:index]
                break
    return url.rstrip(_TRAILING)


def _read(url: str, start: int) -> Url | None:
    scheme, separator, rest = _split_scheme(url)
    end = start + len(url)
    if separator == ":":
        return Url(start, end, scheme, rest.rpartition("@")[2].lower() if scheme == "mailto" else "", False, False)
    cut = next((index for index, letter in enumerate(rest) if letter in "/?#"), len(rest))
    authority = rest[:cut]
    slashed = "\\" in authority
    user, at, host = authority.replace("\\", "/").partition("/")[0].rpartition("@")
    del user
    host = _plain_host(host)
    if not scheme and not separator and not _looks_like_host(host, bare=cut == len(rest)):
        return None
    if not host or (not scheme and "." not in host and not host.startswith("[")):
        return None
    odd = slashed or len(authority) > _AUTHORITY or "%" in authority.rpartition("@")[2] or not _well_formed(host)
    return Url(start, end, scheme, host, bool(at), odd)


def _split_scheme(url: str) -> tuple[str, str, str]:
    """(scheme, what separates, rest): `//` before an authority, `:` before anything else, '' before a bare host."""
    url = url.replace("&#47;", "/")
    scheme, colon, rest = url.partition(":")
    if colon and scheme.replace("+", "").replace("-", "").replace(".", "").isalnum() and rest[:1] in ("/", "\\"):
        return scheme.lower(), "//", rest.lstrip("/\\")
    if colon and scheme.lower() in ("javascript", "data", "vbscript", "file", "blob", "mailto", "tel", "sms"):
        return scheme.lower(), ":", rest
    return ("", "//", url.lstrip("/\\")) if url.startswith("//") else ("", "", url)


def _plain_host(host: str) -> str:
    host = unquote(host).lower()
    for dot in "。．｡":
        host = host.replace(dot, ".")
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    name, colon, port = host.rpartition(":")
    if colon and (port.isdigit() or not port):
        host = name
    return host.rstrip(".")


def _looks_like_host(host: str, *, bare: bool) -> bool:
    ending = host.rpartition(".")[2]
    if bare and host in _PRODUCTS:
        return False
    if ending in _NO_SITES and (bare or ending not in _KNOWN_ENDINGS):
        return False
    foreign = len(ending) > 1 and all(letter.isalpha() and ord(letter) > _LATIN for letter in ending)
    return host.startswith("www.") or ending in _KNOWN_ENDINGS or ending.startswith("xn--") or foreign


def _well_formed(host: str) -> bool:
    return host.startswith("[") or all(letter.isalnum() or letter in ".-_" for letter in host)


def is_address(host: str) -> bool:
    """Whether a host is an IP address, also one written as one number, in octal or hexadecimal."""
    if host.startswith("["):
        return True
    return compiled(r"(?:0x[0-9a-f]+|[0-9]+)(?:\.(?:0x[0-9a-f]+|[0-9]+)){0,3}").fits(host)


def is_international(host: str) -> bool:
    """Whether a host has letters beyond ASCII, or is punycode for one that has."""
    return not host.isascii() or any(label.startswith("xn--") for label in host.split("."))


def skeleton(host: str) -> str:
    """What a host looks like to a reader: two hosts with one skeleton are taken for each other."""
    decoded = ".".join(_decoded(label) for label in host.split("."))
    seen = intent(plain(decoded)).replace("rn", "m").replace("vv", "w").replace("-", "").replace("_", "")
    return seen.translate(str.maketrans("01l3457|", "oiieasti"))


def _decoded(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except (UnicodeError, ValueError):
        return label
