"""Made-up attacks and harmless texts in English and Spanish, from the templates beside this file; CC0, seeded.

Each text's family stands in its group, so that a fold holds all of a family or nothing of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from flows.injection.evasions import EVASIONS, encoded
from policies.checks import Language

_FOLDER = Path(__file__).parent / "templates"
_HEAD = re.compile(r"\[(slot|attack|harmless|host)\.([\w-]+)\]")
_EVADED = 0.22
"""Share of open attacks that hide by an evasion."""
_HARMLESS_CHANGED = 0.12
"""Share of harmless texts in capitals, misspelt or in a code: such a form alone says nothing."""
_HARMLESS_FORMS = ("misspelt", "shouted", "styled", "look_alikes", "in_code")


@dataclass(frozen=True)
class Example:
    """One labelled text."""

    text: str
    language: Language
    attack: bool
    group: str
    """Texts that may not be parted between folds."""
    source: str


class Templates:
    """The families and slots of one language."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self.families: dict[str, tuple[str, ...]] = {}
        self.slots: dict[str, tuple[str, ...]] = {}
        for kind, name, lines in _sections((_FOLDER / f"{language}.txt").read_text(encoding="utf-8")):
            if kind == "slot":
                self.slots[name] = tuple(part.strip() for line in lines for part in line.split(" | "))
            else:
                self.families[f"{kind}.{name}"] = tuple(line.replace("\\n", "\n") for line in lines)

    def fill(self, template: str, random: Random, **given: str) -> str:
        """A template with a choice for each slot; what a choice holds is filled too."""
        text = template.replace("{{", "\x01").replace("}}", "\x02")
        while "{" in text:
            start = text.index("{")
            end = text.index("}", start)
            name = text[start + 1 : end]
            text = text[:start] + (given.get(name) or self._choice(name, random)) + text[end + 1 :]
        return text.replace("\x01", "{").replace("\x02", "}")

    def _choice(self, name: str, random: Random) -> str:
        if name == "encoded":
            return encoded(self.fill("{ignore} {rules}: {goal}", random))
        return random.choice(self.slots[name])


def _sections(text: str) -> Iterator[tuple[str, str, list[str]]]:
    kind, name, lines = "", "", []  # type: tuple[str, str, list[str]]
    for line in text.splitlines():
        head = _HEAD.fullmatch(line)
        if head:
            if kind:
                yield kind, name, lines
            kind, name, lines = head[1], head[2], []
        elif kind and line.strip():
            lines.append(line)
    yield kind, name, lines


def synthetic(count: int, seed: int) -> Iterator[Example]:
    """So many examples, half of them in each language, about half of them attacks."""
    random = Random(seed)  # noqa: S311 (nothing secret)
    made = {language: Templates(language) for language in ("en", "es")}
    for number in range(count):
        templates = made["es" if number % 2 else "en"]
        if random.random() < 0.3:
            yield _document(templates, random)
        elif random.random() < 0.5:
            yield _attack(templates, random)
        else:
            yield _harmless(templates, random)


def _attack(templates: Templates, random: Random) -> Example:
    family = random.choice([name for name in templates.families if name.startswith("attack.")])
    place = random.randrange(len(templates.families[family]))
    text = templates.fill(templates.families[family][place], random)
    if random.random() < 0.15:
        text = f"{_letter(templates, random)} {text}"
    if random.random() < _EVADED:
        text = random.choice(EVASIONS)(text, random)
    return _example(templates, _capital(text, random), True, f"{family}.{place}")


def _harmless(templates: Templates, random: Random) -> Example:
    names = [name for name in templates.families if name.startswith("harmless.") and name != "harmless.planted"]
    family = random.choice(names)
    place = random.randrange(len(templates.families[family]))
    text = templates.fill(templates.families[family][place], random)
    if random.random() < 0.3:
        text = f"{text} {_letter(templates, random)}"
    if random.random() < _HARMLESS_CHANGED:
        text = random.choice([way for way in EVASIONS if way.__name__ in _HARMLESS_FORMS])(text, random)
    return _example(templates, _capital(text, random), False, f"{family}.{place}")


def _document(templates: Templates, random: Random) -> Example:
    """A host with an order for the model in it, or with a harmless sentence for people."""
    attack = random.random() < 0.5
    family = random.choice([name for name in templates.families if name.startswith("host.")])
    planted = "attack.planted" if attack else "harmless.planted"
    place = random.randrange(len(templates.families[planted]))
    sentence = _capital(templates.fill(templates.families[planted][place], random), random)
    host = templates.fill(random.choice(templates.families[family]), random, planted=sentence)
    filler = " ".join(_clean(templates, random) for _ in range(random.choice((0, 0, 1, 3))))
    text = f"{filler}\n{host}" if random.random() < 0.5 else f"{host}\n{filler}"
    return _example(templates, text.strip(), attack, f"{planted}.{place}")


def _clean(templates: Templates, random: Random) -> str:
    family = random.choice(("harmless.support", "harmless.personal", "harmless.task", "harmless.planted"))
    return templates.fill(random.choice(templates.families[family]), random)


def _letter(templates: Templates, random: Random) -> str:
    """One sentence, or several as a customer writes them, with personal data or what a redactor put in its place."""
    return " ".join(_clean(templates, random) for _ in range(random.choice((1, 1, 2, 4))))


def _capital(text: str, random: Random) -> str:
    return text[:1].upper() + text[1:] if random.random() < 0.8 else text


def _example(templates: Templates, text: str, attack: bool, family: str) -> Example:
    # The two languages' templates of one place say nearly the same: one group.
    return Example(text, templates.language, attack, f"made:{family}", "made")
