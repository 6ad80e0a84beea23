"""The program that DeepSpeed starts, once per rank: `deepspeed --module flows.training.worker JOB.json`.

    read the job -> open the encrypted rows -> build model and plan -> resume -> train -> export -> measure

It says what happens in lines on its standard output (see lines.py) and ends when its standard input does: the flow
holds the other end, so that a killed flow leaves no training behind. It writes checkpoints and the adapter, and no
text of a row.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flows.training.lines import Failed, Line, Said, write_line
from flows.training.spec import Job
from infra.errors import CheckFailed, Refused, SluiceError
from infra.faults import named_fault
from infra.private import stay_private
from infra.quiet import hush, keep_out
from infra.textless import hide_texts, trace_of

_LINE_LOCK = threading.Lock()
_LET_GO_S = 30.0


@dataclass(frozen=True)
class Rank:
    """Which of how many processes this is."""

    number: int
    of: int

    def say(self, line: Line) -> None:
        """Writes a line, from the first rank only."""
        if self.number == 0:
            with _LINE_LOCK:
                sys.stdout.write(write_line(line))
                sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Runs one rank of a job; 0 when it ended well. `arguments`: the launcher's --local_rank=N and the job's file."""
    hush()
    keep_out("mlflow", "sklearn")  # DeepSpeed and transformers import them where they are, for parts that nothing uses
    stay_private()
    hide_texts()
    _end_with_the_flow()
    local = [text.partition("=")[2] for text in arguments if text.startswith("--local_rank=")]
    job = Job.model_validate_json(Path(arguments[-1]).read_bytes())
    rank = Rank(int(local[0]) if local else 0, job.recipe.training.ranks)
    try:
        with _traced(job, rank):
            _run(job, rank)
    except SluiceError as error:
        rank.say(Failed(what=error.what, cure=error.cure, checked=isinstance(error, CheckFailed)))
        return error.exit_code
    except MemoryError:
        rank.say(Failed(what="the machine's memory is used up", cure="lower training.batch_rows or training.ranks"))
        return 3
    except Exception as error:
        # Log and sentence name the kind and the place: an error's text may quote what it was given.
        sys.stderr.write(trace_of(error))
        fault = named_fault(error)
        what = fault.what if fault else f"{type(error).__name__} in the training process"
        rank.say(Failed(what=what, cure=fault.cure if fault else "read the log"))
        return 3
    return 0


def _run(job: Job, rank: Rank) -> None:
    rank.say(Said(sentence="Training: loading torch, transformers and DeepSpeed"))
    # Here and not at the top: these load torch, which must not happen before `hush`.
    from flows.training.session import train

    with _held(job, rank):
        train(job, rank.number, rank.say)


@contextmanager
def _held(job: Job, rank: Rank) -> Iterator[None]:
    """Holds the working folder, by the first rank: the worker of a flow that was killed may live on for a step."""
    if rank.number:
        yield
        return
    from filelock import FileLock, Timeout

    lock = FileLock(Path(job.folder) / "held.lock", mode=0o600)
    try:
        lock.acquire(timeout=_LET_GO_S)
    except Timeout:
        raise Refused(
            "another training of the same recipe is going on", where=job.folder, cure="wait for it to end"
        ) from None
    with lock:
        yield


@contextmanager
def _traced(job: Job, rank: Rank) -> Iterator[None]:
    """Spans of the first rank go on from the flow's trace."""
    if rank.number or not job.traceparent:
        yield
        return
    from infra import telemetry

    telemetry.start("sluice-training", job.telemetry, job.mlflow_url)
    try:
        with telemetry.adopt(job.traceparent), telemetry.span("sluice.training"):
            yield
    finally:
        telemetry.flush()


def _end_with_the_flow() -> None:
    """Ends this process when the standard input ends, which it does when the flow is gone, however it went."""

    def wait() -> None:
        while os.read(0, 1024):
            pass
        os._exit(4)

    threading.Thread(target=wait, name="end-with-the-flow", daemon=True).start()


if __name__ == "__main__":
    # Straight out: no library's exit handler may hold up or fail a training that ended.
    _status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_status)
