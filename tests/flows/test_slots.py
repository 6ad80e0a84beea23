"""Slots: which times a schedule's days hold, and how a data path is filled from one."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from flows.pipeline import FileData, Pipeline
from flows.slots import Clock, check_path, fill_path, fill_slot, has_placeholder, missing_path, read_day, read_slot
from infra.errors import BadInput

SLOT = datetime(2026, 11, 3, 4, 5, tzinfo=UTC)


def with_files(pipeline: Pipeline, train: str, test: str = "") -> Pipeline:
    return pipeline.model_copy(update={"data": FileData(kind="files", expectations="x", train=train, test=test)})


def test_a_window_of_days_holds_every_slot_oldest_first() -> None:
    slots = Clock.read("30 2,14 * * *", "UTC").slots(date(2026, 11, 1), date(2026, 11, 2))
    assert [f"{slot:%d %H:%M}" for slot in slots] == ["01 02:30", "01 14:30", "02 02:30", "02 14:30"]


def test_the_days_are_those_of_the_time_zone_and_clocks_may_change_in_them() -> None:
    slots = Clock.read("0 0 * * *", "Europe/Madrid").slots(date(2026, 10, 24), date(2026, 10, 26))
    assert [slot.isoformat() for slot in slots] == [
        "2026-10-24T00:00:00+02:00",
        "2026-10-25T00:00:00+02:00",
        "2026-10-26T00:00:00+01:00",
    ]


def test_at_most_a_thousand_slots_and_at_least_one() -> None:
    every_minute = Clock.read("* * * * *", "UTC")
    with pytest.raises(BadInput, match="more than 1,000 slots"):
        every_minute.slots(date(2026, 11, 1), date(2026, 11, 1))
    assert len(Clock.read("*/2 0-16 * * *", "UTC").slots(date(2026, 11, 1), date(2026, 11, 1))) == 510
    with pytest.raises(BadInput, match="no slot"):
        Clock.read("0 0 30 * *", "UTC").slots(date(2026, 2, 1), date(2026, 2, 28))
    with pytest.raises(BadInput, match="lies before"):
        every_minute.slots(date(2026, 11, 2), date(2026, 11, 1))


@pytest.mark.parametrize(
    "cron", ["", "nonsense", "* * * *", "61 * * * *", "* * * * * *", "H * * * *", "0 25 * * *", "0 0 30 2 *"]
)
def test_a_bad_cron_line_is_refused_with_a_cure(cron: str) -> None:
    with pytest.raises(BadInput, match="no cron line") as caught:
        Clock.read(cron, "UTC")
    assert "five fields" in caught.value.cure


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd"])
def test_an_unknown_time_zone_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="no time zone"):
        Clock.read("0 3 * * *", name)


def test_a_day_and_a_slot_are_read_or_refused() -> None:
    assert read_day("2026-11-28", "--from") == date(2026, 11, 28)
    assert read_slot("2026-11-03T04:05:00+00:00") == SLOT
    for read in (lambda: read_day("28.11.2026", "--from"), lambda: read_slot("2026-11-03T04:05:00")):
        with pytest.raises(BadInput):
            read()


def test_paths_are_filled_from_the_slot() -> None:
    assert fill_path("/d/{slot:%Y}/{slot:%m-%d}/t-{slot:%H%M}.csv", SLOT) == "/d/2026/11-03/t-0405.csv"
    assert fill_path("/d/{plain}.csv", SLOT) == "/d/{plain}.csv"


@pytest.mark.parametrize(
    "path", ["{slot:%Y", "{slot}", "{slot:}", "{slot:day}", "{slot:%Y %B}", "{slot:%Y}{slot", "{slot:%}"]
)
def test_a_bad_placeholder_is_refused_when_the_file_is_read(path: str) -> None:
    with pytest.raises(ValueError, match="slot"):
        check_path(path)
    with pytest.raises(ValueError, match="slot"):
        FileData(kind="files", expectations="x", train=path)


def test_a_file_that_is_missing_for_a_slot_is_named_by_its_pattern(pipeline: Pipeline, tmp_path: Path) -> None:
    pattern = str(tmp_path / "{slot:%Y-%m-%d}.csv")
    spec = with_files(pipeline, pattern, str(tmp_path / "not-there.csv"))
    assert has_placeholder(spec) and missing_path(spec, SLOT) == pattern
    (tmp_path / "2026-11-03.csv").touch()
    assert missing_path(spec, SLOT) == "", "a path without a placeholder is the reader's to complain about"
    filled = fill_slot(spec, SLOT).data
    assert isinstance(filled, FileData) and filled.train == str(tmp_path / "2026-11-03.csv")
    assert not has_placeholder(pipeline) and fill_slot(pipeline, SLOT) == pipeline
