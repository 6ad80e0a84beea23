"""Messages -> tokens and back: the ONE rendering for training, evaluation and serving. `tokenizers` and jinja2 only.

Control tokens come from the template alone. A message that spells `<|im_end|>` is text that spells `<|im_end|>`: it
cannot end its turn or open another one. For that the template and the messages are encoded apart, piece by piece, which
also makes the tokens before a message independent of what the message says.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from infra.engines.engine import Message, Role
from infra.errors import BadInput, StoreError
from infra.extras import need

if TYPE_CHECKING:
    from jinja2 import Template
    from tokenizers import Tokenizer

_OPEN, _CLOSE = "\ue000", "\ue001"
"""Private-use characters that stand around a message's number while the template renders; no template holds them."""
_CURE = "use a base model that Sluice prepared"
_MARK = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")


@dataclass(frozen=True)
class Example:
    """One training row. `ids[answer_start:]` are the labels: the answer's tokens and the end token."""

    ids: list[int]
    prefix_len: int
    """Leading tokens that every row with the same system prompt shares: the system turn and the user header."""
    answer_start: int


@dataclass(frozen=True)
class _Piece:
    """Some rendered text: the template's own, or one message's content."""

    text: str
    message: int | None


@dataclass(frozen=True, eq=False)
class ChatTemplate:
    """One model's template and tokenizer. Immutable and safe to share between threads."""

    tokenizer: Tokenizer
    """Knows the control tokens; reads the template's own text."""
    plain: Tokenizer
    """The same without control tokens: reads everything that a person or a model wrote."""
    template: Template
    eos_id: int
    """The token that ends an answer."""

    @classmethod
    def load(cls, folder: Path) -> ChatTemplate:
        """Reads tokenizer.json, tokenizer_config.json and chat_template.jinja.

        Raises StoreError when one of them cannot be used.
        """
        tokenizer_class = need("tokenizers", extra="serve").Tokenizer
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        # The blocks are trimmed as transformers trims them.
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.globals["raise_exception"] = _refuse
        try:
            source = (folder / "chat_template.jinja").read_text(encoding="utf-8")
            fields = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
            end = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))["eos_token"]
            tokenizer = tokenizer_class.from_str(json.dumps(fields))
            plain = tokenizer_class.from_str(json.dumps({**fields, "added_tokens": []}))
            template = environment.from_string(source)
        except Exception as error:  # tokenizers raises bare Exceptions
            raise StoreError(
                f"the tokenizer or its template cannot be read: {type(error).__name__}", where=str(folder), cure=_CURE
            ) from None
        eos_id = tokenizer.token_to_id(end)
        if eos_id is None or (fields.get("decoder") or {}).get("type") != "ByteLevel" or _OPEN in source:
            raise StoreError(
                "this kind of tokenizer is not supported: it must be byte-level, and know its end token",
                where=str(folder),
                cure=_CURE,
            )
        return cls(tokenizer, plain, template, eos_id)

    def render(self, messages: Sequence[Message], *, add_generation_prompt: bool) -> str:
        """The conversation as text, for people.

        Control tokens that a message spells look like real ones here: never encode this.
        """
        return "".join(piece.text for piece in self._pieces(messages, add_generation_prompt))

    def encode(self, messages: Sequence[Message], *, add_generation_prompt: bool = True) -> list[int]:
        """The conversation as token ids.

        Equal to transformers' `apply_chat_template` unless a message spells a control token, or starts with a blank
        that would melt into the template's line break.
        """
        return [token for piece in self._pieces(messages, add_generation_prompt) for token in self._encode(piece)]

    def encode_text(self, text: str) -> list[int]:
        """Text that a person or a model wrote, as token ids; none of them is a control token.

        What a vocabulary has no bytes for vanishes (SmolLM2's lacks six control characters, and U+40000 to U+BFFFF).
        Raises BadInput for text that is not Unicode (half a surrogate pair, which JSON can spell).
        """
        try:
            ids: list[int] = self.plain.encode(text, add_special_tokens=False).ids
        except (UnicodeEncodeError, TypeError):
            raise BadInput("a message is not Unicode text", cure="remove lone surrogates such as \\ud800") from None
        return ids

    def encode_example(self, messages: Sequence[Message], answer: str) -> Example:
        """A training row: the conversation up to the answer, the answer, the end token; tokens as at serving time."""
        pieces = self._pieces(messages, add_generation_prompt=True)
        ids: list[int] = []
        prefix_len: int | None = None
        for piece in pieces:
            if prefix_len is None and piece.message is not None and messages[piece.message].role != "system":
                prefix_len = len(ids)
            ids += self._encode(piece)
        start = len(ids)
        return Example([*ids, *self.encode_text(answer), self.eos_id], prefix_len or 0, start)

    def decode(self, ids: Iterable[int]) -> str:
        """Text of token ids, without control tokens; bytes that are no UTF-8 become U+FFFD."""
        return b"".join(self.token_bytes[token] for token in ids).decode("utf-8", "replace")

    @cached_property
    def token_bytes(self) -> tuple[bytes, ...]:
        """What each token stands for. Control tokens stand for nothing."""
        control = set(self.tokenizer.get_added_tokens_decoder())
        letters = {letter: byte for byte, letter in enumerate(_byte_letters())}
        vocabulary = sorted((index, token) for token, index in self.tokenizer.get_vocab(with_added_tokens=True).items())
        return tuple(
            b"" if index in control else bytes(letters[letter] for letter in token) for index, token in vocabulary
        )

    def _encode(self, piece: _Piece) -> list[int]:
        if piece.message is not None:
            return self.encode_text(piece.text)
        ids: list[int] = self.tokenizer.encode(piece.text, add_special_tokens=False).ids
        return ids

    def _pieces(self, messages: Sequence[Message], add_generation_prompt: bool) -> list[_Piece]:
        for message in messages:
            if message.role not in get_args(Role):
                raise BadInput("a message's role is none of system, user, assistant", cure="use one of the three")
        marked = [
            {"role": message.role, "content": f"{_OPEN}{index}{_CLOSE}"} for index, message in enumerate(messages)
        ]
        parts = _MARK.split(self._rendered(marked, add_generation_prompt))
        if [int(number) for number in parts[1::2]] != list(range(len(messages))):
            raise BadInput(
                "the model's template does not write each message once and in order",
                cure="give the roles in the order that the model knows: system, then user and assistant by turns",
            )
        return [
            _Piece(messages[int(part)].content, int(part)) if position % 2 else _Piece(part, None)
            for position, part in enumerate(parts)
        ]

    def _rendered(self, messages: list[dict[str, str]], add_generation_prompt: bool) -> str:
        from jinja2 import TemplateError

        try:
            return self.template.render(messages=messages, add_generation_prompt=add_generation_prompt)
        except TemplateError as error:
            raise BadInput(f"the model's template fails: {type(error).__name__}", cure=_CURE) from None


class Detokeniser:
    """Token ids -> text, piece by piece; what the pieces add up to is `ChatTemplate.decode` of all ids.

    A character whose bytes are spread over several tokens comes out whole, with the last of them.
    """

    def __init__(self, template: ChatTemplate) -> None:
        self._bytes = template.token_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, ids: Iterable[int]) -> str:
        """The text that is complete now."""
        return self._decoder.decode(b"".join(self._bytes[token] for token in ids))

    def finish(self) -> str:
        """What is left: U+FFFD for a character that was cut off, or nothing."""
        return self._decoder.decode(b"", final=True)


def _byte_letters() -> list[str]:
    """The letter that byte-level BPE writes for each of the 256 bytes (GPT-2, `bytes_to_unicode`)."""
    printable = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    others = (byte for byte in range(256) if byte not in printable)
    moved = {byte: chr(256 + position) for position, byte in enumerate(others)}
    return [moved.get(byte, chr(byte)) for byte in range(256)]


def _refuse(reason: str) -> None:
    """What a template calls on a conversation that it cannot write; the reason is the template's own text."""
    raise BadInput(f"the model's template refuses the conversation: {reason[:200]}", cure="change the roles' order")
