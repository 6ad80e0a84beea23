"""What can be said of the MLflow stores without a server; with one they are tested in tests/flows/test_register.py."""

from __future__ import annotations

import json
import time
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from infra.contracts.base import now
from infra.contracts.model_version import ModelVersion, PromptSpec
from infra.digest import sha256
from infra.errors import PartFailed, StoreError
from infra.stores.mlflow_server import MlflowServer
from infra.stores.mlmodel import ModelDescription, ModelFile, write_model_folder
from infra.stores.registry import Registry
from infra.stores.tracking import shorten

DESCRIPTION = ModelDescription("tickets", "smollm2-135m-instruct", sha256(b"adapter"), 16)


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:9", "not a url", "ftp://127.0.0.1"])
def test_a_server_that_is_not_there_is_said_at_once(url: str) -> None:
    started_s = time.monotonic()
    with pytest.raises(PartFailed, match="does not answer"):
        Registry.open(url)
    assert time.monotonic() - started_s < 5


def test_mlflows_own_words_are_not_repeated() -> None:
    from mlflow.exceptions import MlflowException

    server = MlflowServer("http://127.0.0.1:9")
    with pytest.raises(PartFailed) as failure, server.asked_to("tag a run"):
        raise MlflowException("secret-value is too long")
    assert "secret-value" not in str(failure.value)
    assert "could not tag a run" in str(failure.value)
    assert failure.value.__suppress_context__


def test_a_model_folder_holds_the_adapter_and_an_example_that_its_signature_allows(tmp_path: Path) -> None:
    from mlflow.models import Model

    weights = tmp_path / "weights"
    weights.write_bytes(b"weights")
    files = (ModelFile("adapter_model.safetensors", weights, sha256(b"weights")),)
    folder = tmp_path / "model"
    write_model_folder(folder, files, DESCRIPTION, run_id="f" * 32)
    assert (folder / "adapter" / "adapter_model.safetensors").read_bytes() == b"weights"
    example = json.loads((folder / "input_example.json").read_text(encoding="utf-8"))
    model = Model.load(str(folder))
    assert set(model.signature.inputs.input_names()) == set(example)
    assert model.flavors["sluice"]["adapter"] == "adapter"
    assert "python_function" not in model.flavors


def test_a_file_that_is_not_what_its_digest_says_is_not_uploaded(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.write_bytes(b"changed")
    files = (ModelFile("adapter_model.safetensors", weights, sha256(b"weights")),)
    with pytest.raises(StoreError, match="not what its digest says"):
        write_model_folder(tmp_path / "model", files, DESCRIPTION, run_id="f" * 32)


def test_a_name_never_leaves_the_folder(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.write_bytes(b"weights")
    write_model_folder(
        tmp_path / "model", (ModelFile("../../out.json", weights, sha256(b"weights")),), DESCRIPTION, run_id="f" * 32
    )
    assert (tmp_path / "model" / "adapter" / "out.json").is_file()
    assert not (tmp_path / "out.json").exists()


def test_text_that_fits_is_left_alone_and_text_without_sections_is_cut_at_a_line() -> None:
    assert shorten("short") == "short"
    lines = "a line of text\n" * 1_000
    cut = shorten(lines)
    assert len(cut) <= 4_900
    assert cut.split("\n\n*The rest")[0].endswith("a line of text")
    assert len(shorten("x" * 10_000)) <= 4_900


def test_a_comparison_names_both_runs_in_a_link_that_markdown_keeps_whole() -> None:
    versions = [_version(1, "1" * 32), _version(2, "2" * 32)]
    link = Registry(MlflowServer("http://127.0.0.1:9")).comparison_url("tickets", versions)
    where, _, query = link.partition("?")
    assert where == "http://127.0.0.1:9/#/compare-model-versions"
    assert not set(link) & set(' ()<>"|')
    asked = dict(parse_qsl(query))
    assert json.loads(asked["name"]) == "tickets"
    assert json.loads(asked["runs"]) == {"1": "1" * 32, "2": "2" * 32}


def _version(number: int, run_id: str) -> ModelVersion:
    digest = sha256(b"part")
    return ModelVersion(
        pipeline="tickets",
        version=number,
        run_id=run_id,
        base_model=digest,
        adapter=digest,
        snapshot=digest,
        report=digest,
        decision=digest,
        guardrails=digest,
        access=digest,
        prompt=PromptSpec(system="Sort the ticket.", answer_format="text", max_new_tokens=16),
        created=now(),
    )
