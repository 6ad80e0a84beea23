"""What every test has: quiet dependencies, a home of its own, and the outside data's place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infra.home import Home
from infra.quiet import hush

hush()
for _name in [name for name in os.environ if name.startswith("SLUICE_") and not name.startswith("SLUICE_TEST_")]:
    # A developer's own settings must not decide a test.
    del os.environ[_name]

_DATA = Path(os.environ.get("SLUICE_TEST_DATA", Path(__file__).parent.parent.parent / "shared" / "data"))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    return Home.open(tmp_path / "home")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of outside data. Missing data skips at home and fails in CI."""
    if not _DATA.is_dir():
        message = f"no data at {_DATA}; set SLUICE_TEST_DATA"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return _DATA
