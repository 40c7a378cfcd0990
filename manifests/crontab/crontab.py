"""Runs each job at its time, in a process of its own, and never twice at once."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from echosvc import channel, errors, logger, process, time

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
FOREVER = timedelta(days=366 * 8)


@dataclass
class Job:
    times: "Times"
    entry: str
    args: tuple[str, ...]
    due: datetime


async def main(lines: list[list[str]]) -> None:
    events = process.events()
    # The calendar is asked once; from there on the clock of `time` counts, as for everybody else.
    began, zero = datetime.now(), time.now()
    jobs = [read(line, began) for line in lines]
    running: dict[process.Pid, Job] = {}

    while True:
        now = began + timedelta(seconds=time.now() - zero)
        for job in jobs:
            if job.due <= now:
                start(job, running)
                job.due = job.times.after(now)
        next_due = min(job.due for job in jobs)

        timeout = time.after((next_due - now).total_seconds())
        r = await channel.select(events, timeout)
        match r.value:
            case process.Event(kind=process.event.CANCEL):
                return
            case process.Event(kind=process.event.EXIT, sender=pid, result=result):
                job = running.pop(pid)
                if result.ok:
                    logger.info("done", job=job.entry, args=job.args, result=result.value)
                else:
                    logger.warn("failed", job=job.entry, args=job.args, error=result.error)


def start(job: Job, running: dict[process.Pid, Job]) -> None:
    if job in running.values():
        logger.warn("still running, not started again", job=job.entry, args=job.args)
        return
    running[process.spawn_monitored(job.entry, None, *job.args)] = job


def read(line: list[str], began: datetime) -> Job:
    schedule, entry, *args = line
    times = Times(schedule)
    return Job(times, entry, tuple(args), times.after(began))


class Times:
    """A line of a crontab: the moments that fit all of its fields."""

    def __init__(self, schedule: str) -> None:
        fields = schedule.lower().split()
        if len(fields) == 5:
            fields.insert(0, "0")
        if len(fields) != 6:
            raise errors.Invalid(f"{schedule!r} has {len(fields)} fields, not 5 or 6")
        second, minute, hour, day, month, weekday = fields
        self.schedule = schedule
        self.seconds = numbers(second, 0, 59)
        self.minutes = numbers(minute, 0, 59)
        self.hours = numbers(hour, 0, 23)
        self.days = numbers(day, 1, 31)
        self.months = numbers(month, 1, 12, MONTHS)
        self.weekdays = {number % 7 for number in numbers(weekday, 0, 7, DAYS)}
        # As cron has it: where both are given, either is enough.
        self.either = day != "*" and weekday != "*"

    def after(self, moment: datetime) -> datetime:
        """The first moment after this one that fits."""
        at = moment.replace(microsecond=0) + timedelta(seconds=1)
        while at < moment + FOREVER:
            if at.month not in self.months:
                at = (at.replace(day=1) + timedelta(days=31)).replace(day=1, hour=0)
                at = at.replace(minute=0, second=0)
            elif not self.fits_day(at):
                at = at.replace(hour=0, minute=0, second=0) + timedelta(days=1)
            elif at.hour not in self.hours:
                at = at.replace(minute=0, second=0) + timedelta(hours=1)
            elif at.minute not in self.minutes:
                at = at.replace(second=0) + timedelta(minutes=1)
            elif at.second not in self.seconds:
                at += timedelta(seconds=1)
            else:
                return at
        raise errors.Invalid(f"{self.schedule!r} never comes")

    def fits_day(self, at: datetime) -> bool:
        day, weekday = at.day in self.days, at.isoweekday() % 7 in self.weekdays
        return day or weekday if self.either else day and weekday


def numbers(field: str, least: int, most: int, names: tuple[str, ...] = ()) -> set[int]:
    """What a field like ``*/15`` or ``1-5,7`` or ``mon-fri`` stands for."""

    def number(word: str) -> int:
        value = names.index(word) + least if word in names else int(word)
        if not least <= value <= most:
            raise ValueError
        return value

    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        try:
            if span == "*":
                start, end = least, most
            else:
                start = number(first)
                end = number(last) if last else most if step else start
            found.update(range(start, end + 1, int(step or 1)))
        except ValueError:
            raise errors.Invalid(
                f"{part!r} in {field!r} is nothing from {least} to {most}"
            ) from None
    return found
