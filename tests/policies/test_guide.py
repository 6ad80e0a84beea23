"""The guide is true: every block of this room's README runs, in order, in one empty folder and one home."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_block_runs(run_guide: Callable[[str], None]) -> None:
    run_guide("policies")
