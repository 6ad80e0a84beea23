"""Fits the injection head: each voice on its own, then what joins them, on folds that hold whole families out.

Whatever is chosen here is chosen on held-out folds of the training rows; the development rows are never seen.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from flows.injection.synthetic import Example
from infra.digest import digest_of
from infra.extras import need
from infra.injection_features import BUCKETS
from infra.injection_head import Head, HeadManifest, evidence_logit
from infra.injection_model import Voices

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

FOLDS = 4
_MADE_WEIGHT = 0.5
"""A made-up text counts so much of a real one."""
_HIDDEN_UNITS = 48
_FULL_ATTACKS = 2
"""So many windows of a long attack are learnt as attacks: which of them is one is not known."""
_RATES = ((0.2, 0.1), (0.05, 0.3), (0.01, 0.5), (0.002, 0.8))
"""Share of harmless texts above a score, and the score."""
_MOST_WINDOW_COST = 0.3
"""What a window more may cost at most: an attacker can make a text long, so length must not buy silence."""
_TOP = 4.0
"""So far above the highest step a logit has a score of one."""


@dataclass(frozen=True)
class Heard:
    """One labelled text with all that its windows say."""

    example: Example
    voices: Voices


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows of many texts, side by side."""

    grams: Any
    """scipy.sparse rows."""
    vectors: Floats
    evidence: Floats
    owner: NDArray[np.int64]
    """Which text each belongs to."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Each text's highest logit by a head that saw nothing of its fold."""

    logits: Floats
    attack: Flags


@dataclass(frozen=True, eq=False)
class Fitted:
    """A head with what is known of it."""

    head: Head
    joint: Floats
    """What joins the voices, before their biases were taken in."""
    held_out: HeldOut
    """The real texts of the training rows."""


def fit(heard: Sequence[Heard], seed: int = 0) -> Fitted:
    """Fits the head on all texts, and measures heads of the same making on texts whose families they did not see."""
    from sklearn.model_selection import GroupKFold

    windows = gather(heard)
    attack = np.array([each.example.attack for each in heard])
    groups = [each.example.group for each in heard]
    voices = np.zeros((len(windows.owner), 2), np.float32)
    for train, test in GroupKFold(FOLDS).split(attack, groups=groups):
        inside = _rows_of(windows, train)
        outside = np.isin(windows.owner, test)
        voices[outside] = _fit_voices(heard, windows, inside, seed).say(windows)[outside]
    joint = _join(heard, windows, voices, _learnt(heard, windows))
    logits = _highest(windows, voices, joint, len(heard))
    real = np.array([each.example.source != "made" for each in heard])
    manifest = _scale(logits[real & ~attack])
    last = _fit_voices(heard, windows, _rows_of(windows, np.arange(len(heard))), seed)
    return Fitted(last.head(manifest, joint), joint, HeldOut(logits[real], attack[real]))


def by_source(heard: Sequence[Heard], joint: Floats, seed: int = 0) -> Iterator[tuple[str, HeldOut]]:
    """For each source with attacks: its attacks, and the harmless texts of all, by voices that did not see the source.

    Half of the groups teach and the other half is scored, then the other way round. Only the four numbers of `joint`
    have seen every source.
    """
    windows = gather(heard)
    attack = np.array([each.example.attack for each in heard])
    sources = np.array([each.example.source for each in heard])
    halves = np.array([crc32(each.example.group.encode()) % 2 for each in heard])
    made = sources == "made"
    for source in sorted(set(sources[attack & ~made])):
        logits = np.full(len(heard), -np.inf, np.float32)
        for half in (0, 1):
            taught = np.flatnonzero((sources != source) & ((halves == half) | made))
            said = _fit_voices(heard, windows, _rows_of(windows, taught), seed).say(windows)
            scored = (halves != half) & ~made
            logits[scored] = _highest(windows, said, joint, len(heard))[scored]
        kept = ((sources == source) | ~attack) & ~made
        yield source, HeldOut(logits[kept], attack[kept])


def gather(heard: Sequence[Heard]) -> Windows:
    """All windows of all texts."""
    from scipy.sparse import csr_matrix

    buckets = [each for text in heard for each in text.voices.buckets]
    starts = np.cumsum([0, *(len(ids) for ids, _ in buckets)])
    columns = np.concatenate([ids for ids, _ in buckets])
    values = np.concatenate([weights for _, weights in buckets])
    return Windows(
        csr_matrix((values, columns, starts), shape=(len(buckets), 2 * BUCKETS)),
        np.concatenate([text.voices.vectors for text in heard]).astype(np.float32),
        np.concatenate([text.voices.evidence for text in heard]),
        np.repeat(np.arange(len(heard)), [len(text.voices.spans) for text in heard]),
    )


@dataclass(frozen=True, eq=False)
class _Fitted:
    """The words' voice and the vector's."""

    grams: Floats
    gram_bias: float
    hidden: Floats
    hidden_bias: Floats
    out: Floats
    out_bias: float

    def say(self, windows: Windows) -> Floats:
        """Two logits for each window."""
        words = windows.grams @ self.grams + self.gram_bias
        seen = np.maximum(windows.vectors @ self.hidden + self.hidden_bias, 0.0) @ self.out + self.out_bias
        return np.stack((words, seen), axis=1).astype(np.float32)

    def head(self, manifest: HeadManifest, joint: Floats) -> Head:
        """With the biases of both voices in the last one."""
        bias = joint[3] + joint[0] * self.gram_bias + joint[1] * self.out_bias
        last = np.array([*joint[:3], bias], np.float32)
        return Head(manifest, self.grams, self.hidden, self.hidden_bias, self.out, last)


def _rows_of(windows: Windows, texts: NDArray[np.int64]) -> Flags:
    return np.isin(windows.owner, texts)


def _learnt(heard: Sequence[Heard], windows: Windows) -> Flags:
    """The windows that carry their text's label for sure."""
    first = np.concatenate([np.arange(len(text.voices.spans)) for text in heard])
    attack = np.array([text.example.attack for text in heard])[windows.owner]
    return ~attack | (first < _FULL_ATTACKS)


def _weights(heard: Sequence[Heard], windows: Windows) -> Floats:
    """A text counts as one, however many windows it has; both labels count the same in all."""
    weight = np.array([_MADE_WEIGHT if text.example.source == "made" else 1.0 for text in heard], np.float32)
    per_window = weight[windows.owner] / np.bincount(windows.owner)[windows.owner] ** 0.5
    attack = np.array([text.example.attack for text in heard])[windows.owner]
    per_window[attack] *= per_window[~attack].sum() / per_window[attack].sum()
    return per_window.astype(np.float32)


def _fit_voices(heard: Sequence[Heard], windows: Windows, rows: Flags, seed: int) -> _Fitted:
    need("sklearn", extra="train")
    from sklearn.linear_model import SGDClassifier
    from sklearn.neural_network import MLPClassifier

    used = rows & _learnt(heard, windows)
    labels = np.array([text.example.attack for text in heard])[windows.owner][used]
    weights = _weights(heard, windows)[used]
    words = SGDClassifier(loss="log_loss", alpha=3e-5, average=True, max_iter=12, tol=None, random_state=seed)
    words.fit(windows.grams[used], labels, sample_weight=weights / weights.mean())
    layers = MLPClassifier((_HIDDEN_UNITS,), alpha=0.3, max_iter=14, batch_size=128, random_state=seed)
    mean = windows.vectors[used].mean(axis=0)
    spread = windows.vectors[used].std(axis=0) + 1e-6
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is meant to stop before it has converged
        layers.fit((windows.vectors[used] - mean) / spread, labels, sample_weight=weights / weights.mean())
    hidden = (layers.coefs_[0] / spread[:, None]).astype(np.float32)
    return _Fitted(
        words.coef_[0].astype(np.float32),
        float(words.intercept_[0]),
        hidden,
        (layers.intercepts_[0] - mean @ hidden).astype(np.float32),
        layers.coefs_[1][:, 0].astype(np.float32),
        float(layers.intercepts_[1][0]),
    )


def _join(heard: Sequence[Heard], windows: Windows, voices: Floats, rows: Flags) -> Floats:
    """Weights of the three voices and a bias, on what the voices said of texts that they did not learn from."""
    from sklearn.linear_model import LogisticRegression

    said = np.column_stack((voices, evidence_logit(windows.evidence)))
    labels = np.array([text.example.attack for text in heard])[windows.owner]
    model = LogisticRegression(C=1.0).fit(said[rows], labels[rows], sample_weight=_weights(heard, windows)[rows])
    return np.array([*model.coef_[0], model.intercept_[0]], np.float32)


def _highest(windows: Windows, voices: Floats, joint: Floats, texts: int) -> Floats:
    """Each text's highest window."""
    logits = np.column_stack((voices, evidence_logit(windows.evidence))) @ joint[:3] + joint[3]
    highest = np.full(texts, -np.inf, np.float32)
    np.maximum.at(highest, windows.owner, logits.astype(np.float32))
    return highest


def _scale(harmless: Floats) -> HeadManifest:
    """The steps from logits to scores, and what many windows cost, by what harmless texts reach."""
    ordered = np.sort(harmless)[::-1]
    logits = [float(ordered[int(rate * len(ordered))]) for rate, _ in _RATES]
    steps = np.maximum.accumulate(np.array(logits) + np.arange(len(logits)) * 1e-3)
    random = np.random.default_rng(0)
    many = 16
    of_many = np.sort(random.choice(harmless, (2000, many)).max(axis=1))[::-1]
    cost = max(0.0, (float(of_many[20]) - logits[2]) / float(np.log(many)))
    return HeadManifest(
        weights=digest_of("not written yet"),
        logits=(float(steps[0]) - _TOP, *map(float, steps), float(steps[-1]) + _TOP),
        scores=(0.0, *(score for _, score in _RATES), 1.0),
        window_cost=round(min(cost, _MOST_WINDOW_COST), 4),
    )
