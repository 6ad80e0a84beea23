"""E-mail addresses (RFC 5321's sizes). Presidio's recogniser is not used: it fetches a suffix list from the web."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled, standing_alone, words
from policies.guardrails.redact import Span

_LOCAL = 64
_DOMAIN = 160
_ANYBODY = words("usuario user username nombre name apellido dominio domain alguien someone la una el the")
"""Where the form of an address is explained."""
_FILES = words("png jpg jpeg gif svg webp ico css js ts json py")
_LOGIN = r"\b(?:ssh|scp|sftp|rsync|git clone)\b[^\n]{0,20}$"
"""Before `user@host` that opens a machine."""
_SPOKEN = (
    r"[a-z0-9][a-z0-9._%+-]{0,40}(?: ?[\[({<] ?(?:at|arroba|@) ?[\])}>] ?| arroba )[a-z0-9-]{2,40}"
    r"(?:(?: ?[\[({<] ?(?:dot|punto) ?[\])}>] ?| punto | dot |\.)[a-z0-9-]{2,24}){0,2}"
    r"(?: ?[\[({<] ?(?:dot|punto) ?[\])}>] ?| punto | dot |\.)"
    r"(?:com|es|org|net|edu|gob|gov|info|mx|ar|co|cl|pe|uy|cat|eus|gal|io|uk|us|de|fr|pt|it|eu|example)"
)
"""`ana (at) example (dot) org`, `ana arroba example punto org`."""


class EmailAddress(Detector):
    """Finds EMAIL_ADDRESS."""

    name = "email-address"
    reach = Reach(span=_LOCAL + 1 + _DOMAIN, context=32)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Every `@` between a local part and a domain; not `git@host:path`, `icon@2x.png`, `ssh user@host`."""
        text = passage.text
        at = text.find("@")
        while at >= 0:
            start, end = _local_start(text, at), _domain_end(text, at + 1)
            suffix = text[at + 1 : end].rpartition(".")[2]
            is_domain = 2 <= len(suffix) <= 24 and suffix.isalpha() and suffix.lower() not in _FILES
            if start < at and is_domain and "." in text[at + 1 : end] and not _opens_a_machine(passage, start, at, end):
                yield Span(start, end, "EMAIL_ADDRESS", 0.95)
            at = text.find("@", at + 1)
        if "arroba" in passage.plain or compiled(r"[\[({<] ?at ?[\])}>]").is_in(passage.plain):
            for match in standing_alone(_SPOKEN, passage.plain):
                if not _ANYBODY & frozenset(match.group().replace(".", " ").split()):
                    yield Span(match.start(), match.end(), "EMAIL_ADDRESS", 0.8)


def _opens_a_machine(passage: Passage, start: int, at: int, end: int) -> bool:
    """Whether `user@host` is a repository, or what a remote shell is told."""
    text = passage.text
    if text[start:at] == "git" and text[end : end + 1] in {":", "/"} and text[end + 1 : end + 2] > " ":
        return True
    return compiled(_LOGIN).is_in(passage.before(start, 32))


def _local_start(text: str, at: int) -> int:
    """Where the part before the `@` begins; `at` where there is none. Never begins with a dot, dash or quote."""
    start = at
    while start > max(0, at - _LOCAL) and (text[start - 1].isalnum() or text[start - 1] in "._%+'-&"):
        start -= 1
    while start < at and not (text[start].isalnum() or text[start] == "_"):
        start += 1
    return start


def _domain_end(text: str, begin: int) -> int:
    """Where the domain ends: letters, digits, single dots between labels, dashes inside labels."""
    end = begin
    while end < min(len(text), begin + _DOMAIN):
        letter = text[end]
        if (
            letter.isalnum()
            or (letter in ".-" and end > begin and text[end - 1].isalnum())
            or (letter == "-" and text[end - 1] == "-")
        ):
            end += 1
        else:
            break
    while end > begin and not text[end - 1].isalnum():
        end -= 1
    return end
