"""Canonical JSON agrees with an independent implementation; digests name content and nothing else."""

import json
import math

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from infra.digest import canonical_json, digest_of, parse_digest, sha256, sha256_file, short

texts = st.text(st.characters(exclude_categories=["Cs"]))
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53) + 1, 2**53 - 1)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)


@given(values)
def test_agrees_with_the_reference_package(value: object) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


def _has_large_float(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_has_large_float, value.values()))
    if isinstance(value, list):
        return any(map(_has_large_float, value))
    return isinstance(value, float) and abs(value) >= 2**53


# A float of 2**53 and more is written like an integer, which canonical JSON does not read back (RFC 8785, appendix D).
@given(values.filter(lambda value: not _has_large_float(value)))
def test_is_stable_under_a_round_trip(value: object) -> None:
    assert canonical_json(json.loads(canonical_json(value))) == canonical_json(value)


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (1e21, b"1e+21"),
        (1e20, b"100000000000000000000"),
        (1e-6, b"0.000001"),
        (1e-7, b"1e-7"),
        (-0.0, b"0"),
        (4.5, b"4.5"),
    ],
)
def test_numbers_as_the_standard_writes_them(number: float, written: bytes) -> None:
    assert canonical_json(number) == written


@pytest.mark.parametrize("value", [math.nan, math.inf, 2**53, -(2**53), {1: "a"}, b"bytes", {"a": {1}}, object()])
def test_what_is_not_json_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"JSON|strings"):
        canonical_json(value)


def test_lone_surrogates_are_refused() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        canonical_json("\ud800")


@given(st.dictionaries(texts, numbers, min_size=2))
def test_the_order_of_keys_does_not_matter(value: dict[str, float]) -> None:
    assert digest_of(value) == digest_of(dict(reversed(list(value.items()))))


def test_a_file_is_named_like_its_bytes(tmp_path) -> None:
    data = bytes(range(256)) * 9000
    (tmp_path / "file").write_bytes(data)
    assert sha256_file(tmp_path / "file") == sha256(data)


@pytest.mark.parametrize(
    "text", ["", "sha256:", "sha256:" + "0" * 63, "sha256:" + "G" * 64, "md5:" + "0" * 64, "0" * 64]
)
def test_a_malformed_digest_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="digest"):
        parse_digest(text)


def test_short_form_for_people() -> None:
    assert short("sha256:" + "0123456789abcdef" * 4) == "0123456789ab"
