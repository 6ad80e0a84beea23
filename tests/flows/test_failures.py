"""What leaves a failed stage: our own sentence, or the kind and the place; never a library's text, never a cause."""

from __future__ import annotations

import traceback

import pytest

from flows.failures import LOG, command_failed, only_our_words
from infra.digest import canonical_json
from infra.errors import BadInput, PartFailed
from infra.home import Home

SECRET = "ximena@correo-zorro.org"


def printed(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(error) + str(error)


def test_an_unexpected_error_becomes_a_part_that_failed(home: Home) -> None:
    with pytest.raises(PartFailed) as raised, only_our_words("the stage dataset", home):
        try:
            raise KeyError(SECRET)
        except KeyError:
            canonical_json({"a": {SECRET}})
    assert SECRET not in printed(raised.value)
    assert raised.value.what.startswith("the stage dataset failed with an unexpected ")
    assert " at infra/digest.py, line " in raised.value.what
    log = home.logs / LOG
    assert raised.value.where == str(log)
    assert log.stat().st_mode & 0o777 == 0o600
    assert "KeyError" in log.read_text() and SECRET not in log.read_text()


def test_our_own_error_passes_as_it_is_without_its_causes(home: Home) -> None:
    error = BadInput("no such column", where="rows.csv", cure="name another")
    with pytest.raises(BadInput) as raised, only_our_words("the stage dataset", home):
        try:
            raise KeyError(SECRET)
        except KeyError as cause:
            raise error from cause
    assert raised.value is error
    assert SECRET not in printed(raised.value)
    assert not (home.logs / LOG).exists()


@pytest.mark.parametrize("ends", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_process_passes(home: Home, ends: type[BaseException]) -> None:
    with pytest.raises(ends), only_our_words("the stage gate", home):
        raise ends


def test_without_a_place_for_the_log_the_sentence_stands_alone(home: Home) -> None:
    home.logs.write_text("a file in its place")
    for where in (home, None):
        with pytest.raises(PartFailed) as raised, only_our_words("the run", where):
            raise ValueError(SECRET)
        assert raised.value.where == ""
        assert raised.value.what.startswith("the run failed with an unexpected ValueError;")
        assert "report this line" in raised.value.cure


def test_a_log_that_has_grown_is_set_aside_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_HOME", str(home.root))
    log = home.folder(home.logs) / LOG
    log.write_bytes(b"x" * 2_000_001)
    assert command_failed(ValueError(SECRET)).where == str(log)
    assert log.stat().st_size < 1000 and (home.logs / "failures.log.1").stat().st_size == 2_000_001
