from __future__ import annotations

import math
from typing import Any

import pytest
import trio
import trio.abc
from trio.testing import wait_all_tasks_blocked

from echosvc import channel, errors
from echosvc.channel import Channel


async def receive_into(log: list[Any], source: Channel[Any], name: object = None) -> None:
    try:
        value = await source.receive()
    except trio.EndOfChannel:
        value = "end"
    log.append(value if name is None else (name, value))


async def test_unbuffered_send_waits_for_its_receiver() -> None:
    c = Channel[int]()
    log: list[Any] = []
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def send() -> None:
            await c.send(1)
            log.append("sent")

        await wait_all_tasks_blocked()
        assert log == []
        assert c.statistics().waiting_senders == 1
        assert len(c) == 0
        assert await c.receive() == 1
    assert log == ["sent"]


async def test_unbuffered_send_nowait_needs_a_waiting_receiver() -> None:
    c = Channel[int]()
    with pytest.raises(trio.WouldBlock):
        c.send_nowait(1)
    log: list[Any] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive_into, log, c)
        await wait_all_tasks_blocked()
        c.send_nowait(2)
    assert log == [2]


async def test_buffer_holds_size_values_and_then_blocks() -> None:
    c = Channel[int](2)
    c.send_nowait(1)
    await c.send(2)
    with pytest.raises(trio.WouldBlock):
        c.send_nowait(3)
    assert len(c) == 2
    assert [c.receive_nowait(), await c.receive()] == [1, 2]
    with pytest.raises(trio.WouldBlock):
        c.receive_nowait()


async def test_infinite_channel_never_blocks_a_sender() -> None:
    c = Channel[int](math.inf)
    for i in range(10_000):
        c.send_nowait(i)
    assert [c.receive_nowait() for _ in range(10_000)] == list(range(10_000))


async def test_none_and_false_values_travel() -> None:
    c = channel.new(math.inf)
    values: list[Any] = [None, False, 0, "", (), [], trio.EndOfChannel(), trio.EndOfChannel]
    for value in values:
        c.send_nowait(value)
    assert [await c.receive() for _ in values] == values


async def test_receivers_are_served_in_the_order_in_which_they_came() -> None:
    c = Channel[int]()
    log: list[Any] = []
    async with trio.open_nursery() as nursery:
        for name in "abc":
            nursery.start_soon(receive_into, log, c, name)
            await wait_all_tasks_blocked()
        for value in (1, 2, 3):
            c.send_nowait(value)
    assert sorted(log) == [("a", 1), ("b", 2), ("c", 3)]


async def test_blocked_senders_refill_the_buffer_in_their_order() -> None:
    c = Channel[int](1)
    async with trio.open_nursery() as nursery:
        for value in range(5):
            nursery.start_soon(c.send, value)
            await wait_all_tasks_blocked()
        assert c.statistics() == channel.ChannelStatistics(
            size=1, buffered=1, waiting_receivers=0, waiting_senders=4, closed=False
        )
        assert [c.receive_nowait() for _ in range(5)] == [0, 1, 2, 3, 4]


async def test_a_cancelled_waiter_gives_up_its_place() -> None:
    c = Channel[int]()
    log: list[Any] = []
    scope = trio.CancelScope()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def impatient() -> None:
            with scope:
                await receive_into(log, c, "impatient")

        await wait_all_tasks_blocked()
        nursery.start_soon(receive_into, log, c, "patient")
        await wait_all_tasks_blocked()
        scope.cancel()
        c.send_nowait(1)
    assert log == [("patient", 1)]


async def test_closed_channel_loses_nothing_that_is_buffered() -> None:
    c = Channel[int](3)
    for value in (1, 2, 3):
        c.send_nowait(value)
    c.close()
    assert [await c.receive(), c.receive_nowait(), await c.receive()] == [1, 2, 3]
    for _ in range(2):
        with pytest.raises(trio.EndOfChannel):
            await c.receive()
        with pytest.raises(trio.EndOfChannel):
            c.receive_nowait()


async def test_close_wakes_receivers_with_the_end() -> None:
    c = Channel[int]()
    log: list[Any] = []
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(receive_into, log, c)
        await wait_all_tasks_blocked()
        c.close()
    assert log == ["end"] * 3


async def test_close_fails_blocked_senders_whose_values_nobody_gets() -> None:
    c = Channel[int](1)
    c.send_nowait(0)
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def send() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await c.send(1)

        await wait_all_tasks_blocked()
        c.close()
    assert await c.receive() == 0
    with pytest.raises(trio.EndOfChannel):
        await c.receive()


async def test_closing_twice_does_nothing() -> None:
    c = Channel[int]()
    c.close()
    c.close()
    await c.aclose()
    assert c.statistics().closed


async def test_sending_to_a_closed_channel_raises() -> None:
    c = Channel[int](1)
    c.close()
    with pytest.raises(trio.ClosedResourceError):
        c.send_nowait(1)
    with pytest.raises(trio.ClosedResourceError):
        await c.send(1)


async def test_async_for_ends_when_closed_and_drained() -> None:
    c = Channel[int](math.inf)
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def produce() -> None:
            async with c:
                for value in range(5):
                    await c.send(value)

        assert [value async for value in c] == [0, 1, 2, 3, 4]


async def test_passes_for_both_of_trios_abstract_channels() -> None:
    async def produce(out: trio.abc.SendChannel[int]) -> None:
        async with out:
            await out.send(1)

    async def consume(source: trio.abc.ReceiveChannel[int]) -> list[int]:
        return [value async for value in source]

    c = Channel[int]()
    assert isinstance(c, trio.abc.SendChannel)
    assert isinstance(c, trio.abc.ReceiveChannel)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(produce, c)
        assert await consume(c) == [1]


async def test_cancelled_aclose_still_closes() -> None:
    c = Channel[int]()
    with trio.CancelScope() as scope:
        scope.cancel()
        await c.aclose()
    assert scope.cancelled_caught
    assert c.statistics().closed


@pytest.mark.parametrize("size", [-1, -math.inf, 1.5, math.nan, "3", None, True])
def test_a_size_that_is_none_is_invalid(size: Any) -> None:
    with pytest.raises(errors.Invalid, match="a channel's size"):
        Channel(size)


def test_an_empty_channel_is_true_and_shows_its_state() -> None:
    c = Channel[int](3)
    assert c
    assert repr(c).startswith("<Channel 0/3 at 0x")
    c.close()
    assert repr(c).startswith("<Channel 0/3 closed at 0x")


def test_public_names_say_where_they_are_imported_from() -> None:
    for name in channel.__all__:
        thing = getattr(channel, name)
        if name != "Case":  # a union, which has no module
            assert thing.__module__ == "echosvc.channel", name


async def test_a_channel_made_outside_serves_several_runs() -> None:
    c = Channel[int](1)

    async def use() -> int:
        await c.send(1)
        return await c.receive()

    for _ in range(2):
        assert await trio.to_thread.run_sync(trio.run, use) == 1
