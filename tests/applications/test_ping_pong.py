from __future__ import annotations

from collections.abc import Callable

import pytest
from trio.testing import MockClock, wait_all_tasks_blocked

from echosvc.testing import Faults, open_app, puppet
from tests.applications.helpers import MANIFESTS, screen_of


async def test_ping_and_pong_play_their_rounds(autojump_clock: MockClock) -> None:
    pong = "{app:processes|0x00002}"
    assert await screen_of("ping_pong", "app:ping", "3", code=0) == (
        f"pong from {pong}, 2 to go\npong from {pong}, 1 to go\npong ended: answered 3 times\n"
    )


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (lambda faults: faults.crash_starts("app:pong"), "pong ended: a test let app:pong crash"),
        (lambda faults: faults.delay("pong", "3s"), "pong has fallen asleep"),
    ],
)
async def test_ping_is_told_of_a_pong_that_fails_or_is_slow(
    autojump_clock: MockClock, fault: Callable[[Faults], None], said: str
) -> None:
    async with open_app(MANIFESTS / "ping_pong") as app:
        with Faults(app.runtime) as faults:
            fault(faults)
            await app.runtime.start("app:terminal")
            assert await app.runtime.run("app:ping", "app:terminal") == 1
    assert said in app.terminal.screen


async def test_a_cancel_ends_the_game_at_once(autojump_clock: MockClock) -> None:
    async with open_app(MANIFESTS / "ping_pong") as app:
        with Faults(app.runtime) as faults:
            faults.replace("app:pong", puppet)
            faults.drop("ping")
            pid = app.runtime.spawn("app:ping", "app:terminal")
            await wait_all_tasks_blocked()
            assert pid in app.runtime.list()
            assert await app.stop() == 0


async def test_a_long_game_is_stopped_without_a_word(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_app(MANIFESTS / "ping_pong", "app:ping", args=["1000000"]) as app:
        await app.terminal.wait_for("999900 to go")
        assert await app.stop() == 0
        assert await app.result() == 0
    assert caplog.messages == []
