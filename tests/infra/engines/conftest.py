"""One loaded engine for all tests that need the real model."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from infra.base_model import BaseModel
from infra.engines.openvino import OpenVinoEngine


@pytest.fixture(scope="session")
def exact_engine(base_model: BaseModel) -> Iterator[OpenVinoEngine]:
    """The base model without adapter, exact."""
    engine = OpenVinoEngine(base_model, None, precision="exact")
    yield engine
    asyncio.run(engine.stop())
