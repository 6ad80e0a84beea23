"""Adapters: the scale that PEFT would use, and refusal of what an engine would silently leave out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from infra.base_model import BaseManifest, BaseModel
from infra.engines.adapter_files import AdapterFiles, adapter_scale, check_adapter
from infra.errors import CheckFailed, StoreError

LAYER = "model.layers.0.self_attn.q_proj"


def files(folder: Path, names: list[str], **config: object) -> AdapterFiles:
    save_file({name: np.zeros((2, 2), np.float32) for name in names}, folder / "weights")
    (folder / "config").write_text(json.dumps({"r": 16, "lora_alpha": 32, **config}))
    return AdapterFiles(folder / "weights", folder / "config")


def base(folder: Path) -> BaseModel:
    save_file({f"{LAYER}.weight": np.zeros((2, 2), np.float32)}, folder / "model.safetensors")
    return BaseModel(BaseManifest(name="tiny", source="a test", files=()), folder)


def pair(layer: str) -> list[str]:
    return [f"base_model.model.{layer}.lora_{side}.weight" for side in "AB"]


def test_scale(tmp_path: Path) -> None:
    assert adapter_scale(files(tmp_path, pair(LAYER))) == 2.0
    assert adapter_scale(files(tmp_path, pair(LAYER), use_rslora=True)) == 8.0
    assert adapter_scale(files(tmp_path, pair(LAYER), r=8, lora_alpha=4, rank_pattern={}, use_dora=False)) == 0.5


@pytest.mark.parametrize(
    "unusual", [{"rank_pattern": {"q": 4}}, {"alpha_pattern": {"q": 4}}, {"use_dora": True}, {"bias": "all"}, {"r": 0}]
)
def test_what_the_engine_would_apply_differently_is_refused(tmp_path: Path, unusual: dict[str, object]) -> None:
    with pytest.raises(CheckFailed, match="apply wrongly"):
        adapter_scale(files(tmp_path, pair(LAYER), **unusual))


@pytest.mark.parametrize("text", ["", "[]", '{"r": 16}', '{"r": "x", "lora_alpha": 1}'])
def test_a_configuration_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    found = files(tmp_path, pair(LAYER))
    found.config.write_text(text)
    with pytest.raises(StoreError):
        adapter_scale(found)


def test_an_adapter_that_fits_is_let_through(tmp_path: Path) -> None:
    check_adapter(files(tmp_path, pair(LAYER)), base(tmp_path))


@pytest.mark.parametrize(
    "names",
    [
        [],
        pair(LAYER)[:1],
        pair("model.layers.1.self_attn.q_proj"),
        [*pair(LAYER), "base_model.model.lm_head.weight"],
        [name.removeprefix("base_model.model.") for name in pair(LAYER)],
    ],
    ids=["empty", "half a pair", "unknown layer", "something else too", "names without prefix"],
)
def test_an_adapter_that_would_be_passed_over_is_refused(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(CheckFailed, match="does not fit"):
        check_adapter(files(tmp_path, names), base(tmp_path))


@pytest.mark.parametrize("content", [b"", b"\xff" * 8, b"\x02\0\0\0\0\0\0\0no"])
def test_what_is_no_safetensors_file_is_refused(tmp_path: Path, content: bytes) -> None:
    found = files(tmp_path, pair(LAYER))
    found.weights.write_bytes(content)
    with pytest.raises(StoreError, match="not a safetensors file"):
        check_adapter(found, base(tmp_path))
