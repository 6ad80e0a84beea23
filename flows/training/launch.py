"""Starts the training under the `deepspeed` launcher, follows what it says, and never leaves it running behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from flows.training.lines import Failed, Line, Said, Stepped, Trained, read_line
from flows.training.spec import Job
from infra.errors import CheckFailed, PartFailed, StoreError
from infra.home import write_atomic
from infra.quiet import child_environment

_MODULE = "flows.training.worker"
_GPU_DEVICES = ("/dev/nvidiactl", "/dev/kfd")
_END_WAIT_S = 10.0
_KILLED = (-9, 137, 247)
"""What a kill -9 of the launcher, of a shell's child and of a rank (DeepSpeed's `exit(-9)`) looks like from here."""
_OOM_COUNTERS = (Path("/sys/fs/cgroup/memory.events"), Path("/proc/vmstat"))


def run_training(job: Job, log: Path, follow: Callable[[Said | Stepped], None]) -> Trained:
    """Runs a job to its end in a process group of its own.

    `follow` is told each sentence and step. What else the processes print is added to `log` (mode 0600). When
    this call is left, however that happens, no process of it is alive. Raises CheckFailed (the training was judged and
    found bad) or PartFailed (anything else), each with the log's path.
    """
    folder = Path(job.folder)
    spec = folder / "job.json"
    write_atomic(spec, job.model_dump_json().encode())
    (folder / "rendezvous").unlink(missing_ok=True)
    killed_before = _killed_for_memory()
    with _begin(log) as output:
        process = subprocess.Popen(
            _command(job, spec),
            cwd=folder,
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            start_new_session=True,
        )
        try:
            last = _follow(process, output, follow)
            status = process.wait()
        finally:
            _end(process)
    if isinstance(last, Trained) and status == 0:
        return last
    raise _failure(last, status, log, for_memory=_killed_for_memory() > killed_before)


def _begin(log: Path) -> BinaryIO:
    try:
        output = log.open("ab")
        log.chmod(0o600)
    except OSError as error:
        cure = "make its folder writable, or free some disk space"
        raise StoreError(f"cannot write the training's log: {error.strerror}", where=str(log), cure=cure) from None
    return output


def _command(job: Job, spec: Path) -> list[str]:
    """DeepSpeed's launcher and the worker as modules of our own interpreter: a folder with its own `flows/` changes
    nothing.
    """
    ranks = str(job.recipe.training.ranks)
    launcher = [sys.executable, "-P", "-m", "deepspeed.launcher.runner", "--num_accelerators", ranks]
    # One machine: no host file is looked for, whatever lies at the launcher's default place.
    return [*launcher, "--hostfile", str(spec.with_name("no-hosts")), "--module", _MODULE, str(spec)]


def _environment() -> dict[str, str]:
    """DeepSpeed finds a GPU by itself; without one it is told so. Ranks talk over the loopback interface alone."""
    added = {
        "GLOO_SOCKET_IFNAME": "lo",
        "NCCL_SOCKET_IFNAME": "lo",
        # Threads that wait for each other spin for some 50 us, not for a millisecond: where other processes want the
        # cores too, the spinning holds up the very thread that is waited for.
        "GOMP_SPINCOUNT": "10000",
        # Keep freed tensors: giving them back to the system and faulting them in again costs 3 % on a CPU.
        "MALLOC_MMAP_THRESHOLD_": str(4 << 30),
        "MALLOC_TRIM_THRESHOLD_": str(4 << 30),
        "MALLOC_TOP_PAD_": str(64 << 20),
    }
    if not any(Path(device).exists() for device in _GPU_DEVICES):
        added["DS_ACCELERATOR"] = "cpu"
    return child_environment(drop_prefixes=("SLUICE_", "DS_", "DEEPSPEED_"), add=added)


def _follow(
    process: subprocess.Popen[bytes], output: BinaryIO, follow: Callable[[Said | Stepped], None]
) -> Line | None:
    """Reads until the last process has closed the pipe. Returns the line that ends a training, None without one."""
    assert process.stdout is not None
    last: Line | None = None
    for raw in process.stdout:
        line = read_line(raw.decode("utf-8", errors="replace"))
        if line is None:
            # A full disk costs lines of the log, not the training: what must be kept is written elsewhere.
            with contextlib.suppress(OSError):
                output.write(raw)
                output.flush()
        elif isinstance(line, Trained | Failed):
            last = line
        else:
            follow(line)
    return last


def _end(process: subprocess.Popen[bytes]) -> None:
    """Closes the workers' standard input, which ends them; kills what is still there after a while."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=_END_WAIT_S)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _failure(last: Line | None, status: int, log: Path, *, for_memory: bool) -> CheckFailed | PartFailed:
    if isinstance(last, Failed):
        kind = CheckFailed if last.checked else PartFailed
        return kind(f"training failed: {last.what}", where=str(log), cure=last.cure)
    goes_on = "the same command goes on after the last checkpoint"
    if for_memory:
        what, cure = "the machine ran out of memory, and the system killed the training", "end other programs; "
        return PartFailed(what, where=str(log), cure=f"{cure}{goes_on}. Or lower training.batch_rows or training.ranks")
    if status in _KILLED:
        return PartFailed("the training was killed from outside", where=str(log), cure=goes_on)
    return PartFailed(f"the training ended with status {status}", where=str(log), cure=f"read the log; {goes_on}")


def _killed_for_memory() -> int:
    """How many processes the system has killed for want of memory, in this container and on this machine."""
    count = 0
    for place in _OOM_COUNTERS:
        with contextlib.suppress(OSError, ValueError):
            rows = (line.split() for line in place.read_text(encoding="ascii").splitlines())
            count += sum(int(row[1]) for row in rows if row[0] == "oom_kill")
    return count
