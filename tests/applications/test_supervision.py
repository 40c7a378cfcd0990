from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from echosvc.testing import Faults, open_app
from tests.applications.helpers import MANIFESTS, screen_of


def rows(screen: str) -> dict[str, list[str]]:
    """The table's rows: name, PID, lives, last end."""
    cells = [line.strip("│").split("│") for line in screen.splitlines() if line.startswith("│")]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in cells}


async def test_each_worker_ends_and_comes_back_in_its_own_way(autojump_clock: MockClock) -> None:
    table = rows(await screen_of("supervision", "app:watch", "59"))
    assert table["steady"][1:] == ["1", ""]
    assert table["brief"] == ["-", "1", "all 5 done"]
    assert table["hopeless"] == ["-", "1", "this will never work"]
    assert int(table["moody"][1]) > 1
    assert table["moody"][2].startswith("bad mood after")
    # Six pieces of work are three seconds; this is the twentieth life.
    assert table["cook"][1:] == ["20", "burnt it"]
    assert table["waiter"][1] == "20"


async def test_a_worker_that_is_killed_is_back_with_another_pid(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_app(MANIFESTS / "supervision", "app:watch", args=["10"]) as app:
        with Faults(app.runtime) as faults:
            await trio.sleep(1)
            killed = faults.crash("steady", RuntimeError("killed"))
            await app.result()
    now, lives, last_end = rows(app.terminal.screen)["steady"]
    assert now.startswith("{app:processes|")
    assert now != killed
    assert (lives, last_end) == ("2", "killed")


async def test_a_cancel_ends_all_of_it_at_once(autojump_clock: MockClock) -> None:
    async with open_app(MANIFESTS / "supervision", "app:watch") as app:
        await trio.sleep(3)
        assert await app.stop() == 0
