"""What is not used does not exist, and what lost a select leaves nothing behind."""

from __future__ import annotations

import gc
import math
import sys
import tracemalloc
import weakref
from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from echosvc import channel, time
from echosvc._channel import alarm
from echosvc._channel.core import NO_BUFFER
from echosvc._channel.waiting import LONG, NOBODY, Waiter
from echosvc.channel import Channel


class Value:
    """Something that can be weakly referenced."""


def bytes_each(make: Callable[[], object], count: int = 1000) -> float:
    make()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        kept = [make() for _ in range(count)]
        after, _ = tracemalloc.get_traced_memory()
        assert len(kept) == count
        return (after - before) / count
    finally:
        tracemalloc.stop()


async def test_an_idle_channel_is_less_than_128_bytes() -> None:
    assert bytes_each(lambda: Channel[int]) < 128
    assert bytes_each(Channel) < 128
    assert bytes_each(lambda: time.after(3600)) < 192


async def test_what_is_shared_by_idle_channels_cannot_be_written_to() -> None:
    with pytest.raises(TypeError, match="_own_buffer"):
        NO_BUFFER.append(1)
    with pytest.raises(TypeError, match="item assignment"):
        NOBODY[Waiter(())] = None
    assert (len(NO_BUFFER), len(NOBODY)) == (0, 0)


async def test_a_queue_of_many_waiters_keeps_their_order() -> None:
    c = Channel[int]()
    got: list[tuple[int, int]] = []

    async def receive(number: int) -> None:
        got.append((number, await c.receive()))

    async with trio.open_nursery() as nursery:
        for number in range(3 * LONG):
            nursery.start_soon(receive, number)
            await wait_all_tasks_blocked()
        for value in range(3 * LONG):
            c.send_nowait(value)
    assert sorted(got) == [(n, n) for n in range(3 * LONG)]


async def grows_by(loops: int, once: Callable[[], object]) -> int:
    """How many more objects there are after so many rounds than after a few."""

    def objects() -> int:
        gc.collect()
        return len(gc.get_objects()) + sys.getallocatedblocks()

    for _ in range(200):
        await once()  # type: ignore[misc]
    before = objects()
    for _ in range(loops):
        await once()  # type: ignore[misc]
    return objects() - before


async def test_selects_on_an_idle_channel_do_not_grow_it() -> None:
    idle, full, busy = Channel[int](), Channel[int](1), Channel[int](math.inf)
    full.send_nowait(0)

    async def polls() -> None:
        await channel.select(idle, full.case_send(1), default=True)

    async def loses() -> None:
        busy.send_nowait(1)
        await channel.select(idle, full.case_send(1), busy)

    assert await grows_by(100_000, polls) < 100
    assert await grows_by(20_000, loses) < 100


async def test_parked_selects_leave_nothing_behind(autojump_clock: object) -> None:
    idle, full, busy = Channel[int](), Channel[int](1), Channel[int]()
    full.send_nowait(0)
    t = time.after(1e9)

    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def feed() -> None:
            while True:
                await busy.send(1)

        async def parks() -> None:
            r = await channel.select(idle, full.case_send(1), t, time.after("2s"), busy)
            assert r.channel is busy

        assert await grows_by(5_000, parks) < 500  # the alarm clock keeps a few times in reserve
        for c in (idle, full, t):
            stats = c.statistics()
            assert (stats.waiting_receivers, stats.waiting_senders) == (0, 0)
        nursery.cancel_scope.cancel()


async def test_cancelled_selects_leave_nothing_behind(autojump_clock: object) -> None:
    idle = Channel[int]()

    async def gives_up() -> None:
        with trio.move_on_after(0.001):
            await channel.select(idle, time.after(5))

    assert await grows_by(3_000, gives_up) < 500
    assert idle.statistics().waiting_receivers == 0


async def test_races_leave_nothing_behind() -> None:
    idle = Channel[int]()
    out, foreign = trio.open_memory_channel[int](math.inf)

    async def races() -> None:
        await channel.select(idle, foreign, channel.case_call(trio.lowlevel.checkpoint))

    assert await grows_by(500, races) < 100
    assert out.statistics().tasks_waiting_receive == 0


async def test_alarms_taken_back_are_cleared_away(autojump_clock: object) -> None:
    idle = Channel[int]()
    for _ in range(1000):
        with trio.move_on_after(0.001):
            await channel.select(idle, time.after(3600))
    clock = alarm._clock.get()
    assert clock._pending == 0
    assert len(clock._entries) <= alarm.SPARE + 1


async def test_a_received_value_is_not_kept_alive() -> None:
    c = Channel[Value]()
    alive: list[weakref.ref[Value]] = []

    async def receive_some() -> None:
        for _ in range(3):
            r = await channel.select(c, time.after(60))
            alive.append(weakref.ref(r.value))  # type: ignore[arg-type]
            del r

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive_some)
        for _ in range(3):
            await wait_all_tasks_blocked()
            c.send_nowait(Value())
    gc.collect()
    assert [ref() for ref in alive] == [None] * 3


async def test_a_forgotten_timer_is_gone(mock_clock: MockClock) -> None:
    t = time.after(10)
    with trio.move_on_after(0):
        await t.receive()
    await trio.lowlevel.checkpoint()  # trio lets go of the Cancelled and its traceback
    forgotten = weakref.ref(t)
    del t
    gc.collect()
    assert forgotten() is None


async def test_a_foreign_channel_is_not_kept_alive_by_a_select() -> None:
    out, foreign = trio.open_memory_channel[int](1)
    await channel.select(foreign, default=True)
    forgotten = weakref.ref(foreign)
    foreign.close()
    out.close()
    del out, foreign
    gc.collect()
    assert forgotten() is None
