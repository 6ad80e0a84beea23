"""The gateway's process under BentoML's supervisor: what it never imports, where it logs, and when it ends."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys

from infra.errors import SluiceError
from infra.quiet import keep_out

_LOG = logging.getLogger("sluice.gateway")
_POLL_S = 1.0
_TRAINERS = ("torch", "transformers", "tensorflow", "jax", "mxnet", "cupy", "deepspeed", "peft")
_WORKER = "_bentoml_impl.worker.service"


def keep_trainers_out() -> None:
    """Makes the trainer's parts unimportable in this process.

    spaCy and Presidio import torch and transformers where they find them, and use neither here: that would cost
    450 MB and three times the start.
    """
    keep_out(*_TRAINERS)


def log_to_stderr() -> None:
    """Writes our log lines to stderr, which `sluice up` sends to the server's log file."""
    log = logging.getLogger("sluice")
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        log.propagate = False


def give_up(error: Exception) -> None:
    """Says why the gateway cannot start and ends it with its supervisor, which would start it again without end.

    Returns where there is no supervisor: the caller raises then.
    """
    known = isinstance(error, SluiceError | ImportError)  # the text of anything else may hold what it should not
    _LOG.error("cannot start: %s", error if known else type(error).__name__)
    if _supervised():
        os.kill(os.getppid(), signal.SIGTERM)
        logging.shutdown()
        os._exit(error.exit_code if isinstance(error, SluiceError) else 3)


async def end_with_supervisor() -> None:
    """Ends this process when the supervisor was killed: it sits in a session of its own and would live on."""
    parent = os.getppid()
    while not _supervised() or os.getppid() == parent:  # noqa: ASYNC110 - nothing tells of it but the number
        await asyncio.sleep(_POLL_S)
    _LOG.error("the supervisor is gone: the gateway ends")
    os.kill(os.getpid(), signal.SIGTERM)


def _supervised() -> bool:
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec is not None and spec.name == _WORKER
