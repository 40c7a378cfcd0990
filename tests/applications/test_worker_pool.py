from __future__ import annotations

from trio.testing import MockClock, wait_all_tasks_blocked

from echosvc.testing import Faults, open_app
from tests.applications.helpers import MANIFESTS, screen_of


async def test_each_job_is_done_by_one_of_the_workers(autojump_clock: MockClock) -> None:
    jobs = ("1", "2", "12", "97", "1001")
    screen = await screen_of("worker_pool", "app:pool", *jobs, code=0)
    assert sorted(screen.splitlines()) == [
        "1 = 1",
        "1001 = 7 x 11 x 13",
        "12 = 2 x 2 x 3",
        "2 = 2",
        "97 = 97",
    ]


async def test_a_job_that_kills_its_worker_costs_only_itself(autojump_clock: MockClock) -> None:
    screen = await screen_of("worker_pool", "app:pool", "x", "y", "z", "8", code=1)
    assert "x: invalid literal for int() with base 10: 'x'\n" in screen
    assert screen.endswith("8 = 2 x 2 x 2\n")
    assert len(screen.splitlines()) == 4


async def test_a_worker_that_is_killed_at_work_is_replaced(autojump_clock: MockClock) -> None:
    async with open_app(MANIFESTS / "worker_pool", "app:pool", args=["4", "6", "8", "10"]) as app:
        await wait_all_tasks_blocked()
        with Faults(app.runtime) as faults:
            worker = next(pid for pid in app.runtime.list() if pid.host == "app:processes")
            faults.crash(worker)
        assert await app.result() == 1
    lines = app.terminal.lines
    assert lines[0] == f"4: a test let {worker} crash"
    assert sorted(lines[1:]) == ["10 = 2 x 5", "6 = 2 x 3", "8 = 2 x 2 x 2"]


async def test_a_cancel_ends_the_pool_at_once(autojump_clock: MockClock) -> None:
    async with open_app(MANIFESTS / "worker_pool", "app:pool") as app:
        await wait_all_tasks_blocked()
        assert await app.stop() == 0
