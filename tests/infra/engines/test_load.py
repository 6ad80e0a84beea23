"""load_engine: the engine that the settings name, or a sentence that says what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.engines.load import AdapterFiles, load_engine
from infra.errors import BadInput, PartFailed
from infra.settings import EngineSettings

ADAPTER = AdapterFiles(Path("weights"), Path("config"))


def test_scripted_needs_no_model() -> None:
    assert load_engine(EngineSettings(engine_name="scripted"), None, None).record.name == "scripted"
    assert load_engine(EngineSettings(engine_name="scripted"), None, ADAPTER).record.name == "scripted"


def test_openvino_without_a_base_model_says_what_to_run() -> None:
    with pytest.raises(PartFailed, match="sluice retrain"):
        load_engine(EngineSettings(), None, None)


def test_upstream_is_contacted_by_nobody_until_it_is_asked() -> None:
    settings = EngineSettings(
        engine_name="upstream", engine_upstream_url="http://192.0.2.1/v1", engine_upstream_model="m"
    )
    assert load_engine(settings, None, None).record.version == "m"
    with pytest.raises(BadInput, match="cannot load an adapter"):
        load_engine(settings, None, ADAPTER)


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "file:///etc/passwd", "http://user:pw@host/v1", "http://h/v1?k=1"]
)
def test_an_upstream_url_that_is_none_names_its_setting(url: str) -> None:
    settings = EngineSettings(engine_name="upstream", engine_upstream_url=url, engine_upstream_model="m")
    with pytest.raises(BadInput, match="SLUICE_ENGINE_UPSTREAM_URL"):
        load_engine(settings, None, None)


def test_an_upstream_without_a_model_names_its_setting() -> None:
    settings = EngineSettings(engine_name="upstream", engine_upstream_url="http://127.0.0.1:1/v1")
    with pytest.raises(BadInput, match="SLUICE_ENGINE_UPSTREAM_MODEL"):
        load_engine(settings, None, None)
