"""The Universal Sentence Encoder as two OpenVINO graphs, built from its arrays without any framework of training.

Its body is three stacks of n-gram convolutions over the tokens' embeddings; its top turns the mean over the tokens into
one vector. A token's features depend on four neighbours on each side and no further, so that a long text can be cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from infra.engines.openvino_runtime import openvino
from infra.use_weights import TABLE_WIDTH

if TYPE_CHECKING:
    from infra.use_weights import UseWeights

NEIGHBOURS = 4
"""How many tokens on each side a token's features depend on."""
FEATURES = 1280
"""How wide a token's features are."""
WIDTH = 512
"""How wide a sentence's embedding is."""
_ORDERS = ((2, 0), (3, 1), (5, 2))
"""N-gram and how many of its tokens come before the one that it is for."""
_BRANCH = 256


def body(weights: UseWeights) -> Any:
    """Embeddings [texts, tokens, 512] and mask [texts, tokens, 1] to features [texts, tokens, 1280]."""
    ops = _ops()
    parts = weights.parts
    rows = ops.parameter([-1, -1, TABLE_WIDTH], np.float32, name="rows")
    mask = ops.parameter([-1, -1, 1], np.float32, name="mask")
    branches = [rows]
    for order, left in _ORDERS:
        projected = ops.add(ops.matmul(rows, parts[f"proj{order}"], False, False), parts[f"proj_b{order}"])
        normed = _layer_norm(projected, parts[f"ln_g{order}"], parts[f"ln_b{order}"], parts["eps"])
        first = _convolved(normed, mask, parts[f"w1_{order}"], parts[f"b1_{order}"], order, left)
        branches.append(_convolved(first, mask, parts[f"w2_{order}"], parts[f"b2_{order}"], order, left))
    features = _layer_norm(ops.concat(branches, 2), parts["ln_g"], parts["ln_b"], parts["eps"])
    return openvino().Model([ops.multiply(features, mask)], [rows, mask], "use-body")


def top(weights: UseWeights) -> Any:
    """Sums of features [texts, 1280] and counts of tokens [texts, 1] to embeddings [texts, 512] of length one."""
    ops = _ops()
    parts = weights.parts
    sums = ops.parameter([-1, FEATURES], np.float32, name="sums")
    counts = ops.parameter([-1, 1], np.float32, name="counts")
    projected = ops.add(ops.matmul(sums, parts["cnn_W"], False, False), ops.multiply(counts, parts["cnn_b"][None, :]))
    mean = ops.divide(projected, ops.sqrt(counts))
    first = ops.relu(ops.matmul(mean, parts["d0"], False, False))
    skip = ops.matmul(mean, parts["p1"], False, False)
    second = ops.relu(ops.add(skip, ops.matmul(first, parts["d1"], False, False)))
    third = ops.relu(ops.matmul(second, parts["d2"], False, False))
    joined = ops.add(ops.matmul(second, parts["p3"], False, False), ops.matmul(third, parts["d3"], False, False))
    vector = ops.tanh(joined)
    length = ops.sqrt(ops.reduce_sum(ops.multiply(vector, vector), np.array([1]), keep_dims=True))
    return openvino().Model([ops.divide(vector, length)], [sums, counts], "use-top")


def _ops() -> Any:
    openvino()
    from openvino import opset13

    return opset13


def _layer_norm(nodes: Any, gain: NDArray[np.float32], bias: NDArray[np.float32], epsilon: NDArray[np.float32]) -> Any:
    ops = _ops()
    normed = ops.mvn(nodes, np.array([2]), normalize_variance=True, eps=float(epsilon), eps_mode="INSIDE_SQRT")
    return ops.add(ops.multiply(normed, gain), bias)


def _convolved(
    nodes: Any, mask: Any, weight: NDArray[np.float32], bias: NDArray[np.float32], order: int, left: int
) -> Any:
    """One n-gram layer with its way round. Tokens outside the text count as zero, so the mask comes first."""
    ops = _ops()
    kernel = np.ascontiguousarray(weight.reshape(order, _BRANCH, _BRANCH).transpose(2, 1, 0))
    channels_first = ops.transpose(ops.multiply(nodes, mask), np.array([0, 2, 1]))
    sums = ops.convolution(channels_first, kernel, [1], [left], [order - 1 - left], [1])
    flat = ops.add(ops.transpose(sums, np.array([0, 2, 1])), bias)
    return ops.add(ops.relu(flat), nodes)
