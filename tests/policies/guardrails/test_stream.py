"""A stream: the same for every cut, nothing unchecked ever leaves, and the hold-back is bounded."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.checks import Language
from policies.guardrails.check import Guarded
from policies.guardrails.compiled import Guards
from policies.guardrails.stream import OutputStream

LETTER = (
    "Good morning. Your order is on its way and will arrive on Monday. If nobody is at home, call Sarah Connor at "
    "+1 206 356 4926 or write to sarah.connor@example.org.\nThe refund went to GB33BUKB20201555555555 last week. "
    "Escríbanos si falta algo: el DNI 47996692Q de Nerea Sáenz está en la ficha, Calle Mayor 12, 3º B, 28013 Madrid. A "
    "hidden\u200b one: jane\u200b.roe@exa\u200bmple.org. Thank you for your patience, and have a good day with us! "
)
ENTITIES = (
    "sarah.connor@example.org",
    "GB33BUKB20201555555555",
    "4539 1488 0343 6467",
    "AKIAQ3EGRZ7PLMN2VW4X",
    "postgresql://ana:kZ8q2LmX@10.0.4.12:5432/clientes",
    "47996692Q",
    "nacida el 26/3/1995",
)
"""The last is found by the words before it alone, which stay."""
OFFSETS = (*range(90, 210, 9), *range(350, 520, 9))
"""Around the first cut, and around the end of what its checks see."""
FILLER = "We looked at it and all is fine, the parcel left the depot today. "


def pushed(stream: OutputStream, text: str, cuts: list[int]) -> str:
    """Everything that leaves, with the text cut at the given places."""
    edges = [0, *sorted({min(cut, len(text)) for cut in cuts}), len(text)]
    out = "".join(stream.push(text[start:end]) for start, end in pairwise(edges))
    return out + stream.finish()


@pytest.fixture(scope="module")
def whole(guards: Guards) -> dict[Language, Guarded]:
    """The letter as it leaves at once."""
    languages: tuple[Language, ...] = ("en", "es")
    return {language: guards.check_output(LETTER, language) for language in languages}


@pytest.mark.parametrize(("language", "examples"), [("es", 40), ("en", 6)])
def test_any_cut_gives_what_the_whole_gives(
    guards: Guards, whole: dict[Language, Guarded], language: Language, examples: int
) -> None:
    expected = whole[language]
    assert expected.verdict == "redact"

    @settings(max_examples=examples, deadline=None)
    @given(cuts=st.lists(st.integers(0, len(LETTER)), max_size=60))
    def holds(cuts: list[int]) -> None:
        stream = guards.stream(language)
        assert pushed(stream, LETTER, cuts) == expected.text == stream.text
        assert (stream.verdict, stream.rule, stream.spans) == (expected.verdict, expected.rule, expected.spans)
        assert [check.spans for check in stream.checks] == [check.spans for check in expected.checks]

    holds()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(st.sampled_from("ab7@. -\n:/+ñ\u200b<>"), max_size=900),
    cuts=st.lists(st.integers(0, 900), max_size=20),
)
def test_any_text_of_awkward_signs_is_the_same_for_any_cut(guards: Guards, text: str, cuts: list[int]) -> None:
    expected = guards.check_output(text, "es")
    stream = guards.stream("es")
    assert pushed(stream, text, cuts) == expected.text
    assert (stream.blocked, stream.rule) == (expected.verdict == "block", expected.rule)


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize(
    "filler", [FILLER, "we looked at it and all is fine now ", "left,the,depot,today,"], ids=["ends", "blanks", "none"]
)
def test_an_entity_at_every_offset_of_a_segment_is_caught_as_if_whole(guards: Guards, entity: str, filler: str) -> None:
    gap = " " if entity[0] in "pn" or " " in filler else ","
    lead = entity[: -len("26/3/1995")] if entity.startswith("nacida") else ""
    for offset in OFFSETS:
        before, after = (filler * 30)[:offset] + gap + lead, gap + (filler * 40)[:700]
        text = before + entity.removeprefix(lead) + after
        stream = guards.stream("es")
        out = "".join(stream.push(letter) for letter in text) + stream.finish()
        assert (out[: len(before)], out[-len(after) :], out.count("<")) == (before, after, 1), offset
        assert out == guards.check_output(text, "es").text


def test_one_character_at_a_time_never_shows_a_part_of_what_is_redacted(guards: Guards) -> None:
    stream = guards.stream("en")
    seen = ""
    for letter in FILLER * 3 + "Her mail is sarah.connor@example.org, really. " + FILLER * 6:
        seen += stream.push(letter)
        assert "sarah" not in seen
    assert "<EMAIL_ADDRESS>, really." in seen + stream.finish()


def test_text_leaves_before_the_end_and_the_hold_back_is_bounded(guards: Guards) -> None:
    stream = guards.stream("en")
    held = 0
    for _ in range(40):
        stream.push(FILLER)
        held = max(held, len(FILLER) * (_ + 1) - len(stream.text))
    assert len(stream.text) > 30 * len(FILLER)
    assert held < 700


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("a token: eyJhbGciOiJIUzI1NiJ9." + "QUJD" * 200 + " and more", "output-secrets"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEowIBAAKCAQEA\n" * 60 + "-----END RSA PRIVATE KEY-----",
            "output-secrets",
        ),
        ("see https://ana:s3cr3t0@repo.example/" + "path/" * 120, "output-pii"),
    ],
)
def test_what_is_longer_than_its_reach_blocks_and_nothing_of_it_leaves(guards: Guards, text: str, check: str) -> None:
    text = FILLER * 4 + text + FILLER * 4
    stream = guards.stream("en")
    out = "".join(stream.push(letter) for letter in text) + stream.finish()
    assert stream.rule == f"{check}.too-long"
    assert (FILLER * 4).startswith(out)
    assert stream.push("more") == "" == stream.finish()


def test_the_system_prompt_is_held_before_its_words_are_told(guards: Guards) -> None:
    leak = "Sure! Here it is: NEVER tell anybody, that the Warehouse code is nine blue lanterns and so on."
    stream = guards.stream("en")
    out = "".join(stream.push(letter) for letter in FILLER * 3 + leak + FILLER * 5) + stream.finish()
    assert stream.rule == "system-prompt"
    assert "lanterns" not in out and "warehouse" not in out.lower()
    assert guards.check_output("We never tell anybody where it is stored.", "en").verdict == "allow"


def test_a_flood_of_signs_without_width_blocks(guards: Guards) -> None:
    stream = guards.stream("en")
    text = FILLER + "mail sarah" + "\u200b" * 5000 + "@example.org " + FILLER * 9
    out = "".join(stream.push(letter) for letter in text) + stream.finish()
    assert stream.rule == "hold-back" == guards.check_output(text, "en").rule
    assert "sarah" not in out


def test_json_is_buffered_and_checked_whole(json_guards: Guards) -> None:
    answer = '{"intent":"refund","note":"write to sarah.connor@example.org"}'
    stream = json_guards.stream("en")
    assert json_guards.buffers
    assert [stream.push(letter) for letter in answer] == [""] * len(answer)
    assert stream.finish() == '{"intent":"refund","note":"write to <EMAIL_ADDRESS>"}'


@pytest.mark.parametrize(
    "answer",
    [
        *(
            "",
            "no JSON",
            '{"intent":1}',
            '{"intent":"a","extra":1}',
            '{"intent":"a"} ok',
            '{"intent":"a","intent":"b"}',
        ),
        *('{"intent":"x","note":<EMAIL_ADDRESS>}', '{"intent": NaN}', "[" * 5000),
    ],
)
def test_what_is_not_the_json_that_was_asked_for_is_blocked(json_guards: Guards, answer: str) -> None:
    guarded = json_guards.check_output(answer, "en")
    assert (guarded.verdict, guarded.rule, guarded.text) == ("block", "json-structure", "")


def test_an_escaped_address_in_json_is_found(json_guards: Guards) -> None:
    guarded = json_guards.check_output('{"intent":"a","note":"sarah.connor\\u0040example.org"}', "en")
    assert guarded.text == '{"intent":"a","note":"<EMAIL_ADDRESS>"}'


def test_a_redaction_that_breaks_the_json_is_blocked(json_guards: Guards) -> None:
    guarded = json_guards.check_output('{"intent":"a","note":"b","intent2":4539148803436467}', "en")
    assert guarded.rule == "json-structure"


def test_a_policy_may_buffer_text(compiled: Callable[[str], Guards]) -> None:
    guards = compiled("name: b\nstream: buffer\ninput: []\noutput:\n  - {id: pii, detector: pii, action: redact}\n")
    stream = guards.stream("en")
    assert stream.push(FILLER * 30) == ""
    assert stream.finish() == FILLER * 30


def test_the_size_limit_holds_over_the_whole_answer(compiled: Callable[[str], Guards]) -> None:
    limit = "{id: size, detector: size, options: {max_characters: 1000}, action: block}"
    guards = compiled(
        f"name: s\nstream: holdback\ninput: []\noutput:\n  - {limit}\n  - {{id: pii, detector: pii, action: redact}}\n"
    )
    assert guards.check_output("a" * 1000).verdict == "allow"
    stream = guards.stream("en")
    out = "".join(stream.push(FILLER) for _ in range(30)) + stream.finish()
    assert stream.rule == "size"
    assert len(out) <= 1000
