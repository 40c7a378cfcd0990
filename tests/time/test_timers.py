from __future__ import annotations

import math
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from echosvc import channel, errors, time
from echosvc.channel import Channel


async def receive_into(log: list[Any], source: Channel[float], name: str) -> None:
    value = await source.receive()
    log.append((name, value, trio.current_time()))


async def test_after_yields_once_the_time_at_which_it_came_due(autojump_clock: MockClock) -> None:
    t = time.after("2s")
    assert len(t) == 0
    assert await t.receive() == 2
    assert trio.current_time() == 2
    with pytest.raises(trio.WouldBlock):
        t.receive_nowait()


async def test_after_that_nobody_waited_for_keeps_its_value(mock_clock: MockClock) -> None:
    t = time.after(2)
    mock_clock.jump(10)
    assert len(t) == 1
    assert t.receive_nowait() == 2


@pytest.mark.parametrize("duration", [0, -1, "-1h"])
async def test_after_nothing_is_ready_at_once(duration: Any, mock_clock: MockClock) -> None:
    assert (await channel.select(time.after(duration), default=True)).ok


async def test_after_for_ever_never_comes(autojump_clock: MockClock) -> None:
    r = await channel.select(time.after(math.inf), time.after("100h"))
    assert r.value == 360_000


async def test_select_with_a_timeout(autojump_clock: MockClock) -> None:
    c, timeout = Channel[int](), time.after("2s")
    r = await channel.select(c, timeout)
    assert r.channel is timeout
    assert trio.current_time() == 2


async def test_what_comes_before_the_timeout_wins(autojump_clock: MockClock) -> None:
    c, timeout = Channel[int](), time.after("2s")
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def send() -> None:
            await trio.sleep(1)
            await c.send(1)

        assert (await channel.select(c, timeout)).value == 1
    assert trio.current_time() == 1
    assert await timeout.receive() == 2


async def test_an_after_kept_in_a_loop_wins_once(autojump_clock: MockClock) -> None:
    c, timeout = Channel[int](), time.after(1)
    wins = 0
    with trio.move_on_after(100):
        while True:
            r = await channel.select(timeout, c)
            wins += 1
            assert r.channel is timeout
    assert wins == 1
    assert trio.current_time() == 100


async def test_the_earliest_of_many_timers_wins(autojump_clock: MockClock) -> None:
    timers = [time.after(100 - i) for i in range(100)]
    for expected in range(1, 101):
        assert (await channel.select(*timers)).value == expected
        assert trio.current_time() == expected


async def test_one_value_goes_to_one_of_several_tasks(autojump_clock: MockClock) -> None:
    t = time.after(5)
    log: list[Any] = []
    async with trio.open_nursery() as nursery:
        for name in "abc":
            nursery.start_soon(receive_into, log, t, name)
            await wait_all_tasks_blocked()
        await trio.sleep(50)
        assert log == [("a", 5, 5)]
        assert t.statistics().waiting_receivers == 2
        nursery.cancel_scope.cancel()


async def test_a_timer_serves_a_waiter_without_its_losing_other_places(
    autojump_clock: MockClock,
) -> None:
    """Two selects wait at a timer and a channel: who loses the timer is still first there."""
    t, c = time.after(5), Channel[str]()
    log: list[Any] = []

    async def wait(name: str, *cases: Channel[Any]) -> None:
        log.append((name, (await channel.select(*cases)).value))

    async with trio.open_nursery() as nursery:
        for name in "abc":
            nursery.start_soon(wait, name, *([c] if name == "c" else [t, c]))
            await wait_all_tasks_blocked()
        await trio.sleep(10)
        assert log == [("a", 5)]
        for value in ("to b", "to c"):
            c.send_nowait(value)
            await wait_all_tasks_blocked()
    assert log[1:] == [("b", "to b"), ("c", "to c")]


async def test_timer_reset_moves_it_while_somebody_waits(autojump_clock: MockClock) -> None:
    t = time.timer(5)
    log: list[Any] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive_into, log, t.channel, "later")
        await trio.sleep(3)
        assert t.reset(10)
        await trio.sleep(9)
        assert log == []
    assert log == [("later", 13, 13)]
    async with trio.open_nursery() as nursery:
        t.reset(100)
        nursery.start_soon(receive_into, log, t.channel, "sooner")
        await trio.sleep(1)
        t.reset("1s")
    assert log[1] == ("sooner", 15, 15)


async def test_timer_reset_to_the_past_wakes_who_waits(autojump_clock: MockClock) -> None:
    t = time.timer(5)
    log: list[Any] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive_into, log, t.channel, "now")
        await trio.sleep(1)
        t.reset(-1)
    assert log == [("now", 0, 1)]


async def test_timer_stop_before_it_is_due(autojump_clock: MockClock) -> None:
    t = time.timer(5)
    assert t.stop()
    assert not t.stop()
    await trio.sleep(10)
    assert len(t.channel) == 0


async def test_timer_stop_while_somebody_waits_leaves_him_waiting(
    autojump_clock: MockClock,
) -> None:
    t = time.timer(5)
    log: list[Any] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive_into, log, t.channel, "x")
        await trio.sleep(1)
        assert t.stop()
        await trio.sleep(100)
        assert log == []
        assert not t.reset(1)  # it was not pending
    assert log == [("x", 102, 102)]


async def test_after_stop_or_reset_no_stale_value_is_received(mock_clock: MockClock) -> None:
    t = time.timer(5)
    mock_clock.jump(7)
    assert t.stop()  # due, and yet nobody has received it
    assert len(t.channel) == 0
    t.reset(5)
    mock_clock.jump(6)
    assert t.reset(5)
    assert len(t.channel) == 0
    mock_clock.jump(5)
    assert t.channel.receive_nowait() == 18
    assert not t.stop()


async def test_ticker_keeps_its_phase(autojump_clock: MockClock) -> None:
    t = time.ticker("500ms")
    ticks = []
    for _ in range(4):
        ticks.append(await t.channel.receive())
        await trio.sleep(0.1)
    assert ticks == [0.5, 1.0, 1.5, 2.0]


async def test_ticker_drops_ticks_that_nobody_takes(autojump_clock: MockClock) -> None:
    t = time.ticker(1)
    await trio.sleep(4.5)
    assert len(t.channel) == 1
    assert t.channel.receive_nowait() == 1
    with pytest.raises(trio.WouldBlock):
        t.channel.receive_nowait()
    assert await t.channel.receive() == 5


async def test_ticks_go_to_several_tasks_in_turn(autojump_clock: MockClock) -> None:
    t = time.ticker(1)
    log: list[Any] = []
    async with trio.open_nursery() as nursery:
        for name in "abc":
            nursery.start_soon(receive_into, log, t.channel, name)
            await wait_all_tasks_blocked()
    assert log == [("a", 1, 1), ("b", 2, 2), ("c", 3, 3)]


async def test_ticker_stop_silences_and_close_ends_a_loop(autojump_clock: MockClock) -> None:
    t = time.ticker(1)
    ticks: list[float] = []
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def loop() -> None:
            async for tick in t.channel:
                ticks.append(tick)

        await trio.sleep(2.5)
        t.stop()
        await trio.sleep(10)
        assert ticks == [1, 2]
        t.channel.close()
    t.stop()
    with pytest.raises(trio.EndOfChannel):
        await t.channel.receive()


async def test_ticker_faster_than_the_clock_can_tell_moves_on(mock_clock: MockClock) -> None:
    mock_clock.jump(1e9)  # where a nanosecond is less than the next float
    t = time.ticker("1ns")
    mock_clock.jump(1)
    first = t.channel.receive_nowait()
    with pytest.raises(trio.WouldBlock):
        t.channel.receive_nowait()
    assert first >= 1e9


@pytest.mark.parametrize("period", [0, -1, "0s", math.inf, 1e-12, 5e-324, "soon", None])
async def test_ticker_needs_a_period(period: Any) -> None:
    with pytest.raises(errors.Invalid):
        time.ticker(period)


async def test_closed_timer_yields_nothing_and_cannot_be_reset(mock_clock: MockClock) -> None:
    t = time.timer(1)
    t.channel.close()
    mock_clock.jump(5)
    assert not (await channel.select(t.channel)).ok
    assert not t.stop()
    with pytest.raises(trio.ClosedResourceError):
        t.reset(1)
    assert not (await channel.select(t.channel, default=True)).ok


async def test_closing_wakes_who_waits_for_the_clock(autojump_clock: MockClock) -> None:
    t = time.after(1000)
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def wait() -> None:
            assert not (await channel.select(t, Channel[int]())).ok
            assert trio.current_time() == 1

        await trio.sleep(1)
        t.close()


async def test_nobody_but_the_clock_sends_to_a_timer() -> None:
    t = time.after(1)
    with pytest.raises(errors.Invalid, match="only the clock"):
        t.send_nowait(1)
    with pytest.raises(errors.Invalid, match="only the clock"):
        await t.send(1)
    with pytest.raises(errors.Invalid, match="only the clock"):
        await channel.select(t.case_send(1))


async def test_timers_need_no_task_each(autojump_clock: MockClock) -> None:
    timers = [time.after(i) for i in range(1, 1001)]
    before = trio.lowlevel.current_statistics().tasks_living
    assert (await channel.select(*timers)).value == 1
    async with trio.open_nursery() as nursery:
        for t in timers[1:100]:
            nursery.start_soon(t.receive)
        await wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().tasks_living <= before + 99 + 1


async def test_a_due_timer_and_a_ready_channel_in_argument_order(mock_clock: MockClock) -> None:
    c, t = Channel[int](1), time.after(1)
    c.send_nowait(7)
    mock_clock.jump(2)
    assert (await channel.select(c, t)).channel is c
    c.send_nowait(7)
    assert (await channel.select(t, c)).channel is t


@pytest.mark.parametrize("make", [time.after, time.timer, time.ticker])
async def test_what_is_no_duration_is_invalid(make: Any) -> None:
    with pytest.raises(errors.Invalid, match="not a duration: 'soon'"):
        make("soon")


async def test_on_the_real_clock() -> None:
    started = trio.current_time()
    t = time.ticker("2ms")
    for _ in range(3):
        await channel.select(t.channel, time.after(20))
    assert trio.current_time() >= started + 0.006
