"""A test on a virtual clock that can't end fails, whatever keeps the clock busy."""

from __future__ import annotations

import itertools

import pytest
import trio
from trio.testing import MockClock

from echosvc._testing.guard import never_for_ever


async def tick() -> None:
    for _ in itertools.count():
        await trio.sleep(2)


async def test_who_waits_while_something_ticks_for_ever_fails(autojump_clock: MockClock) -> None:
    async def wait() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tick)
            await trio.sleep_forever()

    text = "the test has waited for 200 s, in which the clock jumped 100 times"
    with pytest.raises(AssertionError, match=text):
        await never_for_ever(wait, most_jumps=100)


async def test_who_does_something_between_the_ticks_may_go_on(autojump_clock: MockClock) -> None:
    async def work() -> str:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tick)
            for _ in range(10):
                await trio.sleep(150)
            nursery.cancel_scope.cancel()
        return "done"

    assert await never_for_ever(work, most_jumps=100) == "done"


async def test_its_own_failure_comes_through(autojump_clock: MockClock) -> None:
    async def fail() -> None:
        await trio.sleep(1)
        raise KeyError("as told")

    with pytest.raises(KeyError):
        await never_for_ever(fail)


async def test_on_the_real_clock_nothing_is_counted() -> None:
    async def work() -> str:
        for _ in range(10):
            await trio.sleep(0.0001)
        return "done"

    assert await never_for_ever(work, most_jumps=2) == "done"
