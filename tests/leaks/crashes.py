"""One whole run, each stage broken once by an error that quotes planted values, then a kill: `crashes.py PIPELINE`.

A process of its own that goes through the command's own door each time, so that the slow imports are paid once. Prints
a line `crash STAGE exit CODE` for each. The engine is the scripted one, whose answers the gate lets pass here: what is
written where does not depend on them.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from plants import everything, mail

FORCE: tuple[str, ...] = ("--no-cache",)
"""What makes `retrain` run every stage again."""
PARTS = {
    "dataset-reader": "flows.steps.read_csv:to_row",
    "dataset-redactor": "flows.ingest:redact_rows",
    "finetune": "flows.finetune:prepare_base_model",
    "evaluate": "flows.evaluate:judge",
    "gate": "flows.gate:decide",
    "register": "flows.register:check_papers",
    "review": "flows.review:check_evidence",
    "release": "flows.release:follow",
    "summary": "flows.lifecycle:publish_summary",
}
"""Where each stage breaks: a name that a module of it calls."""


def breaks(way: str) -> Callable[..., object]:
    """Fails as a library does that quotes what it was given, twice over."""

    def broken(*_: object, **__: object) -> object:
        try:
            raise KeyError(everything(f"crash-{way}"))
        except KeyError as error:
            raise ValueError(f"cannot parse {mail(f'crash-{way}')!r} of {everything(f'crash-{way}')!r}") from error

    return broken


def dies(*_: object, **__: object) -> object:
    """The run is killed while it holds rows."""
    os.kill(os.getpid(), signal.SIGKILL)
    return None


def retrain(pipeline: str, *more: str) -> int:
    """`sluice retrain`, through its door. Returns the exit code."""
    from flows.cli.main import main

    sys.argv = ["sluice", "retrain", pipeline, "--approve-as", "robot", *FORCE, *more]
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def with_broken(part: str, broken: Callable[..., object], run: Callable[[], int]) -> int:
    """Runs with one name of one module replaced."""
    module_name, name = part.split(":")
    module = importlib.import_module(module_name)
    whole = getattr(module, name)
    setattr(module, name, broken)
    try:
        return run()
    finally:
        setattr(module, name, whole)


def main(pipeline: str) -> None:
    """The whole run, then every crash in turn."""
    import policies.gates.evaluation

    policies.gates.evaluation._SCRIPTED = "no engine"
    print(f"whole run exit {retrain(pipeline)}", flush=True)
    for way, part in PARTS.items():
        code = with_broken(part, breaks(way), lambda: retrain(pipeline))
        print(f"crash {way} exit {code}", flush=True)
    os.environ["PYTHONPATH"] = str(Path(__file__).parent / "broken_trainer")
    print(f"crash trainer exit {retrain(pipeline, '--set', 'training.seed=2')}", flush=True)
    del os.environ["PYTHONPATH"]
    with_broken("flows.evaluate:judge", dies, lambda: retrain(pipeline))


if __name__ == "__main__":
    main(sys.argv[1])
