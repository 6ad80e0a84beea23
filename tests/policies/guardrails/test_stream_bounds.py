"""A stream's cost and memory: linear whatever the pieces, and not growing with the answer. Without a model."""

from __future__ import annotations

import itertools
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.guard_models import Models
from policies.guardrails.compiled import Guards, compile_guards
from policies.guardrails.stream import OutputStream
from policies.guardrails.tally import MOST_SPANS
from policies.policy import parse_guardrails

POLICY = (
    "name: p\nstream: holdback\ninput: []\noutput:\n"
    "  - {id: pii, detector: pii, action: redact, options: {entities: [EMAIL_ADDRESS, IBAN_CODE, CREDIT_CARD]}}\n"
    "  - {id: keys, detector: secrets, action: redact}\n"
)
SENTENCE = (
    "We looked at it and all is fine. Write to sarah.connor@example.org, or pay to GB33BUKB20201555555555 today. "
)
PIECES = (
    *("sarah.connor@example.org", "GB33BUKB20201555555555", "4539 1488 0343 6467", "AKIAQ3EGRZ7PLMN2VW4X"),
    *("sarah\u200b@example.org", "kim\\u0040example.org", "\U0001f468\u200d\U0001f469", "e\u0301", "\ud83d", "\ude00"),
    *("All is well. ", "and so on, ", " ", "\n", "<", "a" * 70, "<EMAIL_ADDRESS>", "password: hunter2!x"),
)


@pytest.fixture(scope="module")
def plain() -> Guards:
    return compile_guards(parse_guardrails(POLICY, source="test"), prompt=None, models=Models())


def pushed(stream: OutputStream, text: str, size: int) -> str:
    return "".join(stream.push(text[at : at + size]) for at in range(0, len(text), size)) + stream.finish()


@settings(max_examples=150, deadline=None)
@given(
    pieces=st.lists(st.sampled_from(PIECES), min_size=5, max_size=60),
    cuts=st.lists(st.integers(0, 2_000), max_size=40),
)
def test_any_cut_of_any_made_text_gives_what_the_whole_gives(plain: Guards, pieces: list[str], cuts: list[int]) -> None:
    text = " ".join(pieces)
    expected = plain.check_output(text, "en")
    for edges in (sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)}), list(range(len(text) + 1))):
        stream = plain.stream("en")
        out = "".join(stream.push(text[start:end]) for start, end in itertools.pairwise(edges))
        assert (out + stream.finish(), stream.rule) == (expected.text, expected.rule)
        assert (stream.spans, [one.spans for one in stream.checks]) == (
            expected.spans,
            [one.spans for one in expected.checks],
        )
        assert stream.consumed == (len(text) if not stream.blocked else stream.consumed)


def test_a_long_answer_leaves_whole_and_is_not_kept(plain: Guards) -> None:
    redacted = SENTENCE.replace("sarah.connor@example.org", "<EMAIL_ADDRESS>").replace(
        "GB33BUKB20201555555555", "<IBAN_CODE>"
    )
    peaks = []
    for count in (300, 1_500):
        stream = plain.stream("en", keeps=False)
        left, most = 0, 0
        tracemalloc.start()
        for _ in range(count):
            piece = stream.push(SENTENCE)
            assert piece in redacted * 8
            left, most = left + len(piece), max(most, stream.held)
        left += len(stream.finish())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert left == count * len(redacted) and most <= stream.most_held + len(SENTENCE)
        assert stream.text == "" and sum(len(check.spans) for check in stream.checks) <= 2 * MOST_SPANS
    assert peaks[1] < peaks[0] + 400_000, "five times the text"


def test_one_character_at_a_time_costs_about_what_large_pieces_cost(plain: Guards) -> None:
    text = SENTENCE * 400

    def spent_s(size: int) -> float:
        begun_s = time.process_time()
        pushed(plain.stream("en", keeps=False), text, size)
        return time.process_time() - begun_s

    spent_s(1_000)
    assert min(spent_s(1) for _ in range(2)) < 3 * min(spent_s(1_000) for _ in range(2))


def test_a_text_in_one_piece_costs_by_its_length(plain: Guards) -> None:
    def spent_s(count: int) -> float:
        begun_s = time.process_time()
        pushed(plain.stream("en", keeps=False), SENTENCE * count, count * len(SENTENCE))
        return (time.process_time() - begun_s) / count

    spent_s(20)
    assert min(spent_s(1_000) for _ in range(2)) < 3 * min(spent_s(100) for _ in range(2))


def test_without_checks_text_leaves_at_once() -> None:
    guards = compile_guards(
        parse_guardrails("name: n\nstream: holdback\ninput: []\noutput: []\n", source="test"),
        prompt=None,
        models=Models(),
    )
    stream = guards.stream("en")
    assert [stream.push(piece) for piece in ("a", "", "b\ud83d")] == ["a", "", "b\ufffd"]
    assert (stream.finish(), stream.text) == ("", "ab\ufffd")
