"""Where and in which precision to train: found by looking and by a short measurement, not by a list of processors.

Imported by the training process only (it loads torch).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

import torch

from infra.cores import cores

Precision = Literal["fp32", "bf16"]

_SIZE = 768
_REPEATS = 5
_WORTH_IT = 1.2
"""bf16 must be so much faster before its lost digits are accepted. Some processors emulate it, ten times slower."""


def set_threads(ranks: int) -> int:
    """Shares the cores that this process may use among the ranks of this machine."""
    threads = max(1, cores() // ranks)
    torch.set_num_threads(threads)
    return threads


def faster_precision(device: torch.device) -> Precision:
    """Multiplies two matrices in both precisions, best of a few; takes well under a second."""
    fp32, bf16 = (_seconds(device, dtype) for dtype in (torch.float32, torch.bfloat16))
    return "bf16" if bf16 * _WORTH_IT < fp32 else "fp32"


def dtype_of(precision: Precision) -> torch.dtype:
    """The tensor type of a precision."""
    return torch.bfloat16 if precision == "bf16" else torch.float32


def _seconds(device: torch.device, dtype: torch.dtype) -> float:
    a, b = (torch.ones(_SIZE, _SIZE, device=device, dtype=dtype) for _ in range(2))
    wait: Callable[[], None] = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    best = float("inf")
    for _ in range(_REPEATS):
        wait()
        start = time.perf_counter()
        torch.mm(a, b)
        wait()
        best = min(best, time.perf_counter() - start)
    return best
