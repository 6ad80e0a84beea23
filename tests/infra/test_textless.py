"""Errors and log records lose every text that is not ours, and keep kinds, places and our own sentences."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra.errors import BadInput
from infra.textless import in_words, place_of, trace_of
from infra.typed_yaml import parse_yaml

SECRET = "ximena@correo-zorro.org"


def failed(error: Exception, cause: Exception | None = None) -> Exception:
    try:
        try:
            raise cause or KeyError(SECRET)
        except Exception as first:
            raise error from first
    except Exception as last:
        return last


def test_a_trace_has_kinds_and_places_and_only_our_own_texts() -> None:
    trace = trace_of(failed(ValueError(SECRET), failed(BadInput("no such column", where="line 3"))))
    assert SECRET not in trace
    assert trace.count("test_textless.py") == 4, trace
    assert "ValueError" in trace and "KeyError" in trace and "line 3: no such column" in trace


def test_a_suppressed_context_is_not_told() -> None:
    try:
        try:
            raise KeyError(SECRET)
        except KeyError:
            raise ValueError(SECRET) from None
    except ValueError as error:
        assert "KeyError" not in trace_of(error) and SECRET not in trace_of(error)


def test_the_place_is_the_innermost_line_of_ours() -> None:
    with pytest.raises(AttributeError) as raised:
        parse_yaml("a: 1", None, source="x")  # type: ignore[type-var]
    assert place_of(raised.value).startswith("infra/typed_yaml.py, line ")
    assert place_of(ValueError("never raised")) == ""
    assert (in_words(ValueError(SECRET)), in_words(BadInput("ours"))) == ("ValueError", "ours")


_PROGRAM = """
import asyncio, gc, logging, sys, threading
from infra.textless import hide_texts
hide_texts()
hide_texts()
logging.basicConfig(level=logging.INFO)
secret = sys.argv[1]
log = logging.getLogger("a.library")
def boom(): raise ValueError(secret)
try:
    boom()
except ValueError as error:
    log.exception("failed")
    log.error("failed: %s", error)
    log.error("failed: %r after %d", error, 3)
    log.error(error)
    log.warning("kept %s", "words")
async def forget():
    async def fail(): boom()
    asyncio.create_task(fail())
    await asyncio.sleep(0.01)
    gc.collect()
asyncio.run(forget())
thread = threading.Thread(target=boom)
thread.start()
thread.join()
boom()
"""


def test_no_log_record_and_no_dying_thread_tells_an_exceptions_text() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, SECRET],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent.parent,
        timeout=60,
    )
    assert done.returncode == 1
    assert SECRET not in done.stderr, done.stderr
    assert "failed: ValueError\n" in done.stderr and "failed: ValueError after 3" in done.stderr
    assert "kept words" in done.stderr
    assert "Task exception was never retrieved" in done.stderr
    assert done.stderr.count("in boom") == 4, "the traces of the record, the task, the thread and the process"


def test_a_process_makes_private_files_and_no_core_dump(tmp_path: Path) -> None:
    program = (
        "import json, os, pathlib, resource, sys\n"
        "from infra.private import stay_private\n"
        "stay_private()\n"
        "folder = pathlib.Path(sys.argv[1]) / 'a' / 'b'\n"
        "folder.mkdir(parents=True)\n"
        "(folder / 'c').write_text('x')\n"
        "modes = [oct(one.stat().st_mode & 0o777) for one in (folder.parent, folder, folder / 'c')]\n"
        "print(json.dumps([modes, resource.getrlimit(resource.RLIMIT_CORE)[0]]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, umask=0o022, check=True
    )
    assert json.loads(done.stdout) == [["0o700", "0o700", "0o600"], 0]
