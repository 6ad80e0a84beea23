"""Pseudonyms: in one conversation the same original gets the same stand-in, and two originals never the same.

Stand-ins follow from a key (an HMAC of the conversation, handed in from infra) and the original, so that nothing is
stored: a request carries its whole history, and the mapping is derived anew from it. A stand-in is never a text that
the caller wrote before anybody else did, so that his own words cannot be taken for one. Names are replaced word by
word: who is called `Ana Gil` in one sentence and `Ana` in the next is one person to the model too.
"""

from __future__ import annotations

import json
import threading
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from infra.engines.engine import Message, ToolUse
from infra.errors import PartFailed
from policies.checks import Language
from policies.guardrails import stand_in_names as names
from policies.guardrails.language import detect_language
from policies.guardrails.normalise import fold, plain
from policies.guardrails.patterns import compiled
from policies.guardrails.redact import Span
from policies.guardrails.restore import Place, Restorer, StandInForms
from policies.guardrails.stand_in_shapes import Asked, Draw, is_code, propose, squeezed

_WORD = r"\p{L}+(?:['’]\p{L}+)*"
_IN_NAMES = frozenset(" -.,'’")
"""What may stand between the words of a name. A name with anything else in it is replaced as a whole."""
_ATTEMPTS = 400
_FROM_LISTS = 40
"""Attempts after which names are made of syllables."""
_TELLING = 4
"""An original of so many letters and digits must not be part of a stand-in."""


class Pseudonyms:
    """The stand-ins of one conversation. Belongs to one request; safe for several threads."""

    def __init__(self, key: bytes, language: Language, messages: Sequence[Message] = ()) -> None:
        self._key = key
        self._language = language
        self._messages = messages
        self._forms = StandInForms()
        self._made: dict[tuple[str, str], str] = {}
        self._used: set[str] = set()
        self._words: dict[str, str] = {}
        self._lock = threading.Lock()

    @classmethod
    def of(cls, key: bytes, messages: Sequence[Message], tools: ToolUse | None = None) -> Pseudonyms:
        """For a request's texts. The language is that of the first that a user wrote: it stays with the history."""
        first = next((message.content for message in messages if message.role == "user"), "")
        definitions = (Message("system", tool.definition) for tool in tools.tools) if tools else ()
        return cls(key, detect_language(plain(first)), (*definitions, *messages))

    def stand_in(self, entity: str, original: str) -> str:
        """See `StandIns`. Raises PartFailed when no stand-in is free."""
        with self._lock:
            folded = unicodedata.normalize("NFC", fold(original).text)
            if not folded.strip() or self._is_stand_in(original):
                return original
            original = _unescaped(original)
            same = squeezed(folded) if is_code(entity) else ""
            same = same or " ".join(folded.casefold().split())
            made = self._made.get((entity, same))
            if made is None:
                make = self._name if entity == "PERSON" else self._other
                made = self._made[entity, same] = make(Asked(entity, folded, self._language), same, original)
                self._used.add(plain(made))
            return made

    def spare(self, text: str, spans: Iterable[Span]) -> tuple[Span, ...]:
        """See `StandIns`. What of a find is outside of stand-ins stays a find."""
        places = self._forms.places(text) if self._made else ()
        return tuple(left for span in spans for left in _outside(text, span, places))

    def restorer(self, *, in_json: bool = False) -> Restorer:
        """What puts the originals back, for callers who may see them. Make it when all messages were asked for."""
        return Restorer(self._forms, in_json=in_json)

    @cached_property
    def _own(self) -> _OwnTexts:
        """Read when the first stand-in is wanted: most requests need none."""
        return _OwnTexts(self._messages)

    def __len__(self) -> int:
        return len(self._made)

    def _is_stand_in(self, text: str) -> bool:
        """Whether a text is a stand-in of this conversation, in any form: a caller quotes one that he was shown."""
        if not self._made:
            return False
        places = self._forms.places(text)
        whole = Span(0, len(text), "", 1.0)
        return bool(places) and not any(True for _ in _outside(text, whole, places))

    def _name(self, asked: Asked, same: str, original: str) -> str:
        found = list(compiled(_WORD).finditer(asked.original))
        ends = [0, *(edge for match in found for edge in (match.start(), match.end())), len(asked.original)]
        between = "".join(asked.original[start:end] for start, end in zip(ends[::2], ends[1::2], strict=True))
        single = [match for match in found if len(match.group()) == 1]
        plain_words = [plain(match.group()) for match in found]
        usual = any(len(word) > 1 and word not in names.PARTICLES for word in plain_words)
        if not usual or len(single) > 2 or not _IN_NAMES.issuperset(between):
            return self._whole_name(asked, same, original)
        language = names.language_of(plain_words[0], asked.language)
        gender = names.gender_of(plain_words[0], language)
        pieces: list[str] = []
        position = 0
        for index, match in enumerate(found):
            pieces.append(asked.original[position : match.start()])
            position = match.end()
            edge = index in (0, len(found) - 1)
            if plain_words[index] in names.PARTICLES and not edge:
                pieces.append(match.group())
                continue
            comma = "," in asked.original
            given = names.is_given(plain_words[index]) or (
                asked.original.find(",") < match.start() if comma else index == 0
            )
            own = names.gender_of(plain_words[index], language) if given and index else gender
            pieces.append(self._word(match.group(), language, own or gender, given=given))
        made = " ".join("".join([*pieces, asked.original[position:]]).split())
        if plain(made) in self._used and len(found) > 1:
            return self._whole_name(asked, same, original)
        self._forms.add_text(made, original)
        self._add_initial(made, original)
        return made

    def _word(self, word: str, language: Language, gender: names.Gender, *, given: bool) -> str:
        """The stand-in of one word of a name, for the whole conversation."""
        same = word.casefold()
        if same in self._words:
            return self._words[same]
        if self._is_stand_in(word):
            return word
        if len(word) == 1:
            return self._initial(word)
        for attempt in range(_ATTEMPTS):
            draw = Draw(self._key, "name", same, str(attempt))
            made = _drawn(draw, language, gender, given=given, listed=attempt < _FROM_LISTS)
            if self._word_is_free(made, same):
                self._words[same] = made
                self._used.add(plain(made))
                self._forms.add_text(made, word)
                self._forms.add_text(made + "s", word + ("" if same.endswith("s") else "s"))
                return made
        raise _none_free("PERSON")

    def _initial(self, letter: str) -> str:
        """Another letter; two letters never become the same one."""
        if not letter.isascii():
            return "X" if plain(letter) != "x" else "Y"
        shift = Draw(self._key, "initial").below(25) + 1
        return chr((ord(letter.upper()) - ord("A") + shift) % 26 + ord("A"))

    def _whole_name(self, asked: Asked, same: str, original: str) -> str:
        """A name for what is no usual one: all of it comes back wherever a part of the stand-in stands."""
        for attempt in range(_ATTEMPTS):
            draw = Draw(self._key, "whole name", same, str(attempt))
            listed = attempt < _FROM_LISTS
            parts = [_drawn(draw, asked.language, "", given=given, listed=listed) for given in (True, False)]
            if all(self._word_is_free(part, same) for part in parts):
                made = " ".join(parts)
                for form in (made, *parts):
                    self._used.add(plain(form))
                    self._forms.add_text(form, original)
                return made
        raise _none_free(asked.entity)

    def _add_initial(self, made: str, original: str) -> None:
        """`L. Ortega` for `Laura Ortega`: a model shortens names so."""
        first, blank, rest = made.partition(" ")
        old_first, _, old_rest = original.partition(" ")
        if blank and len(first) > 1 and old_first.isalpha() and old_rest:
            self._forms.add_short(f"{first[0]}. {rest}", f"{old_first[0]}. {old_rest}")

    def _word_is_free(self, made: str, same: str) -> bool:
        word = plain(made)
        if word in self._used or self._own.wrote_word(word) or self._own.wrote_word(word + "s"):
            return False
        old = plain(same)
        return not (old in word or word in old or self._forms.has_text(word))

    def _other(self, asked: Asked, same: str, original: str) -> str:
        for attempt in range(_ATTEMPTS):
            draw = Draw(self._key, asked.entity, same, str(attempt))
            made = propose(replace(asked, original=asked.original.strip()), draw)
            if not self._is_free(asked, made):
                continue
            if is_code(asked.entity):
                for form in _code_forms(asked.entity, made):
                    self._forms.add_code(form, original)
            else:
                for form in _text_forms(asked.entity, made):
                    self._forms.add_text(form, original)
            return made
        raise _none_free(asked.entity)

    def _is_free(self, asked: Asked, made: str) -> bool:
        bare, old = squeezed(made), squeezed(asked.original)
        known = self._forms.has_code(made) if is_code(asked.entity) else self._forms.has_text(made)
        if known or plain(made) in self._used or bare == old or self._own.wrote(bare):
            return False
        return len(old) < _TELLING or old not in bare


class _OwnTexts:
    """What stands in a conversation, and whether the assistant wrote it first."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self._words: dict[str, bool] = {}
        self._texts: list[tuple[bool, str]] = []
        for by_assistant, written in _written(messages):
            text = plain(fold(written).text)
            for match in compiled(_WORD).finditer(text):
                for word in match.group().replace("’", "'").split("'"):
                    self._words.setdefault(word, by_assistant)
            self._texts.append((by_assistant, squeezed(text)))

    def wrote_word(self, word: str) -> bool:
        """Whether the caller, or the system prompt, used this word before the assistant did."""
        return self._words.get(word) is False

    def wrote(self, bare: str) -> bool:
        """The same for letters and digits in a row, whatever stands between them."""
        return next((not by_assistant for by_assistant, text in self._texts if bare in text), False)


def _unescaped(original: str) -> str:
    """As a person would write it, what a tool's JSON wrote in escapes: it comes back into texts of both kinds."""
    if "\\u" not in original:
        return original
    try:
        read = json.loads(f'"{original}"')
        read.encode()
    except (ValueError, AttributeError):
        return original
    return str(read)


def _written(messages: Sequence[Message]) -> Iterator[tuple[bool, str]]:
    """Each text, and whether the assistant wrote it: the arguments of its calls too, which tools repeat."""
    for message in messages:
        by_assistant = message.role == "assistant"
        yield by_assistant, message.content
        for call in message.calls:
            yield by_assistant, call.arguments


def _drawn(draw: Draw, language: Language, gender: names.Gender, *, given: bool, listed: bool) -> str:
    if not listed:
        first, second, third, fourth, last = (draw.below(1 << 16) for _ in range(5))
        return names.made_up(gender, (first, second, third, fourth, last))
    return draw.of(names.given_names(language, gender) if given else names.surnames(language))


def _code_forms(entity: str, made: str) -> tuple[str, ...]:
    """A code's forms without separators; a phone is written with and without its country."""
    if entity != "PHONE_NUMBER":
        return (made,)
    country, _, national = made.partition(" ")
    if not made.startswith("+"):
        return (made, made.removeprefix("0"))
    return (made, made.removeprefix("+"), "00" + made.removeprefix("+"), national, "0" + national)[
        : 5 if country == "+44" else 4
    ]


def _text_forms(entity: str, made: str) -> tuple[str, ...]:
    """The ways in which a model writes a mail address, a street or a company."""
    if entity == "STREET_ADDRESS" and made[-1].isdigit():
        street, _, house = made.rpartition(" ")
        return (made, f"{street}, {house}", f"{street} n.º {house}", f"{street} número {house}")
    if entity == "ORGANIZATION":
        return (made, made.rpartition(" ")[0])
    return (made,)


def _outside(text: str, span: Span, places: Sequence[Place]) -> Iterable[Span]:
    """What of a find is no stand-in and holds a letter or digit. One that touches none stays whatever it holds."""
    position = span.start
    touched = [place for place in places if place.end > span.start and place.start < span.end]
    if not touched:
        yield span
        return
    for place in touched:
        if any(map(str.isalnum, text[position : place.start])):
            yield replace(span, start=position, end=place.start)
        position = place.end
    if any(map(str.isalnum, text[position : span.end])):
        yield replace(span, start=position)


def _none_free(entity: str) -> PartFailed:
    return PartFailed(f"no stand-in is free for a find of kind {entity[:40]!r}", cure="redact this kind instead")
