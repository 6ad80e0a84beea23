"""Pseudonyms over 1,000 conversations with planted entities: what the model sees, and what comes back to whom.

Each conversation runs the one guarded path four times: streamed and not, for a caller who gets originals back and for
one who does not. The model repeats what it was told, in capitals or not, names shortened, phones rewritten. Beside it
the peer: `redact`, which hides as much and gives nothing back.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from infra.contracts.evaluation import EngineRecord
from infra.engines.engine import Capabilities, Chunk, Generation, Message, Sampling
from infra.guard_models import load_models
from policies.guardrails.compiled import Guards, compile_guards
from policies.guardrails.guarded import Delta, Ended, answer
from policies.guardrails.pseudonyms import Pseudonyms
from policies.guardrails.restored import restored
from policies.policy import parse_guardrails

POLICY = """name: bench
stream: holdback
input:
  - {{id: pii, detector: pii, action: {action}}}
output:
  - {{id: pii-out, detector: pii, action: redact}}
"""
SAMPLING = Sampling(max_new_tokens=4_000)
NAMES = {
    "es": [
        *("Nerea Sáenz Gil", "Javier Ortuño Prieto", "Lucía Barrera Conde", "Iker Zabala", "Montserrat Puig Ferrer"),
        *("Álvaro Nieto Campos", "Encarnación Rey Lobo", "Sergio de la Fuente", "Aitana Crespo Marín"),
    ],
    "en": [
        *("Kathleen Byrne", "James Whitfield", "Priya Raman", "Margaret O'Connell", "Daniel Harper", "Susan Blackmore"),
        *("Thomas Ashcroft", "Emily Thornton", "Robert McAllister"),
    ],
}
LINES = {
    "es": [
        "Hola, me llamo {PERSON} y mi correo es {EMAIL_ADDRESS}.",
        "Mi DNI es {ES_NIF} y mi teléfono es el {PHONE_NUMBER}.",
        "Soy {PERSON}. Cárguelo en la cuenta {IBAN_CODE}, por favor.",
        "El pedido de {PERSON} no ha llegado; llámenme al {PHONE_NUMBER}.",
        "La tarjeta {CREDIT_CARD} fue cobrada dos veces. Escriban a {EMAIL_ADDRESS}.",
    ],
    "en": [
        "Hello, my name is {PERSON} and my email is {EMAIL_ADDRESS}.",
        "Please call {PERSON} on {PHONE_NUMBER} about the refund.",
        "I am {PERSON}. Charge it to {IBAN_CODE}, please.",
        "My card {CREDIT_CARD} was charged twice; write to {EMAIL_ADDRESS}.",
        "We logged in from {IP_ADDRESS} as {EMAIL_ADDRESS}.",
    ],
}


@dataclass(frozen=True)
class Planted:
    """One conversation and the originals in it."""

    messages: tuple[Message, ...]
    originals: tuple[str, ...]


class Parrot:
    """A model that repeats what users said, in its own manner."""

    record = EngineRecord(name="scripted", precision="none", version="parrot")
    capabilities = Capabilities()

    def __init__(self, seed: int, *, verbatim: bool) -> None:
        self._dice = random.Random(seed)
        self._verbatim = verbatim
        self.seen = ""

    async def generate(self, request: Generation) -> AsyncIterator[Chunk]:
        self.seen = "\n".join(message.content for message in request.messages)
        text = "\n".join(message.content for message in request.messages if message.role == "user")
        if not self._verbatim:
            text = re.sub(r"\+?\d[\d ]{8,}\d", lambda found: found.group().replace(" ", self._dice.choice("-. ")), text)
            text = text.upper() if self._dice.random() < 0.3 else text
        position = 0
        while position < len(text):
            size = self._dice.randint(1, 12)
            yield Chunk(text[position : position + size], 1, 1)
            position += size
        yield Chunk("", 1, 1, "stop")

    def count_tokens(self, messages: tuple[Message, ...]) -> int:
        return len(messages)

    async def score(self, messages: tuple[Message, ...], answer: str) -> float | None:
        return None

    async def stop(self) -> None:
        """Nothing to stop."""


def plant(number: int) -> Planted:
    """A conversation of two or three turns of a user."""
    dice = random.Random(number)
    language = dice.choice(["es", "en"])
    originals: list[str] = []
    people = dice.sample(NAMES[language], 3)

    def fill(match: re.Match[str]) -> str:
        made = people.pop() if match.group(1) == "PERSON" else _value(match.group(1), language, dice)
        originals.append(made)
        return made

    messages: list[Message] = []
    for line in dice.sample(LINES[language], dice.choice([2, 3])):
        messages += (Message("user", re.sub(r"\{(\w+)\}", fill, line)), Message("assistant", "Vale. / Noted."))
    return Planted(tuple(messages[:-1]), tuple(originals))


def _value(kind: str, language: str, dice: random.Random) -> str:
    digits = "".join(str(dice.randrange(10)) for _ in range(20))
    match kind:
        case "EMAIL_ADDRESS":
            return f"{dice.choice(['ana', 'j.roe', 'info', 'pedro_l'])}{digits[:3]}@{dice.choice(['casa', 'mail'])}.es"
        case "PHONE_NUMBER":
            return f"+34 6{digits[:2]} {digits[2:5]} {digits[5:8]}" if language == "es" else f"+1 206 356 {digits[:4]}"
        case "ES_NIF":
            return f"{digits[:8]}{'TRWAGMYFPDXBNJZSQVHLCKE'[int(digits[:8]) % 23]}"
        case "IBAN_CODE":
            check = 98 - int(f"{digits}142800") % 97
            return f"ES{check:02d} {digits[:4]} {digits[4:8]} {digits[8:12]} {digits[12:16]} {digits[16:]}"
        case "CREDIT_CARD":
            body = "4" + digits[:14]
            doubled = [int(sign) if index % 2 else sum(divmod(2 * int(sign), 10)) for index, sign in enumerate(body)]
            return f"{body}{-sum(doubled) % 10}"
    return f"83.44.{int(digits[:2])}.{int(digits[2:4]) + 1}"


@dataclass
class Tally:
    """Of all conversations of one setting."""

    planted: int = 0
    missed: int = 0
    """By the detectors: the model saw them."""
    seen: int = 0
    """Found, and seen by the model all the same."""
    returned: int = 0
    verbatim_answers: int = 0
    conversations: int = 0
    cpu_s: float = 0.0


def run(guards: Guards, conversations: list[Planted], *, stream: bool, allowed: bool, stand_ins: bool = True) -> Tally:
    """All conversations under one setting."""
    tally = Tally()
    for number, planted in enumerate(conversations):
        began = time.process_time()
        model, text = asyncio.run(_one(guards, planted, number, stream=stream, allowed=allowed, stand_ins=stand_ins))
        tally.cpu_s += time.process_time() - began
        found = {
            planted_text
            for message in planted.messages
            for span in guards.check_input(message.content).spans
            for planted_text in planted.originals
            if planted_text in message.content[span.start : span.end]
        }
        tally.conversations += 1
        tally.planted += len(planted.originals)
        tally.missed += sum(original not in found for original in planted.originals)
        tally.seen += sum(original in model.seen for original in found)
        tally.returned += sum(original in text for original in found)
        repeated = "\n".join(message.content for message in planted.messages if message.role == "user")
        tally.verbatim_answers += text == repeated
    return tally


async def _one(
    guards: Guards, planted: Planted, number: int, *, stream: bool, allowed: bool, stand_ins: bool
) -> tuple[Parrot, str]:
    model = Parrot(number, verbatim=number % 2 == 0)
    conversation = Pseudonyms.of(number.to_bytes(32, "big"), planted.messages)
    given: Any = conversation if stand_ins else None
    steps: Any = answer(guards, model, planted.messages, SAMPLING, stream=stream, stand_ins=given)
    if allowed:
        steps = restored(steps, conversation, in_json=False)
    text, whole = "", ""
    async for step in steps:
        if isinstance(step, Delta):
            text += step.text
        elif isinstance(step, Ended):
            whole = step.text
    if stream and text != whole:
        raise SystemExit("the streamed answer is not the whole one")
    return model, whole


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=1_000)
    parser.add_argument("--data", help="not used: conversations are made up here")
    wanted = parser.parse_args()
    models = load_models({"names"})
    conversations = [plant(number) for number in range(wanted.conversations)]
    table = Table(title=f"Pseudonyms over {wanted.conversations:,} conversations")
    for column in ("caller", "answer", "planted", "missed", "model saw", "came back"):
        table.add_column(column, justify="right" if column not in ("caller", "answer") else "left")
    table.add_column("CPU ms", justify="right")
    settings = [("pseudonymise", allowed, stream) for allowed in (True, False) for stream in (False, True)]
    for action, allowed, stream in [*settings, ("redact", False, True)]:
        policy = parse_guardrails(POLICY.format(action=action), source="bench.yaml")
        guards = compile_guards(policy, prompt=None, models=models)
        tally = run(guards, conversations, stream=stream, allowed=allowed, stand_ins=action == "pseudonymise")
        caller = "allowed" if allowed else "not allowed" if action == "pseudonymise" else "peer: redact"
        found = tally.planted - tally.missed
        table.add_row(
            *(caller, "streamed" if stream else "whole", f"{tally.planted:,}", f"{tally.missed:,}", f"{tally.seen:,}"),
            *(f"{tally.returned:,} of {found:,}", f"{1e3 * tally.cpu_s / max(1, tally.conversations):.1f}"),
        )
    Console().print(table)


if __name__ == "__main__":
    main()
