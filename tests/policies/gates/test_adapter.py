"""What is let out after training, and what is not: one planted fault at a time."""

from __future__ import annotations

import pytest

from infra.errors import CheckFailed
from policies.gates.adapter import AdapterMeasurements, adapter_faults, require_sound

SOUND = AdapterMeasurements(
    tensors=420,
    zero=(),
    not_finite=(),
    missing=(),
    unexpected=(),
    misshapen=(),
    precision="fp32",
    largest_logit="20.0",
    reload_difference="0.0001",
    base_difference="7.5",
)


def test_a_sound_adapter_passes() -> None:
    assert adapter_faults(SOUND) == ()
    require_sound(SOUND)


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        ({"tensors": 0}, "holds no tensors"),
        ({"zero": ("a.lora_B.weight",)}, "1 tensors hold nothing but zeros: a.lora_B.weight"),
        ({"not_finite": ("a",)}, "not finite"),
        ({"missing": ("a", "b", "c", "d")}, "4 tensors are required by its configuration and missing: a, b, c, ..."),
        ({"unexpected": ("a",)}, "not known to its configuration"),
        ({"misshapen": ("a",)}, "another shape"),
        ({"reload_difference": "0.0201"}, "reloaded, its logits differ"),
        ({"reload_difference": "nan"}, "reloaded, its logits differ"),
        ({"reload_difference": "inf"}, "reloaded, its logits differ"),
        ({"base_difference": "0.0"}, "it changes nothing"),
        ({"base_difference": "0.0199"}, "it changes nothing"),
        ({"base_difference": "nan"}, "it changes nothing"),
        ({"largest_logit": "nan"}, "it changes nothing"),
        ({"precision": "bf16", "base_difference": "0.9"}, "it changes nothing"),
    ],
)
def test_each_fault_is_named(planted: dict[str, object], said: str) -> None:
    measured = AdapterMeasurements.model_validate({**SOUND.model_dump(), **planted})
    assert any(said in fault for fault in adapter_faults(measured))
    with pytest.raises(CheckFailed) as caught:
        require_sound(measured)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "near",
    [
        {"reload_difference": "0.0199"},
        {"base_difference": "0.0201"},
        {"precision": "bf16", "reload_difference": "0.9", "base_difference": "1.1"},
    ],
)
def test_what_is_just_inside_passes(near: dict[str, object]) -> None:
    assert adapter_faults(AdapterMeasurements.model_validate({**SOUND.model_dump(), **near})) == ()


def test_all_faults_are_told_at_once() -> None:
    empty = AdapterMeasurements.model_validate(
        {**SOUND.model_dump(), "tensors": 0, "missing": ("a",), "reload_difference": "nan", "base_difference": "nan"}
    )
    assert len(adapter_faults(empty)) == 4
