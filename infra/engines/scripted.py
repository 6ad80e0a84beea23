"""ScriptedEngine: seeded answers without a model, for dry runs, client tests and load tests.

The same conversation and settings give the same answer, on every machine.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import re
from collections.abc import AsyncIterator
from typing import Any

from infra.contracts.evaluation import EngineRecord
from infra.digest import sha256
from infra.engines.engine import CallPiece, Capabilities, Chunk, FinishReason, Generation, Message, Tool
from infra.engines.json_schema import check_schema
from infra.engines.stop import StopScanner
from infra.errors import PartFailed

_WORD = re.compile(r"\w+")
_ENGLISH = _WORD.findall(
    "thank you for your message we looked at the order and it will arrive on Monday please keep the receipt the team "
    "can change the address or send a new card if you prefer let us know which day suits you best"
)
_SPANISH = _WORD.findall(
    "gracias por su mensaje hemos revisado el pedido y llegará el lunes por favor guarde el recibo el equipo puede "
    "cambiar la dirección o enviar una tarjeta nueva si lo prefiere díganos qué día le conviene más"
)
_SPANISH_SIGNS = re.compile(r"[ñ¿¡áéíóú]|\b(el|los|las|una|por|para|qué|que|mi|hola)\b", re.IGNORECASE)
_WORDS = range(8, 30)
_PIECE = re.compile(r"\s*\S{1,8}|\s+")
"""What counts as one token: up to eight characters with the blanks before them."""
_TURN_TOKENS = 4


class ScriptedEngine:
    """Answers in the question's language, with JSON that fits the schema, or with a call of a tool that it is given.

    `delay_s` passes before each piece.
    """

    def __init__(self, *, delay_s: float = 0.0, seed: int = 0) -> None:
        self._delay_s = delay_s
        self._seed = seed
        self._stopped = False

    @property
    def record(self) -> EngineRecord:
        """Marks every answer as scripted."""
        return EngineRecord(name="scripted", precision="none", version=str(self._seed))

    @property
    def capabilities(self) -> Capabilities:
        """Everything but log-probabilities. `top_p` narrows the vocabulary; the seed counts above temperature 0."""
        sampling = frozenset({"temperature", "top_p", "seed", "stop"})
        return Capabilities(json_schema=True, sampling=sampling, tools=True)

    async def generate(self, request: Generation) -> AsyncIterator[Chunk]:
        """Streams one answer, a piece at a time. Raises PartFailed after `stop`, BadInput for a schema out of reach."""
        if self._stopped:
            raise PartFailed("the engine is stopped", cure="load it again")
        sampling = request.sampling
        called = _tool_to_call(request)
        if called is not None:
            async for chunk in self._call(request, called):
                yield chunk
            return
        pieces = _PIECE.findall(self._answer(request))
        prompt, scanner = self.count_tokens(request.messages), StopScanner(sampling.stop)
        finish: FinishReason = "stop" if len(pieces) <= sampling.max_new_tokens else "length"
        done = 0
        for piece in pieces[: sampling.max_new_tokens]:
            if await self._cancelled():
                yield Chunk("", prompt, done, "cancelled")
                return
            done += 1
            text = scanner.push(piece)
            if scanner.stopped:
                yield Chunk(text, prompt, done, "stop")
                return
            if text:
                yield Chunk(text, prompt, done)
        yield Chunk(scanner.finish(), prompt, done, finish)

    def count_tokens(self, messages: tuple[Message, ...]) -> int:
        """Pieces of text, and a few for each turn."""
        texts = (message.content + "".join(call.arguments for call in message.calls) for message in messages)
        return sum(len(_PIECE.findall(text)) + _TURN_TOKENS for text in texts)

    async def score(self, messages: tuple[Message, ...], answer: str) -> float | None:  # noqa: ARG002
        """None: there are no probabilities here."""
        return None

    async def stop(self) -> None:
        """Ends the answers under way with `cancelled`."""
        self._stopped = True

    async def _cancelled(self) -> bool:
        await asyncio.sleep(self._delay_s)
        return self._stopped

    async def _call(self, request: Generation, tool: Tool) -> AsyncIterator[Chunk]:
        """A call with arguments that fit the tool's parameters, in pieces like an answer."""
        prompt, most = self.count_tokens(request.messages), request.sampling.max_new_tokens
        schema = json.loads(tool.definition).get("parameters") or {"type": "object"}
        check_schema(json.dumps(schema))
        arguments = json.dumps(_Fitting(schema, self._dice(request)).value(schema), ensure_ascii=False)
        pieces = _PIECE.findall(arguments)
        for done, piece in enumerate(pieces[:most], 1):
            if await self._cancelled():
                yield Chunk("", prompt, done, "cancelled")
                return
            yield Chunk("", prompt, done, calls=(CallPiece(0, tool.name if done == 1 else "", piece),))
        yield Chunk("", prompt, min(len(pieces), most), "tool_calls" if len(pieces) <= most else "length")

    def _dice(self, request: Generation) -> random.Random:
        sampling = request.sampling
        turns = [[message.role, message.content] for message in request.messages]
        chance = sampling.seed if sampling.temperature > 0 else 0
        key = json.dumps([self._seed, chance, sampling.json_schema, turns])
        return random.Random(sha256(key.encode()))  # noqa: S311 (answers, not keys)

    def _answer(self, request: Generation) -> str:
        sampling, dice = request.sampling, self._dice(request)
        if sampling.json_schema:
            check_schema(sampling.json_schema)
            schema = json.loads(sampling.json_schema)
            return json.dumps(_Fitting(schema, dice).value(schema), ensure_ascii=False)
        asked = next((message.content for message in reversed(request.messages) if message.role == "user"), "")
        words = _SPANISH if _SPANISH_SIGNS.search(asked) else _ENGLISH
        words = words[: max(1, math.ceil(sampling.top_p * len(words)))]
        sentence = " ".join(dice.choice(words) for _ in range(dice.choice(_WORDS)))
        return sentence[:1].upper() + sentence[1:] + "."


def _tool_to_call(request: Generation) -> Tool | None:
    """The named tool, or the first one; of its own accord only before any tool has answered."""
    use = request.tools
    if use is None or use.choice == "none":
        return None
    if use.choice == "auto" and request.messages[-1].role == "tool":
        return None
    return next((tool for tool in use.tools if use.choice != "named" or tool.name == use.named), None)


class _Fitting:
    """Makes values that fit a schema which `check_schema` let through."""

    def __init__(self, root: Any, dice: random.Random) -> None:
        self._root = root
        self._dice = dice

    def value(self, schema: Any) -> Any:
        if "$ref" in schema:
            return self.value(self._root["$defs"][schema["$ref"].removeprefix("#/$defs/")])
        if "const" in schema:
            return schema["const"]
        for choices in ("enum", "anyOf"):
            if choices in schema:
                picked = self._dice.choice(schema[choices])
                return picked if choices == "enum" else self.value(picked)
        kinds = schema.get("type", "string")
        kind = kinds if isinstance(kinds, str) else self._dice.choice(kinds)
        return getattr(self, f"_{kind}")(schema)

    def _object(self, schema: Any) -> dict[str, Any]:
        return {name: self.value(child) for name, child in schema.get("properties", {}).items()}

    def _array(self, schema: Any) -> list[Any]:
        least = schema.get("minItems", 0)
        size = self._dice.randint(least, min(schema.get("maxItems", least + 3), least + 3))
        return [self.value(schema.get("items", {"type": "string"})) for _ in range(size)]

    def _string(self, schema: Any) -> str:
        least = schema.get("minLength", 0)
        text = " ".join(self._dice.choice(_ENGLISH) for _ in range(3)).ljust(least, ".")
        return text[: max(least, min(schema.get("maxLength", 24), 24))]

    def _integer(self, schema: Any) -> int:
        low = schema.get("minimum", min(0, schema.get("maximum", 0)))
        return self._dice.randint(low, min(schema.get("maximum", low + 100), low + 100))

    def _number(self, schema: Any) -> float:  # noqa: ARG002
        return round(self._dice.uniform(0, 100), 2)

    def _boolean(self, schema: Any) -> bool:  # noqa: ARG002
        return self._dice.random() < 0.5

    def _null(self, schema: Any) -> None:  # noqa: ARG002
        return None
