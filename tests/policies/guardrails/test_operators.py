"""What takes the place of a find: masks that keep what is customary, keyed hashes, ciphers that open, stand-ins."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import PartFailed
from infra.guard_keys import GuardKeys
from infra.guard_models import Models
from infra.home import Home
from infra.ledger.vault import Vault
from policies.guardrails.compiled import Guards, compile_guards
from policies.guardrails.operators import Operators, mask
from policies.guardrails.redact import Span, redact, settle
from policies.policy import parse_guardrails

KEYS = GuardKeys(digest=b"d" * 32, cipher=b"c" * 64)
OTHERS = GuardKeys(digest=b"e" * 32, cipher=b"f" * 64)
POLICY = (
    "name: p\nstream: holdback\noutput: [{id: pii, detector: pii, action: %s}]\n"
    "input: [{id: pii, detector: pii, action: %s}]\n"
)


@pytest.mark.parametrize(
    ("entity", "found", "masked"),
    [
        ("CREDIT_CARD", "4539 1488 0343 6467", "**** **** **** 6467"),
        ("CREDIT_CARD", "4539-1488-0343-6467", "****-****-****-6467"),
        ("IBAN_CODE", "ES7700730288341496751869", "*" * 20 + "1869"),
        ("PHONE_NUMBER", "+34 612 34 56 78", "** *** ** *6 78"),
        ("PHONE_NUMBER", "112", "****"),
        ("CREDIT_CARD", "6467", "****"),
        ("CREDIT_CARD", "4539\u200b1488\u200b0343\u200b6467", "*" * 12 + "6467"),
        ("PERSON", "Nerea Sáenz Gil", "****"),
        ("EMAIL_ADDRESS", "ana@example.org", "****"),
    ],
)
def test_a_mask_keeps_the_last_signs_where_that_is_customary(entity: str, found: str, masked: str) -> None:
    assert mask(entity, found) == masked


@given(st.sampled_from(["CREDIT_CARD", "IBAN_CODE", "PHONE_NUMBER", "PERSON"]), st.text(max_size=60))
def test_a_mask_shows_at_most_four_signs_and_a_third(entity: str, found: str) -> None:
    shown = [sign for sign in mask(entity, found) if sign.isalnum()]
    assert len(shown) <= 4 and 3 * len(shown) <= max(1, sum(map(str.isalnum, found)))
    assert not shown or "".join(filter(str.isalnum, found)).endswith("".join(shown))


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_hash_is_short_stable_and_keyed(one: str, other: str) -> None:
    hashed = Operators(KEYS).replacement("hash", "PERSON", one)
    assert hashed == Operators(KEYS).replacement("hash", "PERSON", one) and len(hashed) == len("<PERSON:h.>") + 12
    assert (hashed == Operators(KEYS).replacement("hash", "PERSON", other)) == (one == other)
    assert hashed != Operators(OTHERS).replacement("hash", "PERSON", one)


@given(st.text(alphabet=st.characters(), min_size=1, max_size=80), st.text(max_size=20))
def test_who_holds_the_key_reads_what_was_encrypted_and_nobody_else(found: str, around: str) -> None:
    hidden = Operators(KEYS).replacement("encrypt", "PERSON", found)
    text = around.replace("<", "") + hidden + around.replace("<", "")
    assert Operators(KEYS).reveal(text) == text.replace(hidden, found)
    with pytest.raises(PartFailed):
        Operators(OTHERS).reveal(text)
    with pytest.raises(PartFailed):
        Operators(KEYS).reveal(hidden.replace("PERSON", "IBAN_CODE"))


def test_without_a_key_nothing_is_hashed_and_without_stand_ins_there_is_the_placeholder() -> None:
    with pytest.raises(PartFailed):
        Operators().replacement("hash", "PERSON", "Ana")
    assert Operators().replacement("pseudonymise", "PERSON", "Ana") == "<PERSON>"
    assert Operators().replacement("redact", "PERSON", "Ana") == ""


def test_the_keys_of_a_home_stay_and_are_its_own(home: Home) -> None:
    keys = GuardKeys.at_home(home)
    assert keys == GuardKeys.of(Vault.open(home)) and (len(keys.digest), len(keys.cipher)) == (32, 64)
    assert keys.digest.hex() not in repr(keys) and keys.digest not in keys.cipher


def test_what_two_checks_replace_in_different_ways_gets_its_placeholder() -> None:
    masked, hidden = Span(0, 19, "CREDIT_CARD", 0.9, becomes="**** 6467"), Span(15, 25, "API_KEY", 0.9)
    assert redact("4539 1488 0343 6467abcdef", settle([masked, hidden])) == "<CREDIT_CARD><API_KEY>"


class Names:
    """Stand-ins of one conversation."""

    def stand_in(self, entity: str, original: str) -> str:
        return f"Someone{len(entity)}"


@pytest.mark.parametrize(
    ("action", "becomes"),
    [
        ("mask", "card **** **** **** 6467 of ****"),
        ("hash", "card <CREDIT_CARD:h."),
        ("encrypt", "card <CREDIT_CARD:e."),
        ("pseudonymise", "card Someone11 of Someone13"),
    ],
)
def test_an_action_holds_in_both_directions_and_again(
    compiled: Callable[[str], Guards], action: str, becomes: str
) -> None:
    guards = compiled(POLICY % (action, action))
    text = "card 4539 1488 0343 6467 of ana@example.org"
    stand_ins = Names() if action == "pseudonymise" else None
    gone = guards.check_input(text, "en", stand_ins)
    assert gone.verdict == "redact" and gone.text.startswith(becomes) and "example" not in gone.text
    assert guards.check_output(text, "en", stand_ins).text == gone.text
    if action in ("hash", "encrypt"):
        assert guards.check_input(gone.text, "en").text == gone.text
    if action == "encrypt":
        assert Operators(KEYS).reveal(gone.text) == text
    # What a model learns from holds placeholders, whatever messages hold.
    assert guards.redact_row(text, "en").text == "card <CREDIT_CARD> of <EMAIL_ADDRESS>"


def test_a_policy_that_hashes_is_not_compiled_without_a_key(models: Models) -> None:
    policy = parse_guardrails(POLICY % ("hash", "redact"), source="p")
    with pytest.raises(PartFailed, match="no key"):
        compile_guards(policy, prompt=None, models=models)
