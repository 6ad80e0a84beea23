"""The base model: prepared once, named by its files, refused when one of them is not as recorded."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import infra.base_model
from infra.base_conversion import check_tokenizer
from infra.base_model import BaseFile, BaseManifest, BaseModel, open_base_model, prepare_base_model
from infra.digest import sha256_file
from infra.errors import CheckFailed, MissingPart, PartFailed, StoreError
from infra.home import Home

NAME = "smollm2-135m-instruct"


def small_base(home: Home) -> BaseModel:
    """A base model of two tiny files."""
    folder = home.folder(home.models / NAME)
    (folder / "config.json").write_text("{}")
    (folder / "openvino").mkdir()
    (folder / "openvino" / "model.bin").write_bytes(b"weights")
    paths = ("config.json", "openvino/model.bin")
    files = tuple(
        BaseFile(name=path, digest=sha256_file(folder / path), size_bytes=(folder / path).stat().st_size)
        for path in paths
    )
    (folder / "manifest.json").write_bytes(BaseManifest(name=NAME, source="a test", files=files).to_json())
    return open_base_model(home)


def test_opening_what_is_not_prepared_says_how_to_prepare_it(home: Home) -> None:
    with pytest.raises(PartFailed, match="sluice retrain"):
        open_base_model(home)


def test_the_digest_covers_every_file(home: Home, tmp_path: Path) -> None:
    first = small_base(home)
    other = Home.open(tmp_path / "other")
    second = small_base(other)
    assert first.digest == second.digest == first.manifest.digest
    changed = BaseManifest(name=NAME, source="a test", files=first.manifest.files[:1])
    assert changed.digest != first.digest


def test_a_file_cut_short_is_refused_on_opening(home: Home) -> None:
    base = small_base(home)
    (base.openvino / "model.bin").write_bytes(b"weight")
    with pytest.raises(StoreError, match="cut short"):
        open_base_model(home)


def test_a_file_of_the_same_size_but_other_content_is_found_by_verify(home: Home) -> None:
    base = small_base(home)
    base.verify()
    (base.openvino / "model.bin").write_bytes(b"Weights")
    open_base_model(home).verify("config")
    with pytest.raises(CheckFailed, match=r"model\.bin"):
        base.verify("openvino/")


@pytest.mark.parametrize("content", [b"", b"[]", b'{"schema":"sluice/row/1"}', b'{"schema":"sluice/base-model/1"}'])
def test_a_manifest_that_is_none_is_refused(home: Home, content: bytes) -> None:
    base = small_base(home)
    (base.folder / "manifest.json").write_bytes(content)
    with pytest.raises(StoreError, match="prepare the base model again"):
        open_base_model(home)


def test_who_comes_while_it_is_prepared_waits_and_finds_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    converted: list[Path] = []

    def convert(gguf: Path, folder: Path, log: Path, progress: Callable[[str], None]) -> None:
        converted.append(folder)
        threading.Event().wait(0.2)
        (folder / "config.json").write_text("{}")

    monkeypatch.setattr(infra.base_model, "_convert", convert)
    found: list[BaseModel] = []
    threads = [
        threading.Thread(target=lambda: found.append(prepare_base_model(home, lambda _: None))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(converted) == 1
    assert len({base.digest for base in found}) == 1 and len(found) == 4


def test_a_conversion_that_fails_leaves_nothing_behind(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\0" * 64)
    (home.folder(home.models) / f".{NAME}.killed" / "model").mkdir(parents=True)
    monkeypatch.setattr(infra.base_model, "_bundled_weights", lambda: broken)
    with pytest.raises(PartFailed, match="converting the base model ended with status 1"):
        prepare_base_model(home, lambda _: None)
    assert [path.name for path in home.models.iterdir()] == [f".{NAME}.lock"]


def test_without_the_wheel_the_install_command_is_named(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(infra.base_model, "_PACKAGE", "no_such_wheel")
    with pytest.raises(MissingPart, match=r"sluicegate\[train\]"):
        prepare_base_model(home, lambda _: None)


@pytest.mark.slow
def test_the_prepared_model_is_whole_and_its_tokenizer_is_the_models(base_model: BaseModel) -> None:
    base_model.verify()
    names = {file.name for file in base_model.manifest.files}
    assert {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"} <= names
    assert {"openvino/openvino_model.bin", "openvino-fp16/openvino_tokenizer.xml"} <= names
    check_tokenizer(base_model.folder / "tokenizer.json", 49_152)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["token beyond the embeddings", "decoder that loses blanks", "no control tokens"])
def test_a_tokenizer_that_is_not_the_models_is_refused(base_model: BaseModel, tmp_path: Path, fault: str) -> None:
    fields = json.loads((base_model.folder / "tokenizer.json").read_text())
    if fault == "token beyond the embeddings":
        fields["added_tokens"].append({**fields["added_tokens"][0], "id": 49_152, "content": "<FILL_ME>"})
    elif fault == "decoder that loses blanks":
        fields["decoder"] = {"type": "WordPiece", "prefix": "##", "cleanup": True}
    else:
        fields["added_tokens"] = []
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(fields))
    with pytest.raises(CheckFailed):
        check_tokenizer(path, 49_152)


@pytest.mark.slow
def test_opening_what_is_prepared_loads_no_training_library(base_model_home: Home, base_model: BaseModel) -> None:
    program = (
        "import sys; from pathlib import Path; from infra.home import Home; from infra.base_model import *;"
        "home = Home.open(Path(sys.argv[1])); base = prepare_base_model(home, print);"
        "assert base == open_base_model(home); print(base.digest);"
        "assert not {'torch', 'transformers', 'optimum', 'openvino', 'gguf'} & set(sys.modules)"
    )
    command = [sys.executable, "-P", "-c", program, str(base_model_home.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == base_model.digest
