"""Feedback: the rating in clear, the comment under the subject's key."""

from __future__ import annotations

import pytest

from infra.digest import sha256
from infra.errors import StoreError
from infra.home import Home
from infra.ledger.vault import Vault
from infra.stores.feedback import FeedbackStore


def test_feedback_comes_back_with_its_comment(home: Home) -> None:
    vault = Vault.open(home)
    store = FeedbackStore(home, vault)
    subject = vault.pseudonym("ana@example.com")
    given = store.give(
        response_id="r1", pipeline="p", tenant="acme", subject=subject, rating="down", comment="está mal, señor"
    )
    plain = store.give(response_id="r1", pipeline="p", tenant="acme", subject=subject, rating="up")
    store.give(response_id="r2", pipeline="q", tenant="acme", subject=subject, rating="up", comment="bien")
    again = FeedbackStore(home, Vault.open(home))
    assert again.of_response("r1") == (given, plain)
    assert [feedback.response_id for feedback in again.of_pipeline("q")] == ["r2"]
    assert again.of_response("r3") == ()
    assert [again.comment(feedback) for feedback in (given, plain)] == ["está mal, señor", ""]
    assert given.sealed is not None and given.sealed_digest == sha256(given.sealed)
    assert (plain.sealed, plain.sealed_digest) == (None, None)


def test_a_comment_goes_with_the_subject_and_is_never_in_clear(home: Home) -> None:
    vault = Vault.open(home)
    store = FeedbackStore(home, vault)
    given = store.give(response_id="r", pipeline="p", tenant="t", subject="sub-a", rating="up", comment="wonderful")
    assert not any(b"wonderful" in path.read_bytes() for path in home.root.rglob("*") if path.is_file())
    vault.destroy("sub-a")
    with pytest.raises(StoreError, match="destroyed"):
        store.comment(given)
    assert [feedback.rating for feedback in store.of_response("r")] == ["up"]
