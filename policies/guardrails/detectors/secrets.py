"""Secrets: keys by their issuers' shapes, private keys, web tokens, and passwords by the word before them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled, words
from policies.guardrails.redact import Span


@dataclass(frozen=True)
class _Shape:
    """A key that its issuer made recognisable: `starts` is the cheap look, `pattern` the shape."""

    starts: tuple[str, ...]
    pattern: str
    entity: str = "API_KEY"


_SHAPES = (
    # clouds
    _Shape(("AKIA", "ASIA", "ABIA", "ACCA"), r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}"),
    _Shape(("AIza",), r"AIza[0-9A-Za-z_-]{35}"),
    _Shape(("GOCSPX-",), r"GOCSPX-[0-9A-Za-z_-]{20,}"),
    _Shape(("ya29.",), r"ya29\.[0-9A-Za-z_-]{20,}"),
    _Shape(("AccountKey=", "SharedAccessKey="), r"(?:AccountKey|SharedAccessKey)=[0-9A-Za-z+/]{40,}={0,2}"),
    _Shape(("8Q~", "7Q~"), r"[0-9A-Za-z~._-]{3}[78]Q~[0-9A-Za-z~._-]{31,34}"),
    _Shape(("dop_v1_", "doo_v1_", "dor_v1_"), r"do[opr]_v1_[0-9a-f]{64}"),
    _Shape(("LTAI",), r"LTAI[0-9A-Za-z]{16,24}"),
    # version control, packages, build
    _Shape(("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"gh[opusr]_[0-9A-Za-z]{30,}"),
    _Shape(("github_pat_",), r"github_pat_[0-9A-Za-z_]{30,}"),
    _Shape(("glpat-", "gldt-", "glrt-", "glptt-"), r"gl(?:pat|dt|rt|ptt)-[0-9A-Za-z_.-]{18,}"),
    _Shape(("ATBB", "ATATT3"), r"(?:ATBB[0-9A-Za-z]{24,}|ATATT3[0-9A-Za-z_=-]{40,})"),
    _Shape(("npm_",), r"npm_[0-9A-Za-z]{36}"),
    _Shape(("pypi-",), r"pypi-[0-9A-Za-z_-]{40,}"),
    _Shape(("dckr_pat_",), r"dckr_pat_[0-9A-Za-z_-]{20,}"),
    _Shape(("hvs.", "hvb."), r"hv[sb]\.[0-9A-Za-z_-]{24,}"),
    # models
    _Shape(("sk-ant-",), r"sk-ant-[0-9A-Za-z_-]{20,}"),
    _Shape(("sk-or-", "sk-proj-", "sk-svcacct-", "sk-"), r"sk-(?:proj-|svcacct-|admin-|or-v1-|lf-)?[0-9A-Za-z_-]{20,}"),
    _Shape(("hf_",), r"hf_[0-9A-Za-z]{30,}"),
    _Shape(("gsk_", "xai-", "pplx-", "r8_", "nvapi-", "fw_"), r"(?:gsk_|xai-|pplx-|r8_|nvapi-|fw_)[0-9A-Za-z_-]{24,}"),
    _Shape(("slk_",), r"slk_[0-9A-Za-z_-]{20,}"),
    # payments
    _Shape(("sk_live_", "sk_test_", "rk_live_", "rk_test_"), r"[sr]k_(?:live|test)_[0-9A-Za-z]{16,}"),
    _Shape(("whsec_",), r"whsec_[0-9A-Za-z]{24,}"),
    _Shape(("sq0atp-", "sq0csp-", "EAAA"), r"(?:sq0[a-z]{3}-[0-9A-Za-z_-]{22,43}|EAAA[0-9A-Za-z_-]{56,})"),
    _Shape(("access_token$",), r"access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}"),
    # messages and mail
    _Shape(("xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xapp-"), r"x(?:ox[abprs]|app)-[0-9A-Za-z-]{10,}"),
    _Shape(("hooks.slack.com/",), r"https://hooks\.slack\.com/(?:services|workflows)/[0-9A-Za-z/+]{20,}"),
    _Shape(("SG.",), r"SG\.[0-9A-Za-z_-]{16,32}\.[0-9A-Za-z_-]{16,64}"),
    _Shape(("key-",), r"key-[0-9a-f]{32}"),
    _Shape(("SK", "AC"), r"SK[0-9a-f]{32}"),
    _Shape((":AA",), r"[0-9]{8,10}:AA[0-9A-Za-z_-]{33}"),
    _Shape(("shpat_", "shpca_", "shppa_", "shpss_"), r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    _Shape(("AGE-SECRET-KEY-1",), r"AGE-SECRET-KEY-1[0-9A-Z]{58}", "PRIVATE_KEY"),
    # tokens and keys
    _Shape(("eyJ",), r"eyJ[0-9A-Za-z_-]{14,}(?:\.[0-9A-Za-z_-]*){0,2}", "JSON_WEB_TOKEN"),
    _Shape(
        ("-----BEGIN",),
        r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----[\x00-\x{10FFFF}]*?"
        r"(?:-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----|\z)",
        "PRIVATE_KEY",
    ),
)
_NAMED = (
    r"(?i)(?:pass(?:word|wd|phrase|code)?|pwd|contrase(?:ñ|n)a|clave(?: de acceso| secreta| privada)?"
    r"|secret(?:[_ -]?(?:access[_ -]?)?key)?"
    r"|client[_ -]?secret|api[_ -]?key|access[_ -]?(?:key|token)|auth[_ -]?token|bearer|token|private[_ -]?key|pin)"
    r"(?:[\"']?\s{0,2}(?:[:=]|=>|:=)\s{0,2}|\s(?:is|es|era|was|seria)(?: ahora"
    r"| now)?:?\s{1,2})[\"'«“`]?([^\s\"'«»“”`,;<>]{4,128})"
)
_BEARER = r"(?i)\bbearer\s{1,2}([0-9A-Za-z._~+/-]{16,}=*)"
_STRONG_NAMES = ("=", ":")
_NO_SECRET = words(
    "string str true false null none required optional xxxx changeme example ejemplo your tu su debe must should"
    " the la el un una de que"
    " incorrect incorrecta wrong invalid valid expired caducada segura secure correcta correct obligatoria none nil"
    " undefined temporal"
    " nueva new old process.env"
)


class Secrets(Detector):
    """Finds API_KEY, PRIVATE_KEY, JSON_WEB_TOKEN and PASSWORD."""

    name = "secrets"
    reach = Reach(span=256, context=48)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Shapes of issuers, and what stands after a word such as password and looks like one."""
        text = passage.text
        for shape in _SHAPES:
            if any(start in text for start in shape.starts):
                yield from self._shaped(text, shape)
        for pattern in (_NAMED, _BEARER):
            for match in compiled(pattern).finditer(text):
                value = match.group(1).rstrip(".?)]}")
                if _looks_secret(value.rstrip("!")):
                    yield Span(match.start(1), match.start(1) + len(value), "PASSWORD", 0.8)

    def _shaped(self, text: str, shape: _Shape) -> Iterator[Span]:
        for match in compiled(shape.pattern).finditer(text):
            start, end = match.start(), match.end()
            if start and (text[start - 1].isalnum() or text[start - 1] == "_"):
                continue
            if shape.entity == "API_KEY" and not _random(match.group()):
                continue
            yield Span(start, end, shape.entity, 0.95)


def _random(key: str) -> bool:
    """Whether a key looks drawn at random: more than a few different signs, no `xxxx` of an example."""
    body = key[-16:]
    return len(set(body)) >= 6 and any(letter.isdigit() or letter.isupper() for letter in key[3:])


def _looks_secret(value: str) -> bool:
    """Whether the word after `password` is a password: mixed signs, not a word of the sentence or a placeholder."""
    lowered = value.lower()
    if lowered in _NO_SECRET or lowered.startswith(("process.env", "os.environ", "${", "{{", "<", "xxx", "***", "...")):
        return False
    if len(set(value)) < 3 or "://" in value:
        return False
    kinds = (str.islower, str.isupper, str.isdigit)
    mixed = sum(any(kind(letter) for letter in value) for kind in kinds)
    signs = any(not letter.isalnum() and letter not in ".-_" for letter in value)
    return (mixed >= 2 or signs) and (any(letter.isdigit() for letter in value) or signs or _entropy(value) > 3.2)


def _entropy(value: str) -> float:
    """Shannon's entropy in bits per sign."""
    counts = Counter(value)
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts.values())
