"""Secrets that only the words around them tell: passwords, keys of no known shape, and connection strings."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled, words
from policies.guardrails.redact import Span

NEAR = 48
"""Code points before a value that may hold its word."""
LONGEST = 160
"""Code points of a value."""

_WORDS = (
    r"pass(?:word|wd|phrase|code|wort)?|pwd|psw|contrase(?:ñ|n)a|clave(?: (?:de acceso|secreta|privada|de api|del wifi"
    r"|maestra))?|secret(?:o|a)?(?:[_ -]?(?:access[_ -]?)?key)?|client[_ -]?secret|api[_ -]?key|app[_ -]?key"
    r"|(?:access|service|account|db|database|signing|encryption|master|license|session)[_ -]?(?:key|token|secret|pass)"
    r"|auth[_ -]?(?:key|token)|refresh[_ -]?token|token(?: de acceso)?|private[_ -]?key|credential(?:s)?"
    r"|credencial(?:es)?"
)
_LINK = (
    r"(?:[\"'`]{0,2}\]?\s{0,2}(?:[:=]|=>|:=|->)\s{0,2}|[\"'`]?\s(?:is|es|era|was|ser(?:í|i)a|to|sigue siendo)"
    r"(?: ahora| now| still| set to)?:?\s{1,2})"
)
_VALUE = r"[\"'«“`]?([^\s\"'«»“”`,;<>]{4,160})"
_NAMED = rf"(?i)(?:{_WORDS}){_LINK}{_VALUE}"
_SPELLED = r"(?i)(?:pass(?:word|wd|phrase)?|contrase(?:ñ|n)a|clave)\s(?:is|es|:)\s{1,2}[\"«“]([^\"«»“”\n]{6,64})[\"»”]"
_PIN = rf"(?i)\b(?:pin(?: code)?|c(?:ó|o)digo pin|cvv|cvc){_LINK}([0-9]{{3,8}})\b"
_BEARER = r"(?i)\b(?:bearer|basic|apikey|token)\s{1,2}([0-9A-Za-z._~+/-]{16,}=*)"
_CONNECTION = (
    r"(?i)\b(?:user id|uid|user|usuario)\s{0,2}=\s{0,2}[^;\s]{1,64};[^\n]{0,80}?\b(?:pwd|password|contrase(?:ñ|n)a)"
    r"\s{0,2}=\s{0,2}([^;\s\"']{3,100})"
)
_OPTIONS = (
    r"(?:^|\s)(?:--?(?:password|pass|passwd|pwd|token|api-key|secret)[= ]|-u [^\s:\"']{1,64}:)([^\s\"'`<>]{4,128})"
)
_HEADER = r"(?i)\bx-[a-z-]{0,20}(?:api-key|auth|token|secret)[\"']?:\s{0,2}[\"']?([^\s\"',;<>]{8,160})"
_OPAQUE = r"[0-9A-Za-z+/_=~.-]{20,160}"
_ABOUT = (
    r"\b(?:secret|secreto|key|keys|clave|llave|token|credential|credencial|password|contrasena|pass|apikey|auth"
    r"|authorization|signature key|hmac|seed|semilla)\b"
)
_HARMLESS = (
    r"\b(?:commit|sha1|sha256|sha-256|sha512|md5|hash|checksum|digest|huella|suma de verificacion|etag|uuid|guid|trace"
    r"|span id|request id|session id|id de sesion|pedido|order|orden|tracking|seguimiento|invoice|factura|public key"
    r"|clave publica|publickey|image|imagen|base64|font|integrity|fingerprint|revision|build|version|sku"
    r"|isbn|idempotency"
    r"|idempotencia|primary key|foreign key|clave primaria|clave foranea|sort key|partition key|cache key)\b"
)
_NO_SECRET = words(
    "string str true false null none required optional xxxx changeme change_me example ejemplo your tu su debe must"
    " should the la el un una de que incorrect incorrecta wrong invalid valid expired caducada segura secure correcta"
    " correct obligatoria nil undefined temporal nueva new old process.env getpass input prompt redacted hidden oculto"
    " oculta secret secreto password contraseña contrasena token value valor here aqui aquí todo tbd n/a foobar"
    " not-set placeholder dummy sample insert_here"
)
_PLACEHOLDERS = (
    *("process.env", "os.environ", "os.getenv", "env.", "${", "$(", "{{", "%(", "<", "[", "(", "xxx", "***", "..."),
    *("your", "example", "ejemplo", "insert", "replace", "secrets.", "vault:", "var."),
    *("self.", "config.", "settings.", "request.", "user.", "args.", "ssm:", "op://", "arn:", "$"),
)
_SENTENCE_ENDS = ".:?)]}"


def named_secrets(passage: Passage) -> Iterator[Span]:
    """Values after a word such as `password`, in headers, options and connection strings."""
    text = passage.text
    for pattern in (_NAMED, _BEARER, _HEADER, _OPTIONS):
        for match in compiled(pattern).finditer(text):
            value = match.group(1).rstrip(_SENTENCE_ENDS)
            if looks_secret(value.rstrip("!")):
                yield Span(match.start(1), match.start(1) + len(value), "PASSWORD", 0.8)
    for match in compiled(_PIN).finditer(text):
        yield Span(match.start(1), match.end(1), "PASSWORD", 0.7)
    for match in compiled(_CONNECTION).finditer(text):
        if not is_placeholder(match.group(1)):
            yield Span(match.start(1), match.end(1), "PASSWORD", 0.9)
    for match in compiled(_SPELLED).finditer(text):
        if " " in match.group(1) and any(letter.isdigit() or letter == "-" for letter in match.group(1)):
            yield Span(match.start(1), match.end(1), "PASSWORD", 0.7)


def opaque_secrets(passage: Passage) -> Iterator[Span]:
    """What looks drawn at random and has a word for a secret near before it, and none for a harmless number."""
    if not compiled(_ABOUT).is_in(passage.plain):
        return
    for match in compiled(_OPAQUE).finditer(passage.text):
        value = match.group().rstrip(".-_/~")
        if len(value) < 20 or not looks_random(value.rstrip("=")):
            continue
        before = passage.before(match.start(), NEAR)
        about = _last(_ABOUT, before)
        if about is not None and (_last(_HARMLESS, before) or -1) < about:
            yield Span(match.start(), match.start() + len(value), "API_KEY", 0.7)


def _last(pattern: str, text: str) -> int | None:
    """Where the last match ends."""
    return max((match.end() for match in compiled(pattern).finditer(text)), default=None)


def is_placeholder(value: str) -> bool:
    """Whether a value stands for one: a variable, `your-key-here`, stars."""
    lowered = value.lower()
    return (
        lowered in _NO_SECRET
        or lowered.startswith(_PLACEHOLDERS)
        or "example" in lowered
        or "ejemplo" in lowered
        or len(set(value)) < 3
    )


def looks_secret(value: str) -> bool:
    """Whether the word after `password` is a password: mixed signs, not a word of the sentence or a placeholder."""
    if is_placeholder(value) or "://" in value or value.endswith("()"):
        return False
    kinds = (str.islower, str.isupper, str.isdigit)
    mixed = sum(any(kind(letter) for letter in value) for kind in kinds)
    signs = any(not letter.isalnum() and letter not in ".-_/" for letter in value)
    if value.isalpha() and not value.islower() and (value[1:].islower() or value.isupper()):
        return False
    return (mixed >= 2 or signs) and (any(letter.isdigit() for letter in value) or signs or entropy(value) > 3.2)


def looks_random(value: str) -> bool:
    """Whether a long word is no path, host, identifier or UUID: letters and digits mixed, and many of them."""
    if value.count(".") > 2 or value.count("/") > 2 or _is_uuid(value) or value.startswith("data:"):
        return False
    digits = sum(letter.isdigit() for letter in value)
    letters = sum(letter.isalpha() for letter in value)
    if digits < 2 or letters < 4:
        return False
    hexadecimal = all(letter in "0123456789abcdefABCDEF" for letter in value)
    return entropy(value) >= (3.0 if hexadecimal else 3.6)


def _is_uuid(value: str) -> bool:
    return len(value) == 36 and [index for index, letter in enumerate(value) if letter == "-"] == [8, 13, 18, 23]


def entropy(value: str) -> float:
    """Shannon's entropy in bits per sign."""
    counts = Counter(value)
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts.values())
