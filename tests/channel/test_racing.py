from __future__ import annotations

import logging
from typing import Any

import pytest
import trio
import trio.abc
from trio.testing import wait_all_tasks_blocked

from echosvc import channel, errors
from echosvc.channel import Channel, Selected, case_call


class Slow(trio.abc.ReceiveChannel[int]):
    """A receive channel that is neither ours nor trio's."""

    def __init__(self, *values: int, delay: float = 0) -> None:
        self.values = list(values)
        self.delay = delay
        self.cancelled = 0

    async def receive(self) -> int:
        try:
            await trio.sleep(self.delay)
        except trio.Cancelled:
            self.cancelled += 1
            raise
        if not self.values:
            raise trio.EndOfChannel
        return self.values.pop(0)

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def returns(value: Any, after: float = 0) -> Any:
    await trio.sleep(after)
    return value


async def fails(exc: BaseException, after: float = 0) -> Any:
    await trio.sleep(after)
    raise exc


async def test_ready_memory_channel_is_taken() -> None:
    out, source = trio.open_memory_channel[int](1)
    out.send_nowait(1)
    assert await channel.select(Channel[int](), source) == Selected(source, 1, True, False)


async def test_waits_for_a_memory_channel() -> None:
    out, source = trio.open_memory_channel[int](0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(out.send, 1)
        assert (await channel.select(source, Channel[int]())).value == 1


async def test_closed_memory_channel_is_ready() -> None:
    out, source = trio.open_memory_channel[int](0)
    out.close()
    expected: Selected[Any] = Selected(source, None, ok=False, default=False)
    assert await channel.select(source) == expected
    assert await channel.select(source, default=True) == expected


async def test_memory_channel_closes_while_waited_for() -> None:
    out, source = trio.open_memory_channel[int](0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(out.aclose)
        assert not (await channel.select(source, Channel[int]())).ok


async def test_native_case_wins_against_a_foreign_one(autojump_clock: object) -> None:
    ours, foreign = Channel[int](), Slow(1, delay=10)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ours.send, 2)
        assert (await channel.select(foreign, ours)).value == 2
    assert foreign.cancelled == 1
    assert foreign.values == [1]


async def test_native_send_case_in_a_race(autojump_clock: object) -> None:
    ours = Channel[int]()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def receive() -> None:
            assert await ours.receive() == 3

        r = await channel.select(Slow(1, delay=10), ours.case_send(3))
    assert (r.channel, r.sent) == (ours, True)


async def test_argument_order_decides_among_what_is_ready() -> None:
    out, source = trio.open_memory_channel[int](1)
    ours = Channel[int](1)
    out.send_nowait(1)
    ours.send_nowait(2)
    assert (await channel.select(source, ours)).channel is source
    out.send_nowait(1)
    assert (await channel.select(ours, source)).channel is ours


async def test_default_does_not_start_what_needs_a_task() -> None:
    called: list[int] = []

    async def call() -> None:
        called.append(1)

    r = await channel.select(case_call(call), Slow(1), default=True)
    assert r.default
    assert called == []


async def test_call_case_gives_the_result(autojump_clock: object) -> None:
    case = case_call(returns, "x", 3)
    r = await channel.select(Channel[int](), case)
    assert r == Selected(case, "x", ok=True, default=False)
    assert trio.current_time() == 3


async def test_losing_call_is_cancelled(autojump_clock: object) -> None:
    ended: list[str] = []

    async def call() -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append("cancelled")

    assert (await channel.select(case_call(call), case_call(returns, 1, 2))).value == 1
    assert ended == ["cancelled"]


@pytest.mark.parametrize(
    "error", [ValueError("x"), KeyError(), ExceptionGroup("g", [ValueError()]), SystemExit(3)]
)
async def test_exception_of_an_arm_comes_out_as_it_is(
    error: BaseException, autojump_clock: object
) -> None:
    with pytest.raises(type(error)) as caught:
        await channel.select(Channel[int](), Slow(1, delay=9), case_call(fails, error, 1))
    assert caught.value is error


async def test_exception_of_a_foreign_channel_comes_out_as_it_is() -> None:
    _, source = trio.open_memory_channel[int](0)
    source.close()
    with pytest.raises(trio.ClosedResourceError):
        await channel.select(Channel[int](), source)


async def test_two_foreign_arms_in_one_tick_lose_no_value(autojump_clock: object) -> None:
    a, b = Slow(1, delay=5), Slow(2, delay=5)
    first = await channel.select(a, b)
    second = await channel.select(a, b)
    assert {(first.channel, first.value), (second.channel, second.value)} == {(a, 1), (b, 2)}
    assert trio.current_time() == 5  # what was kept is ready


async def test_two_memory_channels_in_one_tick_lose_no_value() -> None:
    pairs = [trio.open_memory_channel[int](0) for _ in range(3)]
    sources = [source for _, source in pairs]
    got: list[int] = []
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def consume() -> None:
            for _ in range(3):
                got.append((await channel.select(*sources)).value)

        await wait_all_tasks_blocked()
        for value, (out, _) in enumerate(pairs):
            out.send_nowait(value)
    assert sorted(got) == [0, 1, 2]


async def test_foreign_and_native_in_one_tick_lose_no_value() -> None:
    out, source = trio.open_memory_channel[int](0)
    ours = Channel[int]()
    got: list[int] = []
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def consume() -> None:
            for _ in range(2):
                got.append((await channel.select(source, ours)).value)

        await wait_all_tasks_blocked()
        ours.send_nowait(1)
        out.send_nowait(2)
    assert sorted(got) == [1, 2]


async def test_kept_value_is_ready_for_a_select_with_default(autojump_clock: object) -> None:
    a, b = Slow(1, delay=5), Slow(2, delay=5)
    first = await channel.select(a, b)
    other = b if first.channel is a else a
    assert (await channel.select(other, default=True)).ok
    assert (await channel.select(other, default=True)).default


async def test_kept_value_wakes_a_select_that_is_waiting_already() -> None:
    out, source = trio.open_memory_channel[int](0)
    ours = Channel[int]()
    got: list[int | None] = []
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def takes_one_of_two() -> None:
            got.append((await channel.select(source, ours)).value)

        await wait_all_tasks_blocked()

        @nursery.start_soon
        async def waits() -> None:
            got.append((await channel.select(source, case_call(trio.sleep_forever))).value)

        await wait_all_tasks_blocked()
        ours.send_nowait(1)
        out.send_nowait(2)  # to the arm of the first, which has lost
    assert set(got) == {1, 2}


async def test_result_of_a_losing_call_waits_in_its_case(autojump_clock: object) -> None:
    cases = [case_call(returns, 1, 5), case_call(returns, 2, 5)]
    first = await channel.select(*cases)
    second = await channel.select(*(case for case in cases if case is not first.channel))
    assert {first.value, second.value} == {1, 2}
    assert trio.current_time() == 5


async def test_cancelled_in_the_tick_of_an_arms_value_loses_nothing() -> None:
    out, source = trio.open_memory_channel[int](0)
    ours = Channel[int]()
    got: list[int | None] = []
    scope = trio.CancelScope()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def consume() -> None:
            with scope:
                got.append((await channel.select(source, ours)).value)

        await wait_all_tasks_blocked()
        out.send_nowait(1)  # the arm has it, and the select hasn't
        scope.cancel()
    if not got:
        got.append((await channel.select(source, default=True)).value)
    assert got == [1]


async def test_a_taken_result_comes_back_although_cancelled_meanwhile() -> None:
    ours = Channel[int]()
    got: list[int | None] = []
    scope = trio.CancelScope()

    async def stubborn() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                scope.cancel()  # from outside, while the losers are being cleared away
                await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def consume() -> None:
            with scope:
                got.append((await channel.select(case_call(stubborn), ours)).value)
                await trio.lowlevel.checkpoint()
            assert scope.cancelled_caught

        await wait_all_tasks_blocked()
        ours.send_nowait(1)
    assert got == [1]


async def test_outer_cancellation_ends_every_arm(autojump_clock: object) -> None:
    foreign, ours = Slow(1, delay=10), Channel[int]()
    with trio.move_on_after(1) as scope:
        await channel.select(foreign, ours, case_call(trio.sleep_forever))
    assert scope.cancelled_caught
    assert foreign.cancelled == 1
    assert ours.statistics().waiting_receivers == 0


async def test_error_of_a_loser_is_logged_and_waits_in_its_case(
    autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails_when_cancelled() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("on the way out")

    case = case_call(fails_when_cancelled)
    with caplog.at_level(logging.ERROR, "echosvc.channel"):
        assert (await channel.select(case, case_call(returns, 1, 1))).value == 1
    assert "fails_when_cancelled" in caplog.text
    assert "on the way out" in caplog.text
    with pytest.raises(ValueError, match="on the way out"):
        await channel.select(case)


async def test_error_beside_a_losers_cancellation_does_not_cost_the_winner(
    autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails_in_a_nursery_when_cancelled() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            try:
                await trio.sleep_forever()
            finally:
                raise ValueError("on the way out")

    ours = Channel[int]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ours.send, 1)
        r = await channel.select(case_call(fails_in_a_nursery_when_cancelled), ours)
    assert r.value == 1
    assert "on the way out" in caplog.text


async def test_keyboard_interrupt_in_an_arm_comes_out_bare() -> None:
    with pytest.raises(KeyboardInterrupt):
        await channel.select(Channel[int](), case_call(fails, KeyboardInterrupt()))


async def test_a_foreign_channel_that_cannot_be_remembered_is_invalid() -> None:
    class Unhashable(Slow):
        __hash__ = None  # type: ignore[assignment]  # that is the point

    with pytest.raises(errors.Invalid, match="hashable"):
        await channel.select(Unhashable(1))


async def test_race_with_a_hundred_values_of_each_kind_loses_none() -> None:
    out, source = trio.open_memory_channel[int](5)
    ours = Channel[int](5)
    got: list[int] = []
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def produce_there() -> None:
            for i in range(100):
                await out.send(i)

        @nursery.start_soon
        async def produce_here() -> None:
            for i in range(100, 200):
                await ours.send(i)

        for _ in range(4):

            @nursery.start_soon
            async def consume() -> None:
                for _ in range(50):
                    got.append((await channel.select(source, ours)).value)

    assert sorted(got) == list(range(200))
