"""The sentence encoder: alike across languages, the same alone and among others, offsets of the text that went in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from infra import use_weights
from infra.embeddings import BLOCK, Encoder, load_encoder
from infra.errors import CheckFailed
from infra.injection_features import STRIDE, WINDOW


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder()


def test_a_sentence_and_its_translation_are_alike_and_others_are_not(encoder: Encoder) -> None:
    english, spanish, other = encoder.embed(
        ["How do I change my password?", "¿Cómo cambio mi contraseña?", "This soup is too salty."]
    )
    assert english @ spanish > 0.8
    assert english @ other < 0.4
    assert np.allclose([np.linalg.norm(each) for each in (english, spanish, other)], 1.0, atol=1e-5)


def test_no_texts_give_no_rows_and_odd_texts_give_finite_ones(encoder: Encoder) -> None:
    assert encoder.embed([]).shape == (0, 512)
    odd = encoder.embed(["", " ", "\ud800 a", "\x00", "👩‍👩‍👧", "x" * 5000, "</s><s>"])
    assert np.isfinite(odd).all()


@pytest.mark.parametrize("length", [10, 255, 256, 257, 300, 900])
def test_a_text_that_is_cut_into_segments_has_the_features_that_it_has_whole(encoder: Encoder, length: int) -> None:
    text = " ".join(f"word{number % 7} stands here" for number in range(length // 3))
    encoded = encoder._encoded(text)
    ids = np.array(encoder._tokenizer.encode(text).ids, np.int64)
    rows, mask = encoder._weights.rows(ids)[None], np.ones((1, len(ids), 1), np.float32)
    whole = np.array(encoder._run(encoder._body, rows, mask))[0]
    blocks = np.stack([whole[start : start + BLOCK].sum(axis=0) for start in range(0, len(ids), BLOCK)])
    assert (encoded.tokens, encoded.blocks.shape) == (len(ids), blocks.shape)
    assert np.abs(encoded.blocks - blocks).max() < 1e-3


def test_windows_are_made_of_whole_blocks() -> None:
    assert (WINDOW % BLOCK, STRIDE % BLOCK) == (0, 0)


def test_offsets_point_into_the_text(encoder: Encoder) -> None:
    text = "Ünïcode ½ ｆｕｌｌ and 👩‍👩‍👧 then\n\nwords"
    encoded = encoder.encode(text)
    real = encoded.ends > encoded.starts
    assert encoded.ends.max() == len(text)
    assert (np.diff(encoded.starts[real]) >= 0).all()
    last = np.flatnonzero(real)[-1]
    assert text[encoded.starts[last] : encoded.ends[last]].strip() == "words"


def test_the_last_texts_are_kept_and_old_ones_forgotten(encoder: Encoder) -> None:
    first = encoder.encode("a text to keep")
    assert encoder.encode("a text to keep") is first
    encoder.embed([f"another {number}" for number in range(40)])
    assert encoder.encode("a text to keep") is not first


def test_files_other_than_the_expected_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(use_weights._DIGESTS, "sp.model", "sha256:" + "0" * 64)
    with pytest.raises(CheckFailed):
        use_weights.use_files()


def test_the_tokenizer_gives_the_ends_that_the_encoder_was_trained_with() -> None:
    tokenizer = use_weights.read_tokenizer(Path(use_weights.use_files()))
    ids = tokenizer.encode("Hola").ids
    assert (ids[0], ids[-1]) == (1, 2)
    assert tokenizer.get_vocab_size() <= 17 * 7530
