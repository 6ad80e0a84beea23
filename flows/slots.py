"""Slots: the times that a schedule's runs stand for, and the data paths that are filled from them.

A path may hold `{slot:%Y-%m-%d}`: the part after the colon is written with the slot's own date and time. The directives
are %Y %m %d %H %M %j (day of the year), %G %V %u (ISO year, week and day).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from infra.errors import BadInput

if TYPE_CHECKING:
    from flows.pipeline import Pipeline

MOST_SLOTS = 1_000
_PLACEHOLDER = re.compile(r"\{slot:([^{}]*)\}")
_DIRECTIVES = frozenset("YmdHMjGVu")
_PATHS = ("train", "test")
_NO_ZONE = "give an IANA name, e.g. --timezone Europe/Madrid"


@dataclass(frozen=True)
class Clock:
    """When a schedule's runs are due: a cron line, read in a time zone."""

    cron: str
    timezone: str = "UTC"

    @classmethod
    def read(cls, cron: str, timezone: str) -> Clock:
        """Checks both. Raises BadInput, for a line that never falls due too."""
        zone(timezone)
        line = " ".join(cron.split())
        clock = cls(line, timezone)
        try:
            if len(line.split()) != 5:
                raise ValueError("not five fields")
            clock._dates(1, datetime.now(UTC), None)
        except ValueError:
            raise BadInput(
                f"no cron line, or one that never falls due: {cron!r}",
                where="--cron",
                cure="five fields: minute hour day-of-month month day-of-week, e.g. '0 3 * * 1' (Mondays at 3:00)",
            ) from None
        return clock

    def slots(self, first: date, last: date) -> tuple[datetime, ...]:
        """The slots of whole days in the clock's time zone, oldest first. Raises BadInput for none or too many."""
        if last < first:
            raise BadInput("the last day lies before the first", where="--to", cure="give the earlier day as --from")
        begin = datetime.combine(first, time(), ZoneInfo(self.timezone))
        end = datetime.combine(last + timedelta(days=1), time(), ZoneInfo(self.timezone)) - timedelta(seconds=1)
        dates = self._dates(MOST_SLOTS + 1, begin, end)
        if not dates:
            raise BadInput("the schedule has no slot in those days", where="--from", cure="widen the window")
        if len(dates) > MOST_SLOTS:
            raise BadInput(
                f"more than {MOST_SLOTS:,} slots lie in those days",
                where="--from",
                cure="give fewer days at a time, or a --cron with fewer runs a day",
            )
        return dates

    def _dates(self, count: int, begin: datetime, end: datetime | None) -> tuple[datetime, ...]:
        """By the very code by which the server schedules: a backfilled slot is one that would have run."""
        import asyncio

        from prefect.server.schemas.schedules import CronSchedule

        schedule = CronSchedule(cron=self.cron, timezone=self.timezone)
        dates = asyncio.run(schedule.get_dates(count, begin, end))
        return tuple(datetime.fromtimestamp(one.timestamp(), ZoneInfo(self.timezone)) for one in dates)


def zone(name: str) -> ZoneInfo:
    """The time zone of that name. Raises BadInput."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise BadInput(f"no time zone {name!r}", where="--timezone", cure=_NO_ZONE) from None


def read_day(text: str, option: str) -> date:
    """A day as a person types it. Raises BadInput."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"no day: {text!r}", where=option, cure="write it as 2026-11-28") from None


def read_slot(text: str) -> datetime:
    """A slot as it stands in a run's parameters (RFC 3339). Raises BadInput."""
    try:
        slot = datetime.fromisoformat(text)
        if slot.tzinfo is None:
            raise ValueError("no offset")
    except ValueError:
        raise BadInput(
            f"no time: {text!r}", where="slot", cure="RFC 3339 with an offset, e.g. 2026-11-28T03:00:00+00:00"
        ) from None
    return slot


def check_path(path: str) -> str:
    """A data path whose placeholders can be filled. Raises ValueError with what is wrong with one."""
    for pattern in _PLACEHOLDER.findall(path):
        directives = re.findall("%(.?)", pattern)
        if not directives or not set(directives) <= _DIRECTIVES:
            allowed = " ".join(f"%{letter}" for letter in sorted(_DIRECTIVES))
            raise ValueError(f"the slot {pattern!r} is no date: write e.g. {{slot:%Y-%m-%d}}, with {allowed}")
    if "{slot" in _PLACEHOLDER.sub("", path):
        raise ValueError("a placeholder is not whole: write e.g. {slot:%Y-%m-%d}")
    return path


def fill_path(path: str, slot: datetime) -> str:
    """The path that a slot stands for."""
    return _PLACEHOLDER.sub(lambda found: slot.strftime(found[1]), path)


def fill_slot(pipeline: Pipeline, slot: datetime) -> Pipeline:
    """The pipeline with its data paths filled from the slot."""
    given = {name: str(getattr(pipeline.data, name, "")) for name in _PATHS}
    paths = {name: fill_path(path, slot) for name, path in given.items() if path}
    return pipeline.model_copy(update={"data": pipeline.data.model_copy(update=paths)}) if paths else pipeline


def has_placeholder(pipeline: Pipeline) -> bool:
    """Whether a data path is filled from the slot."""
    return any(_PLACEHOLDER.search(str(getattr(pipeline.data, name, ""))) for name in _PATHS)


def missing_path(pipeline: Pipeline, slot: datetime) -> str:
    """The first data path with a placeholder whose file is not there for a slot, as its pattern; '' where all are."""
    for name in _PATHS:
        pattern = str(getattr(pipeline.data, name, ""))
        if _PLACEHOLDER.search(pattern) and not Path(fill_path(pattern, slot)).exists():
            return pattern
    return ""
