"""The texts of a fuzz: rows cut and spliced, signs of every plane, codes within codes, planted entities."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

from evasion_forms import FORMS, Entity, entity

_FILES = ("pii/es_synthetic", "pii/en_near_miss", "pii/en_presidio_research", "injection/injection")
_SPLICES = (
    *(
        "@",
        "@@",
        "://",
        "a@b.",
        "-----BEGIN RSA PRIVATE KEY-----",
        "eyJ",
        "AKIA",
        "sk-",
        "%",
        "%4",
        "&#",
        "&#64",
        "\\u00",
    ),
    *(
        "\\",
        "\\x",
        "<",
        ">",
        "<PERSON>",
        "arroba",
        " punto ",
        " at ",
        " dot ",
        "(at)",
        "[",
        "]" * 9,
        "\n",
        "\r\n",
        "\t",
    ),
    *(
        "4 5 3 9",
        "1.2.3.",
        "00 ",
        "+34",
        "ES91",
        "0x",
        "====",
        "\x00",
        "\x04",
        "\u200b" * 5,
        "\u0301" * 9,
        "\U000e0041",
    ),
    *(
        "\ud800",
        "\udfff",
        "\ufffd",
        "\U00040000",
        "\U0010ffff",
        "🇪🇸",
        "👩‍👩‍👧",
        "ﷺ",
        "İ",
        "ß",
        "ſ",
        "K",
        "½",
        "ﬁ",
        "\u2028",
    ),
)
_ALONE = ("{} ", "Hola, {}. Gracias", "value: {}\n", "({})", "«{}», dijo", "{}")
_PLANES = (
    (0, 0x7F),
    (0x80, 0x24F),
    (0x300, 0x36F),
    (0x370, 0x1FFF),
    (0x2000, 0x2BFF),
    (0x3000, 0xD7FF),
    (0xD800, 0xDFFF),
)
_HIGH_PLANES = (
    (0xE000, 0xFFFF),
    (0x10000, 0x1FFFF),
    (0x20000, 0x3FFFF),
    (0x40000, 0xBFFFF),
    (0xE0000, 0xE01EF),
    (0xF0000, 0x10FFFF),
)


@dataclass(frozen=True)
class Fuzzed:
    """One input. Where an entity was planted, its place."""

    kind: str
    text: str
    language: Literal["en", "es"]
    planted: Entity | None = None
    start: int = 0
    end: int = 0


def read_rows(data: Path) -> list[str]:
    """The texts of the development sets, or a few of our own where they are not at hand."""
    rows: list[str] = []
    for name in _FILES:
        path = data / f"{name}.jsonl"
        if path.exists():
            rows += [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]
    return rows or [
        "Me llamo Ana Ruiz y vivo en la calle Mayor 3, 28013 Madrid.",
        "Call Sarah Connor at +1 206 356 4926.",
    ]


def fuzzed(random: Random, rows: list[str]) -> Fuzzed:
    """One input of a kind that chance picks."""
    kind = random.choices(("planted", "spliced", "planes", "nested", "huge"), (300, 400, 180, 119, 1))[0]
    language: Literal["en", "es"] = random.choice(("en", "es"))
    if kind == "planted":
        return _planted(random, language)
    make = {"spliced": _spliced, "planes": _planes, "nested": _nested, "huge": _huge}[kind]
    return Fuzzed(kind, make(random, rows), language)


def _planted(random: Random, language: Literal["en", "es"]) -> Fuzzed:
    value = entity(random)
    form = random.choice([form for form in FORMS if value.kind in form.fits])
    written = form.write(value.text, random)
    before, after = random.choice(_ALONE).split("{}")
    return Fuzzed(
        f"planted: {form.name}", before + written + after, language, value, len(before), len(before) + len(written)
    )


def _spliced(random: Random, rows: list[str]) -> str:
    text = random.choice(rows)[:600]
    for _ in range(random.randrange(1, 7)):
        start = random.randrange(len(text) + 1)
        end = min(len(text), start + random.choice((0, 0, 1, 1, 5, 30)))
        other = random.choice(rows)
        cut = random.randrange(len(other) + 1)
        inner = random.choice(
            (
                lambda: random.choice(_SPLICES),
                lambda: random.choice(_SPLICES) * random.randrange(1, 9),
                lambda: other[cut : cut + 40],  # noqa: B023
                lambda: random.choice(FORMS).write(_narrow(text[start:end] or "4799"), random),  # noqa: B023
                lambda: random.choice(FORMS).write(entity(random).text, random),
                lambda: "",
            )
        )()
        text = text[:start] + inner + text[end:]
    return text


def _narrow(text: str) -> str:
    """What every form can write."""
    return "".join(letter for letter in text if "!" <= letter <= "~") or "x"


def _planes(random: Random, _: list[str]) -> str:
    letters = []
    for _ in range(random.randrange(1, 120)):
        first, last = random.choice(_PLANES + _HIGH_PLANES)
        letters.append(chr(random.randint(first, last)))
        if random.random() < 0.2:
            letters.append(random.choice(_SPLICES))
        if random.random() < 0.1:
            letters.append(entity(random).text)
    return "".join(letters)


def _nested(random: Random, rows: list[str]) -> str:
    inner = random.choice((entity(random).text, _narrow(random.choice(rows)[:60])))
    for _ in range(random.randrange(2, 9)):
        inner = random.choice(FORMS).write(_narrow(inner) if random.random() < 0.5 else inner, random)[:4_000]
        inner = "".join(letter if ord(letter) < 0x7F else "x" for letter in inner)
        if random.random() < 0.3:
            inner = random.choice(_SPLICES[:30]) + inner
    return inner


def _huge(random: Random, rows: list[str]) -> str:
    piece = random.choice(
        (random.choice(_SPLICES), random.choice(rows), entity(random).text, "a", "0 ", "@a.b", "a.", "=41")
    )
    return (piece * (random.choice((5_000, 15_000)) // len(piece) + 1))[:16_000]
