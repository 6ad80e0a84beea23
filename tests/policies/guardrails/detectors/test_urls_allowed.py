"""URLs: hosts and schemes that a policy lists, and every trick about the host that a URL leads to."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.guardrails.detectors.url_host import is_address, skeleton
from policies.guardrails.detectors.urls_allowed import UrlsAllowed

OURS = UrlsAllowed(hosts=["example.org", "*.tienda.example", "correos.es"], schemes=["https", "mailto"])
ALLOWED = [
    *("See https://example.org/a?b=c#d.", "https://example.org:8443/x", "https://EXAMPLE.org.", "example.org/ayuda"),
    *("(https://www.tienda.example/p/1)", "[ver](https://tienda.example/a_(b))", "https://correos.es/seguimiento?n=1"),
    *(
        "mailto:ana@correos.es",
        "ana@gmail.com",
        "Escriba a ana.gil@otra.example.",
        "a.b.c",
        "v1.2.3",
        "datos.csv y main.py",
    ),
    *(
        "Node.js y ASP.NET",
        "e.g. this",
        "S.A. de C.V.",
        "3.50 euros",
        "10:30",
        "the end.Next sentence",
        "//comentario",
        "http is a word",
    ),
    *(
        "p.ej. esto",
        "file.txt",
        "README.md",
        "and/or",
        "https://example.org/?u=//evil",
        "U.S. law",
        "obj.method()",
        "1.1.2026",
    ),
]
REFUSED = [
    ("go to https://evil.example/x now", "https://evil.example/x", "URL_NOT_ALLOWED"),
    ("http://example.org/", "http://example.org/", "URL_NOT_ALLOWED"),
    ("vea www.otra-tienda.com.", "www.otra-tienda.com", "URL_NOT_ALLOWED"),
    ("vea otra.com/oferta, ya", "otra.com/oferta", "URL_NOT_ALLOWED"),
    ("otra.com", "otra.com", "URL_NOT_ALLOWED"),
    ("https://sub.example.org/", "https://sub.example.org/", "URL_NOT_ALLOWED"),
    ("https://203.0.113.7/x", "https://203.0.113.7/x", "URL_NOT_ALLOWED"),
    ("https://3405803783/", "https://3405803783/", "URL_NOT_ALLOWED"),
    ("https://0xcb.0x00.0x71.0x07/", "https://0xcb.0x00.0x71.0x07/", "URL_NOT_ALLOWED"),
    ("https://[2001:db8::1]/", "https://[2001:db8::1]/", "URL_NOT_ALLOWED"),
    ("javascript:alert(1)", "javascript:alert(1)", "URL_NOT_ALLOWED"),
    ("data:text/plain,hola", "data:text/plain,hola", "URL_NOT_ALLOWED"),
    ("<a href='//evil.example/a'>", "//evil.example/a", "URL_NOT_ALLOWED"),
    ("ftp://example.org/f", "ftp://example.org/f", "URL_NOT_ALLOWED"),
    ("https://example.org@evil.example/", "https://example.org@evil.example/", "URL_DECEPTIVE"),
    ("https://ana:pw@example.org/", "https://ana:pw@example.org/", "URL_DECEPTIVE"),
    ("https://example.org.evil.example/", "https://example.org.evil.example/", "URL_DECEPTIVE"),
    ("https://exarnple.org/", "https://exarnple.org/", "URL_DECEPTIVE"),
    ("https://examp1e.org/", "https://examp1e.org/", "URL_DECEPTIVE"),
    ("https://exаmple.org/", "https://exаmple.org/", "URL_DECEPTIVE"),
    ("https://xn--exmple-4nf.org/", "https://xn--exmple-4nf.org/", "URL_DECEPTIVE"),
    ("https://example-org/ https://c0rreos.es", "https://c0rreos.es", "URL_DECEPTIVE"),
    ("https:\\\\evil.example\\x", "https:\\\\evil.example\\x", None),
    ("https://evil.example\\@example.org/", "https://evil.example\\@example.org/", "URL_DECEPTIVE"),
    ("https://exam%70le.org/", "https://exam%70le.org/", "URL_DECEPTIVE"),
    ("https://evil。example/", "https://evil。example/", None),
    ("https://ev\u200bil.example/x", "https://ev\u200bil.example/x", "URL_NOT_ALLOWED"),
    ("HTTPS://EVIL.EXAMPLE", "HTTPS://EVIL.EXAMPLE", "URL_NOT_ALLOWED"),
    ("[ver](https://evil.example/a)", "https://evil.example/a", "URL_NOT_ALLOWED"),
    ("https://" + "a" * 310 + "@evil.example/", None, "URL_DECEPTIVE"),
]


@pytest.mark.parametrize("text", ALLOWED)
def test_what_is_listed_and_what_is_no_url_passes(spans, text: str) -> None:
    assert spans(OURS, text) == ()


@pytest.mark.parametrize(("text", "url", "entity"), REFUSED)
def test_what_is_not_listed_or_deceives_is_found_whole(spans, text: str, url: str | None, entity: str | None) -> None:
    found = spans(OURS, text)
    assert found
    if url is not None:
        assert url in {text[span.start : span.end] for span in found}
    assert entity is None or entity in {span.entity for span in found}


def test_without_a_list_only_denied_and_deceptive_hosts_are_found(spans) -> None:
    open_list = UrlsAllowed(denied=["*.evil.example"])
    assert spans(open_list, "https://any.example/x and http://other.com") == ()
    assert spans(open_list, "https://a.evil.example/x")
    assert spans(open_list, "https://user@any.example/x")
    assert spans(open_list, "javascript:alert(1)")
    assert spans(open_list, "https://münchen.example/")
    assert spans(UrlsAllowed(international=True), "https://münchen.example/") == ()
    assert spans(UrlsAllowed(addresses=True), "https://203.0.113.7/") == ()


def test_a_host_is_read_as_a_browser_and_as_a_person_would() -> None:
    assert is_address("127.1") and is_address("2130706433") and not is_address("1e100.net")
    assert skeleton("paypa1.com") == skeleton("paypal.com") == skeleton("pаypаl.com")
    assert skeleton("example.org") != skeleton("sample.org")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.sampled_from([*ALLOWED, *(case[0] for case in REFUSED[:-1])]),
    at=st.integers(0, 200),
    cuts=st.lists(st.integers(0, 900), max_size=20),
)
def test_any_cut_is_the_same(streamed, redacted, text: str, at: int, cuts: list[int]) -> None:
    filler = "We looked at it and all is fine, the parcel left the depot today. " * 6
    text = f"{filler[:at]} {text} {filler}"
    assert streamed(OURS, text, cuts) == redacted(OURS, text)


def test_a_url_longer_than_the_reach_blocks_a_stream(streamed) -> None:
    filler = "We looked at it and all is fine, the parcel left the depot today. "
    text = filler * 2 + "https://evil.example/" + "a" * 500 + " " + filler * 3
    assert streamed(OURS, text, range(0, len(text), 9)) == "!c.too-long"
    fine = text.replace("evil.example", "example.org")
    assert streamed(OURS, fine, range(0, len(text), 9)) == fine
