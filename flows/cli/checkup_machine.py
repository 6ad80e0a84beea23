"""What `sluice doctor` looks at in the machine: Python, installed parts, memory, limits, and what a GPU would add."""

from __future__ import annotations

import importlib.util
import resource
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from flows.cli.finding import Finding, Level, judged
from infra.settings import Settings

_PARTS = {
    "serve": ("bentoml", "guardrails", "presidio_analyzer", "openvino_genai", "spacy", "tokenizers"),
    "train": ("prefect", "mlflow", "deepspeed", "peft", "transformers", "great_expectations", "torch"),
}
_PYTHONS = ((3, 11), (3, 14))
_MEMORY_BYTES = 4_000_000_000
_LEAST_MEMORY_BYTES = 1_000_000_000
_CGROUP = Path("/sys/fs/cgroup/memory.max")
_OPEN_FILES = 1024
_GPU_DEVICES = (Path("/dev/nvidiactl"), Path("/dev/kfd"))
_GPU_DRIVER = Path("/proc/driver/nvidia/version")
_TORCH_SAYS = "import torch; print(torch.cuda.is_available() and torch.cuda.get_device_name(0) or '')"
_TORCH_WAIT_S = 6


def look_at_python(_: Settings) -> Iterator[Finding]:
    """Is it a Python that the parts run on?"""
    found = ".".join(map(str, sys.version_info[:3]))
    least, beyond = _PYTHONS
    yield judged("Python", least <= sys.version_info[:2] < beyond, found, "use Python 3.11, 3.12 or 3.13")


def look_at_parts(_: Settings) -> Iterator[Finding]:
    """Is each part installed, in a version that is known to work with the others?"""
    for extra, modules in _PARTS.items():
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
        # A machine that only serves needs no trainer; half of one is a fault.
        level: Level = "hint" if extra == "train" and len(missing) == len(modules) else "FAIL"
        found = f"missing: {', '.join(missing)}" if missing else "installed"
        yield judged(f"parts of `{extra}`", not missing, found, f"pip install 'sluicegate[{extra}]'", otherwise=level)
    others = tuple(_other_versions())
    found = f"not the known good ones: {'; '.join(others)}" if others else "as known to work together"
    yield judged("versions", not others, found, "make install, or pip install with requirements.lock as constraint")


def _other_versions() -> Iterator[str]:
    """The installed parts that are outside what the distribution asks for."""
    from packaging.requirements import Requirement

    for text in requires("sluicegate") or ():
        wanted = Requirement(text)
        extra = str(wanted.marker or "")
        if extra and not any(f'extra == "{name}"' in extra for name in _PARTS):
            continue
        try:
            found = version(wanted.name)
        except PackageNotFoundError:
            continue  # told as missing, where it matters
        if not wanted.specifier.contains(found, prereleases=True):
            yield f"{wanted.name} {found} (wanted {wanted.specifier})"


def look_at_memory(_: Settings) -> Iterator[Finding]:
    """Is there enough for a training?"""
    import psutil

    free = psutil.virtual_memory().available
    found = f"{free / 1e9:.1f} GB available"
    limit = _CGROUP.read_text(encoding="ascii").strip() if _CGROUP.exists() else "max"
    if limit.isdecimal() and int(limit) < free:
        free = int(limit)
        found += f", {free / 1e9:.1f} GB allowed to this container"
    level: Level = "FAIL" if free < _LEAST_MEMORY_BYTES else "hint"
    cure = "end other programs; a training of the shipped pipelines takes 4 to 8 GB (less with training.batch_rows)"
    yield judged("memory", free >= _MEMORY_BYTES, found, cure, otherwise=level)


def look_at_limits(_: Settings) -> Iterator[Finding]:
    """Does a limit of the shell stand in the way?"""
    files, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    size, _hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    if files != resource.RLIM_INFINITY and files < _OPEN_FILES:
        yield Finding("open files", "hint", f"at most {files}", f"ulimit -n {_OPEN_FILES}")
    if size != resource.RLIM_INFINITY:
        yield Finding("file size", "FAIL", f"at most {size / 1e6:,.0f} MB a file", "ulimit -f unlimited")


def look_at_gpu(_: Settings) -> Iterator[Finding]:
    """Is there a GPU, and does the installed torch use it?"""
    devices = [device for device in _GPU_DEVICES if device.exists()]
    if not devices and not _GPU_DRIVER.exists():
        found = "none: training uses the CPU; one would train many times faster, and larger base models"
        yield Finding("GPU", "ok", found)
        return
    if not devices:
        cure = "give this machine or container the device (docker run --gpus all)"
        yield Finding("GPU", "hint", "a driver is loaded, but no device is visible here", cure)
        return
    try:
        build = version("torch")
    except PackageNotFoundError:
        yield Finding("GPU", "hint", "found, but torch is not installed", "pip install 'sluicegate[train,gpu]'")
        return
    name = "" if build.endswith("+cpu") else _torch_device()
    cure = "install a torch built for this driver (https://pytorch.org/get-started), then sluice doctor"
    found = name or f"found, but torch {build} does not use it: training stays on the CPU"
    yield judged("GPU", bool(name), found, cure, otherwise="hint")


def _torch_device() -> str:
    """What torch calls the GPU, '' where it sees none. Another process: importing torch takes seconds, and may hang."""
    command = [sys.executable, "-P", "-c", _TORCH_SAYS]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=_TORCH_WAIT_S).stdout.strip()
    except subprocess.TimeoutExpired:
        return ""
