from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from echosvc.testing import Faults, open_app
from tests.applications.helpers import MANIFESTS, screen_of


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("│┃").split("│")]


async def test_the_environment_says_how_many_tick_and_how_often(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUM_WORKERS", "1500")
    monkeypatch.setenv("TICK_MIN", "700ms")
    monkeypatch.setenv("TICK_MAX", "700ms")
    screen = await screen_of("mass_spawn", "app:table", "3")
    rows = [cells(row) for row in screen.splitlines() if row.startswith("│")]
    # Three seconds hold four ticks of 700 ms, the last of them in their last half second.
    assert rows == [["1", "4000", "2000"], ["2", "2000", "1000"], ["1500 tickers", "6000", "3000"]]


@pytest.mark.parametrize("workers", [2000, pytest.param(10_000, marks=pytest.mark.slow)])
async def test_thousands_tick_and_end_together_without_a_word(
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    workers: int,
) -> None:
    monkeypatch.setenv("NUM_WORKERS", str(workers))
    async with open_app(MANIFESTS / "mass_spawn", "app:table") as app:
        await wait_all_tasks_blocked()
        assert len(app.runtime.list()) == workers + 2
        assert await app.stop() == 0
        assert app.runtime.list() == ()
    assert caplog.messages == []


async def test_a_ticker_that_fails_ends_all_and_all_come_back(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUM_WORKERS", "20")
    async with open_app(MANIFESTS / "mass_spawn") as app:
        await wait_all_tasks_blocked()
        before = set(app.runtime.list())
        assert len(before) == 21
        with Faults(app.runtime) as faults:
            faults.crash(max(before))
        await wait_all_tasks_blocked()
        assert app.runtime.list() == ()
        await trio.sleep(2)  # the service waits before it starts again
        after = set(app.runtime.list())
        assert len(after) == 21
        assert not after & before
