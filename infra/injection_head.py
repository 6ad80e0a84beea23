"""The trained head that tells attacks on instructions from harmless texts: its two files, read and checked.

`head.safetensors` holds the weights, `head.json` its digest and how a logit becomes a score; CARD.md beside them says
what it was trained on. `sluice guard train-injection` writes all three. Nothing is unpickled.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from infra.contracts.base import Contract, DigestStr
from infra.digest import sha256_file
from infra.errors import CheckFailed, StoreError
from infra.extras import need
from infra.injection_features import BUCKETS
from infra.use_graph import WIDTH

SHIPPED = Path(__file__).parent / "injection"
_CURE = "install sluicegate again, or train the head anew: sluice guard train-injection --data PATH --out DIR"

Floats = NDArray[np.float32]


class HeadManifest(Contract):
    """What stands in head.json."""

    schema_id: ClassVar[str] = "sluice/injection-head/1"

    weights: DigestStr
    """Of head.safetensors."""
    logits: tuple[float, ...]
    """Ascending. With `scores` the steps from a logit to a score; between two steps a straight line."""
    scores: tuple[float, ...]
    """0.5 is passed by 1 % of harmless texts, 0.3 by 5 %, as measured on folds that were held out."""
    window_cost: float
    """Taken off the best window's logit for each factor of e in the number of windows: more windows, more chances."""


@dataclass(frozen=True, eq=False)
class Head:
    """Three voices, each a logit, and the weights that join them."""

    manifest: HeadManifest
    grams: Floats
    """One weight for each bucket of words and letters."""
    hidden: Floats
    """[512, h]: the vector's first layer."""
    hidden_bias: Floats
    out: Floats
    """[h]: the vector's second layer."""
    joint: Floats
    """Weights of the words' logit, the vector's and the rules', and the bias."""

    def logits(self, vectors: Floats, words: Floats, evidence: Floats) -> Floats:
        """One logit for each window: from its vector, the sum of its buckets' weights, and the rules' evidence."""
        seen = np.maximum(vectors @ self.hidden + self.hidden_bias, 0.0) @ self.out
        voices = np.stack((words, seen, evidence_logit(evidence)), axis=1)
        joined: Floats = voices @ self.joint[:3] + self.joint[3]
        return joined

    def score(self, logit: float, windows: int) -> float:
        """From 0 to 1, for the best window of so many."""
        cost = self.manifest.window_cost * float(np.log(windows))
        return float(np.interp(logit - cost, self.manifest.logits, self.manifest.scores))


def evidence_logit(evidence: Floats) -> Floats:
    """What the rules' evidence (0 to 1) is worth as a logit, without infinities."""
    logit: Floats = np.log((evidence + 0.02) / (1.02 - evidence)).astype(np.float32)
    return logit


def load_head(folder: Path = SHIPPED) -> Head:
    """Reads a head. Raises StoreError when a file cannot be read, CheckFailed when the weights are others."""
    try:
        manifest = HeadManifest.from_json((folder / "head.json").read_bytes())
        digest = sha256_file(folder / "head.safetensors")
    except (OSError, ValueError, ValidationError):
        raise StoreError("the injection head cannot be read", where=str(folder), cure=_CURE) from None
    if digest != manifest.weights:
        raise CheckFailed("the weights are not the ones that head.json names", where=str(folder), cure=_CURE)
    need("safetensors", extra="serve")
    from safetensors.numpy import load_file

    tensors = {name: value.astype(np.float32) for name, value in load_file(folder / "head.safetensors").items()}
    head = Head(manifest, *(tensors[name] for name in ("grams", "hidden", "hidden_bias", "out", "joint")))
    shapes = (head.grams.shape, head.hidden.shape[:1], head.hidden_bias.shape, head.joint.shape)
    if shapes != ((2 * BUCKETS,), (WIDTH,), head.out.shape, (4,)):
        raise CheckFailed("the weights do not have the shapes of a head", where=str(folder), cure=_CURE)
    return head


def write_head(folder: Path, head: Head) -> None:
    """Writes head.safetensors and head.json; the digest in the given manifest is replaced by the file's."""
    need("safetensors", extra="train")
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {"hidden": head.hidden, "hidden_bias": head.hidden_bias, "out": head.out, "joint": head.joint}
    save_file({"grams": head.grams.astype(np.float16), **tensors}, str(folder / "head.safetensors"))
    manifest = head.manifest.model_copy(update={"weights": sha256_file(folder / "head.safetensors")})
    text = json.dumps(json.loads(manifest.to_json()), indent=1) + "\n"
    (folder / "head.json").write_text(text, encoding="utf-8")
