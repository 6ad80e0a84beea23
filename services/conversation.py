"""The stand-ins of a request's conversation, and whether its caller gets originals back.

A conversation is known by the key that asks, the data subject that it names and its first message: the protocol has no
name for one, and a history only grows at its end. The key of its stand-ins never leaves this process.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from infra.ledger.vault import Vault
from policies.guardrails.guarded import Step
from policies.guardrails.pseudonyms import Pseudonyms
from policies.guardrails.restored import restored
from services.admission import Admitted

_PURPOSE = "stand-ins"


def pseudonyms_of(admitted: Admitted, vault: Vault) -> Pseudonyms:
    """The stand-ins of the conversation: the same for every request of it."""
    first = next((message.content for message in admitted.messages if message.role == "user"), "")
    named = json.dumps([admitted.caller.id, admitted.chat.subject, first]).encode()
    return Pseudonyms.of(vault.keyed_digest(_PURPOSE, named).encode(), admitted.messages, admitted.tools)


def for_caller(steps: AsyncIterator[Step], admitted: Admitted, stand_ins: Pseudonyms) -> AsyncIterator[Step]:
    """The steps as the caller may see them: with originals where his key allows it, else with stand-ins."""
    if not admitted.caller.restores:
        return steps
    return restored(steps, stand_ins, in_json=admitted.served.prompt.answer_format == "json")
