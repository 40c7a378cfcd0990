from __future__ import annotations

import math
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from echosvc import channel, errors, time
from echosvc.channel import Channel, Selected


async def select_into(log: list[Selected[Any]], *cases: channel.Case) -> None:
    log.append(await channel.select(*cases))


async def test_takes_what_is_ready() -> None:
    a, b = Channel[int](1), Channel[str](1)
    b.send_nowait("x")
    assert await channel.select(a, b) == Selected(b, "x", ok=True, default=False)
    assert len(b) == 0


async def test_first_ready_case_in_argument_order_wins() -> None:
    a, b = Channel[int](1), Channel[int](1)
    a.send_nowait(1)
    b.send_nowait(2)
    assert (await channel.select(b, a)).channel is b
    assert len(a) == 1


async def test_a_bare_channel_is_a_receive_case() -> None:
    c = Channel[int](math.inf)
    c.send_nowait(1)
    c.send_nowait(2)
    assert (await channel.select(c)).value == 1
    assert (await channel.select(c.case_receive())).value == 2


async def test_waits_for_the_first_of_several() -> None:
    a, b = Channel[int](), Channel[int]()
    log: list[Selected[Any]] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(select_into, log, a, b)
        await wait_all_tasks_blocked()
        b.send_nowait(1)
        with pytest.raises(trio.WouldBlock):
            a.send_nowait(2)  # the waiter has left it
    assert log == [Selected(b, 1, ok=True, default=False)]


async def test_sends_where_there_is_room() -> None:
    full, room = Channel[int](1), Channel[int](1)
    full.send_nowait(0)
    r = await channel.select(full.case_send(1), room.case_send(2))
    assert r == Selected(room, None, ok=True, default=False, sent=True)
    assert (len(full), room.receive_nowait()) == (1, 2)


async def test_a_parked_send_case_hands_over_its_value() -> None:
    a, b = Channel[int](), Channel[int]()
    log: list[Selected[Any]] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(select_into, log, a, b.case_send(7))
        await wait_all_tasks_blocked()
        assert b.receive_nowait() == 7
    assert log == [Selected(b, None, ok=True, default=False, sent=True)]
    assert a.statistics().waiting_receivers == 0


async def test_a_parked_send_case_refills_a_buffer() -> None:
    c = Channel[int](1)
    c.send_nowait(1)
    log: list[Selected[Any]] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(select_into, log, c.case_send(2))
        await wait_all_tasks_blocked()
        assert [c.receive_nowait(), c.receive_nowait()] == [1, 2]
    assert log[0].sent


async def test_default_never_waits() -> None:
    a, b = Channel[int](), Channel[int]()
    r: Selected[Any] = await channel.select(a, b.case_send(1), default=True)
    assert r == Selected(None, None, ok=False, default=True)
    assert (a.statistics().waiting_receivers, b.statistics().waiting_senders) == (0, 0)


async def test_default_alone_returns_at_once() -> None:
    assert (await channel.select(default=True)).default


async def test_default_yields_to_what_is_ready() -> None:
    c = Channel[int](1)
    c.send_nowait(1)
    assert (await channel.select(c, default=True)).value == 1


async def test_closed_channel_is_ready_and_beats_default() -> None:
    a, b = Channel[int](), Channel[int]()
    b.close()
    closed: Selected[Any] = Selected(b, None, ok=False, default=False)
    assert await channel.select(a, b) == closed
    assert await channel.select(a, b, default=True) == closed


async def test_send_case_on_a_closed_channel_is_not_ok() -> None:
    c = Channel[int](1)
    c.close()
    assert await channel.select(c.case_send(1)) == Selected(c, None, ok=False, default=False)


@pytest.mark.parametrize("sending", [False, True])
async def test_close_wakes_a_parked_select(sending: bool) -> None:
    a, b = Channel[int](), Channel[int]()
    log: list[Selected[Any]] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(select_into, log, a, b.case_send(1) if sending else b)
        await wait_all_tasks_blocked()
        b.close()
    assert log == [Selected(b, None, ok=False, default=False)]
    assert a.statistics().waiting_receivers == 0


async def test_same_channel_in_several_cases_takes_one_value() -> None:
    c = Channel[int](math.inf)
    log: list[Selected[Any]] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(select_into, log, c, c, c.case_receive())
        await wait_all_tasks_blocked()
        c.send_nowait(1)
        c.send_nowait(2)
    assert [r.value for r in log] == [1]
    assert c.receive_nowait() == 2


async def test_of_several_sends_to_one_channel_the_first_goes() -> None:
    c = Channel[int]()
    log: list[Selected[Any]] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(select_into, log, c.case_send(1), c.case_send(2))
        await wait_all_tasks_blocked()
        assert c.receive_nowait() == 1
        with pytest.raises(trio.WouldBlock):
            c.receive_nowait()


async def test_both_ends_of_a_channel_do_not_meet_themselves() -> None:
    c = Channel[int]()
    log: list[Selected[Any]] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(select_into, log, c, c.case_send(1))
        await wait_all_tasks_blocked()
        assert log == []
        assert c.receive_nowait() == 1
    assert log[0].sent
    assert c.statistics().waiting_receivers == 0


async def test_two_selects_on_both_ends_meet_each_other() -> None:
    c = Channel[str]()
    log: list[Selected[Any]] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(select_into, log, c, c.case_send("a"))
        nursery.start_soon(select_into, log, c, c.case_send("b"))
    assert sorted(r.sent for r in log) == [False, True]
    assert c.statistics() == Channel[str]().statistics()


async def test_closing_a_channel_wakes_who_waits_at_both_ends_once() -> None:
    c = Channel[int]()
    log: list[Selected[Any]] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(select_into, log, c.case_send(1), c)
        await wait_all_tasks_blocked()
        c.close()
    assert log == [Selected(c, None, ok=False, default=False)]


async def test_two_selects_facing_each_other_swap_one_value() -> None:
    a, b = Channel[int](), Channel[int]()
    log: list[Selected[Any]] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(select_into, log, a.case_send(1), b)
        nursery.start_soon(select_into, log, b.case_send(2), a)
    assert len(log) == 2
    assert {r.sent for r in log} == {True, False}
    assert log[0].channel is log[1].channel


async def test_a_select_and_a_plain_receive_share_one_queue() -> None:
    a, b = Channel[int](), Channel[int]()
    log: list[Any] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(select_into, log, a, b)
        await wait_all_tasks_blocked()

        @nursery.start_soon
        async def receive() -> None:
            log.append(await b.receive())

        await wait_all_tasks_blocked()
        b.send_nowait(1)
        b.send_nowait(2)
    assert {str(x) for x in log} == {str(Selected(b, 1, ok=True, default=False)), "2"}


@pytest.mark.parametrize(
    ("cases", "position"),
    [
        ((3,), 1),
        ((Channel[int](), None), 2),
        ((Channel[int](), Channel[int](), "x"), 3),
        ((Channel,), 1),
        ((time.after,), 1),
        ((Channel[int]().case_receive,), 1),
    ],
)
async def test_what_is_no_case_is_named_by_its_position(cases: Any, position: int) -> None:
    with pytest.raises(errors.Invalid, match=f"argument {position} is no case"):
        await channel.select(*cases)


async def test_a_timer_instead_of_its_channel_is_no_case(autojump_clock: object) -> None:
    with pytest.raises(errors.Invalid, match="argument 1 is no case"):
        await channel.select(time.timer(1))  # type: ignore[call-overload]  # that is the point


async def test_nothing_to_wait_for_is_invalid() -> None:
    with pytest.raises(errors.Invalid, match="no cases"):
        await channel.select()


async def test_nothing_is_taken_when_an_argument_is_no_case() -> None:
    c = Channel[int](1)
    c.send_nowait(1)
    with pytest.raises(errors.Invalid):
        await channel.select(c, 3)  # type: ignore[call-overload]  # that is the point
    assert len(c) == 1


async def test_a_hundred_selects_fight_over_ten_channels_and_nothing_is_lost() -> None:
    channels = [Channel[int](size) for size in (0, 0, 0, 0, 1, 1, 2, 3, 5, math.inf)]
    got: list[int] = []
    sent: list[int] = []
    async with trio.open_nursery() as nursery:
        for i in range(100):

            @nursery.start_soon
            async def consume(i: int = i) -> None:
                for step in range(10):
                    turn = (i + step) % 10
                    r = await channel.select(*channels[turn:], *channels[:turn])
                    got.append(r.value)

            @nursery.start_soon
            async def produce(i: int = i) -> None:
                for step in range(10):
                    value = 10 * i + step
                    turn = (3 * i + step) % 10
                    cases = [c.case_send(value) for c in (*channels[turn:], *channels[:turn])]
                    assert (await channel.select(*cases)).sent
                    sent.append(value)

    assert sorted(got) == sorted(sent) == list(range(1000))
    for c in channels:
        stats = c.statistics()
        assert (stats.buffered, stats.waiting_receivers, stats.waiting_senders) == (0, 0, 0)
