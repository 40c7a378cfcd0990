from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from echosvc import errors
from echosvc._manifest import source
from echosvc._manifest.registry import Registry
from echosvc.testing import Faults, open_app
from tests.applications.helpers import MANIFESTS

EVERY_TWO_SECONDS = 'app:crontab-service:args=[[["*/2 * * * * *", "app:backup", "/x"]]]'


@pytest.fixture
def times() -> Any:
    """The class Times of the application's source."""
    main: Any = source.load(Registry.load(MANIFESTS / "crontab").get("app:crontab"))
    return main.__globals__["Times"]


def said(caplog: pytest.LogCaptureFixture, message: str) -> int:
    """How many times the crontab has logged this."""
    return [r.message for r in caplog.records if r.name.endswith("app.crontab")].count(message)


@pytest.mark.parametrize(
    ("schedule", "moment", "expected"),
    [
        ("* * * * *", "2026-03-01 12:00:00", "2026-03-01 12:01:00"),
        ("* * * * * *", "2026-03-01 12:00:00.5", "2026-03-01 12:00:01"),
        ("*/15 * * * *", "2026-03-01 12:46:01", "2026-03-01 13:00:00"),
        ("0 3 * * mon-fri", "2026-03-06 03:00:00", "2026-03-09 03:00:00"),
        ("30 9 1,15 * *", "2026-12-20 00:00:00", "2027-01-01 09:30:00"),
        ("0 0 29 feb *", "2026-03-01 12:00:00", "2028-02-29 00:00:00"),
        ("0 0 13 * fri", "2026-03-02 12:00:00", "2026-03-06 00:00:00"),  # either is enough
        ("0 0 * * 7", "2026-03-02 12:00:00", "2026-03-08 00:00:00"),  # Sunday has two numbers
        ("50/5 * * * * *", "2026-12-31 23:59:56", "2027-01-01 00:00:50"),
    ],
)
def test_the_next_time_is_the_first_that_fits(
    times: Any, schedule: str, moment: str, expected: str
) -> None:
    assert times(schedule).after(datetime.fromisoformat(moment)) == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    "schedule", ["* * * *", "60 * * * *", "x * * * *", "* * 0 * *", "*/0 * * * *"]
)
def test_a_line_that_means_nothing_is_refused(times: Any, schedule: str) -> None:
    with pytest.raises(errors.Invalid):
        times(schedule)


def test_a_day_that_never_comes_is_refused(times: Any) -> None:
    with pytest.raises(errors.Invalid, match="never comes"):
        times("0 0 31 feb *").after(datetime(2026, 1, 1))


async def test_jobs_run_at_their_time_and_never_twice_at_once(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def slow(folder: str) -> str:
        await trio.sleep(5)
        return folder

    caplog.set_level(logging.INFO, "echosvc.app")
    async with open_app(MANIFESTS / "crontab", overrides=[EVERY_TWO_SECONDS]) as app:
        with Faults(app.runtime) as faults:
            faults.replace("app:backup", slow)
            await trio.sleep(20)
    # Due ten times in twenty seconds; one start in three finds the one before at an end.
    assert said(caplog, "done") == 3
    assert said(caplog, "still running, not started again") == 6


async def test_a_job_that_fails_is_told_of_and_runs_again(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "echosvc.app")
    async with open_app(MANIFESTS / "crontab", overrides=[EVERY_TWO_SECONDS]) as app:
        with Faults(app.runtime) as faults:
            faults.crash_starts("app:backup", times=4)
            await trio.sleep(8)
        assert await app.stop() == 0
    assert said(caplog, "failed") == 4
