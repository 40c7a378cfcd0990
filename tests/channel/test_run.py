"""A receive that finds a value ready passes no scheduler, and yet nobody starves."""

from __future__ import annotations

import math
import time

import pytest
import trio
import trio.abc
from trio.testing import MockClock

from echosvc import channel
from echosvc._channel import run as runs
from echosvc._channel import seats
from echosvc._channel.run import BATCH, SLICE_OPERATIONS, SLICE_SECONDS
from echosvc._channel.seats import current_run
from echosvc.channel import Channel


@pytest.fixture(autouse=True)
def _slices_that_end_where_they_should(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seats, "make_run", runs.Run)


class Passes(trio.abc.Instrument):
    """Counts how often the current task was scheduled."""

    def __init__(self) -> None:
        self.task = trio.lowlevel.current_task()
        self.count = 0
        trio.lowlevel.add_instrument(self)

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.count += task is self.task


@pytest.mark.parametrize("way", ["receive", "send", "select", "default", "closed", "for"])
async def test_a_loop_that_never_waits_yields_every_4096_operations(
    way: str, mock_clock: MockClock
) -> None:
    """The clock stands still here, so it is their number that ends a slice."""
    c, ended = Channel[int](math.inf), Channel[int]()
    ended.close()
    passes = Passes()
    for i in range(10 * SLICE_OPERATIONS):
        if way == "receive":
            c.send_nowait(i)
            await c.receive()
        elif way == "send":
            await c.send(i)
        elif way == "select":
            c.send_nowait(i)
            await channel.select(Channel(), c)
        elif way == "default":
            await channel.select(c, default=True)
        elif way == "for":
            c.send_nowait(i)
            async for _ in c:
                break
        else:
            with pytest.raises(trio.EndOfChannel):
                await ended.receive()
    assert passes.count == 10


async def test_a_slice_is_a_millisecond_of_work(mock_clock: MockClock) -> None:
    c = Channel[int](math.inf)
    passes = Passes()
    for i in range(1000):
        mock_clock.jump(SLICE_SECONDS / 10)  # the work that comes with each value
        c.send_nowait(i)
        await c.receive()
    assert 90 <= passes.count <= 110


async def test_work_that_suddenly_gets_slow_overruns_by_one_batch_at_most(
    mock_clock: MockClock,
) -> None:
    c = Channel[int](math.inf)
    for i in range(500):
        c.send_nowait(i)
        await c.receive()
    passes = Passes()
    slow = 0
    while not passes.count:
        mock_clock.jump(2 * SLICE_SECONDS)
        c.send_nowait(slow)
        await c.receive()
        slow += 1
    assert slow <= BATCH
    passes.count = 0
    for _ in range(10):  # and from then on every single one lets the others run
        mock_clock.jump(2 * SLICE_SECONDS)
        c.send_nowait(slow)
        await c.receive()
    assert passes.count == 10


async def test_who_gave_way_has_a_whole_slice_when_he_is_back(mock_clock: MockClock) -> None:
    """However long the others took: a receiver among busy senders must not get one a pass."""
    c = Channel[int](math.inf)
    for i in range(400):
        c.send_nowait(i)
    passes = Passes()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def busy() -> None:
            while len(c):
                mock_clock.jump(10 * SLICE_SECONDS)
                await trio.lowlevel.checkpoint()

        while len(c):
            await c.receive()
            mock_clock.jump(SLICE_SECONDS / 100)
    assert passes.count <= 6


async def test_a_sleeping_task_and_a_deadline_get_through_a_busy_loop() -> None:
    c = Channel[int](math.inf)
    woken: list[int] = []
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def sleeper() -> None:
            await trio.sleep(0.005)
            woken.append(1)

        with trio.move_on_after(0.02) as scope:
            while True:
                c.send_nowait(1)
                await c.receive()
        assert scope.cancelled_caught
        assert woken == [1]


def test_the_slice_of_one_run_is_not_that_of_the_next() -> None:
    async def main() -> object:
        return current_run()

    assert trio.run(main) is not trio.run(main)


def test_under_a_mock_clock_real_time_does_not_end_a_slice() -> None:
    async def main(work: float) -> list[int]:
        c = Channel[int](math.inf)
        passes = Passes()
        yielded: list[int] = []
        for i in range(2 * SLICE_OPERATIONS):
            before = passes.count
            await c.send(i)
            if i < 10:
                time.sleep(work)  # noqa: ASYNC251 - it blocks on purpose
            if passes.count > before:
                yielded.append(i)
        return yielded

    quick = trio.run(main, 0, clock=MockClock())
    slow = trio.run(main, 2 * SLICE_SECONDS, clock=MockClock())
    assert quick == slow == [SLICE_OPERATIONS - 1, 2 * SLICE_OPERATIONS - 1]


async def test_the_number_of_operations_can_be_turned_down_for_a_test(
    mock_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "SLICE_OPERATIONS", 1)
    c = Channel[int](math.inf)
    passes = Passes()
    for i in range(10):
        await c.send(i)
    assert passes.count == 10
