from __future__ import annotations

import random
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from echosvc._channel import alarm
from echosvc._channel.alarm import set_alarm, unset_alarm
from echosvc._channel.seats import park
from echosvc.channel import Channel


class Bell:
    def __init__(self, log: list[Any], name: object) -> None:
        self.log = log
        self.name = name

    def _ring(self) -> None:
        self.log.append((self.name, trio.current_time()))


async def test_alarms_ring_in_the_order_of_their_times(autojump_clock: MockClock) -> None:
    log: list[Any] = []
    times = list(range(1, 200))
    random.Random(3).shuffle(times)
    for at in times:
        set_alarm(at, Bell(log, at))
    await trio.sleep(300)
    assert log == [(at, at) for at in range(1, 200)]


async def test_alarms_of_one_time_ring_in_the_order_of_setting(autojump_clock: MockClock) -> None:
    log: list[Any] = []
    for name in range(10):
        set_alarm(5, Bell(log, name))
    await trio.sleep(6)
    assert log == [(name, 5) for name in range(10)]


async def test_alarm_taken_back_does_not_ring(autojump_clock: MockClock) -> None:
    log: list[Any] = []
    numbers = [set_alarm(at, Bell(log, at)) for at in range(1, 200)]
    for number in numbers[::2]:
        unset_alarm(number)
    await trio.sleep(300)
    assert [at for at, _ in log] == list(range(2, 200, 2))


async def test_earlier_alarm_set_while_a_later_one_is_awaited(autojump_clock: MockClock) -> None:
    log: list[Any] = []
    set_alarm(10, Bell(log, "late"))
    await trio.sleep(1)
    set_alarm(5, Bell(log, "early"))
    await trio.sleep(20)
    assert log == [("early", 5), ("late", 10)]


async def test_alarm_in_the_past_rings_at_once(mock_clock: MockClock) -> None:
    mock_clock.jump(100)
    log: list[Any] = []
    set_alarm(50, Bell(log, "past"))
    await wait_all_tasks_blocked()
    assert log == [("past", 100)]


async def test_alarm_set_by_a_bell_rings_too(autojump_clock: MockClock) -> None:
    log: list[Any] = []

    class Chain(Bell):
        def _ring(self) -> None:
            super()._ring()
            if self.name != 0:
                set_alarm(trio.current_time() + 1, Chain(self.log, int(str(self.name)) - 1))

    set_alarm(1, Chain(log, 3))
    await trio.sleep(10)
    assert log == [(3, 1), (2, 2), (1, 3), (0, 4)]


def test_each_run_has_its_own_clock() -> None:
    async def main() -> object:
        set_alarm(1e9, Bell([], "never"))
        return alarm._clock.get()

    assert trio.run(main) is not trio.run(main)


def test_pending_alarms_do_not_keep_a_run_from_ending() -> None:
    async def main() -> None:
        set_alarm(trio.current_time() + 1e6, Bell([], "never"))
        await trio.lowlevel.checkpoint()

    trio.run(main)


async def test_park_returns_unclaimed_at_its_deadline(autojump_clock: MockClock) -> None:
    c = Channel[int]()
    waiter = await park((c,), trio.current_time() + 3)
    assert not waiter.claimed
    assert trio.current_time() == 3
    assert c.statistics().waiting_receivers == 0


async def test_park_claimed_before_its_deadline_takes_the_alarm_back(
    autojump_clock: MockClock,
) -> None:
    c = Channel[int]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(c.send, 1)
        waiter = await park((c,), trio.current_time() + 3)
    assert (waiter.claimed, waiter.value) == (True, 1)
    assert alarm._clock.get()._pending == 0


@pytest.mark.parametrize("first", ["partner", "clock"])
async def test_partner_and_deadline_in_one_tick(first: str, mock_clock: MockClock) -> None:
    c = Channel[int](1)
    got: list[bool] = []
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def waits() -> None:
            got.append((await park((c,), 1)).claimed)

        await wait_all_tasks_blocked()
        if first == "partner":
            c.send_nowait(1)
            mock_clock.jump(2)
        else:
            mock_clock.jump(2)
            await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()
            c.send_nowait(1)
    assert got == [first == "partner"]
    assert len(c) == (first == "clock")
