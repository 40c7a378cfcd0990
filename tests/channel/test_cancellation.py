"""What cancellation and Ctrl-C do: each operation takes effect wholly or not at all."""

from __future__ import annotations

import math
import signal
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

from echosvc import channel, time
from echosvc._channel import core
from echosvc._channel import run as runs
from echosvc._channel.waiting import Waiter
from echosvc.channel import Channel
from tests.sweep import sweep

Operation = Callable[[Channel[Any]], Awaitable[Any]]


async def receive(c: Channel[Any]) -> None:
    await c.receive()


async def send(c: Channel[Any]) -> None:
    await c.send(2)


async def iterate(c: Channel[Any]) -> None:
    async for _ in c:
        break


async def select_receive(c: Channel[Any]) -> None:
    await channel.select(Channel(), c)


async def select_send(c: Channel[Any]) -> None:
    await channel.select(Channel(), c.case_send(2))


async def select_default(c: Channel[Any]) -> None:
    await channel.select(Channel(), default=True)


async def select_timeout(c: Channel[Any]) -> None:
    await channel.select(Channel(), c, time.after(60))


async def select_call(c: Channel[Any]) -> None:
    await channel.select(channel.case_call(trio.sleep_forever), c)


async def sleep(c: Channel[Any]) -> None:
    await time.sleep(0)


async def aclose(c: Channel[Any]) -> None:
    await c.aclose()


OPERATIONS: list[Operation] = [
    receive,
    send,
    iterate,
    select_receive,
    select_send,
    select_default,
    select_timeout,
    select_call,
    sleep,
    aclose,
]


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_cancelled_before_it_begins_nothing_happens(
    operation: Operation, autojump_clock: object
) -> None:
    c = Channel[int](2)  # ready at both ends
    c.send_nowait(1)
    with trio.CancelScope() as scope:
        scope.cancel()
        await operation(c)
    assert scope.cancelled_caught
    assert len(c) == 1
    assert c.receive_nowait() == 1


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_always_a_checkpoint_when_the_slice_is_used_up(
    operation: Operation, autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "SLICE_OPERATIONS", 1)
    c = Channel[int](2)
    c.send_nowait(1)
    with assert_checkpoints():
        await operation(c)


@pytest.mark.parametrize("operation", [receive, send, select_receive, select_send, select_call])
async def test_waiting_is_a_checkpoint(operation: Operation) -> None:
    c = Channel[int]()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def waits() -> None:
            with assert_checkpoints():
                await operation(c)

        await wait_all_tasks_blocked()
        if c.statistics().waiting_receivers:
            c.send_nowait(1)
        else:
            c.receive_nowait()


async def wait_and_cancel_in_the_tick(
    operation: Operation, partner: Callable[[Channel[Any]], object], partner_first: bool
) -> bool:
    """Let a partner and a cancellation come in the same tick; tell whether it was cancelled."""
    c = Channel[int]()
    scope = trio.CancelScope()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def waits() -> None:
            with scope:
                await operation(c)

        await wait_all_tasks_blocked()
        if partner_first:
            partner(c)
            scope.cancel()
        else:
            scope.cancel()
            with pytest.raises(trio.WouldBlock):
                partner(c)
    stats = c.statistics()
    assert (stats.waiting_receivers, stats.waiting_senders) == (0, 0)
    return scope.cancelled_caught


@pytest.mark.parametrize("partner_first", [True, False])
@pytest.mark.parametrize("operation", [receive, select_receive, iterate])
async def test_receiver_cancelled_in_the_tick_of_its_sender(
    operation: Operation, partner_first: bool
) -> None:
    cancelled = await wait_and_cancel_in_the_tick(
        operation, lambda c: c.send_nowait(1), partner_first
    )
    assert cancelled is not partner_first


@pytest.mark.parametrize("partner_first", [True, False])
@pytest.mark.parametrize("operation", [send, select_send])
async def test_sender_cancelled_in_the_tick_of_its_receiver(
    operation: Operation, partner_first: bool
) -> None:
    cancelled = await wait_and_cancel_in_the_tick(
        operation, lambda c: c.receive_nowait(), partner_first
    )
    assert cancelled is not partner_first


async def test_timer_and_cancellation_at_the_same_instant_lose_nothing(
    autojump_clock: object,
) -> None:
    t = time.after(1)
    with trio.move_on_after(1) as scope:
        await channel.select(Channel(), t)
    assert scope.cancelled_caught is bool(len(t))
    assert t.statistics().waiting_receivers == 0


async def test_a_park_that_is_torn_leaves_no_half() -> None:
    protected: list[bool] = []

    class Watched(Channel[Any]):
        def _park(self, waiter: Waiter) -> None:
            protected.append(trio.lowlevel.currently_ki_protected())
            super()._park(waiter)

        def _unpark(self, waiter: Waiter) -> None:
            protected.append(trio.lowlevel.currently_ki_protected())
            super()._unpark(waiter)

        def _take(self) -> tuple[Any, bool]:
            protected.append(trio.lowlevel.currently_ki_protected())
            return super()._take()

    c = Watched()
    assert not trio.lowlevel.currently_ki_protected()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive, c)
        nursery.start_soon(select_receive, c)
        nursery.start_soon(select_call, c)
        await wait_all_tasks_blocked()
        for _ in range(3):
            c.send_nowait(1)
        await wait_all_tasks_blocked()
        nursery.start_soon(c.send, 1)
        await wait_all_tasks_blocked()
        c.receive_nowait()
        nursery.start_soon(select_receive, c)
        await wait_all_tasks_blocked()
        c.close()
    assert len(protected) >= 8
    assert all(protected)


class Pressed(deque[int]):
    """A buffer in which the first value is taken just when somebody presses Ctrl-C."""

    pressed = False

    def popleft(self) -> int:
        if not self.pressed:
            self.pressed = True
            signal.raise_signal(signal.SIGINT)
        return super().popleft()


async def receive_for_ever() -> None:
    c = Channel[int](math.inf)
    c._buffer = Pressed()
    while True:
        c.send_nowait(1)
        await c.receive()


def test_ctrl_c_gets_out_of_a_loop_of_receives_in_another_task() -> None:
    """The signal comes where Python may not be interrupted, so it must be the slice that ends."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive_for_ever)
            await trio.sleep_forever()

    with pytest.RaisesGroup(KeyboardInterrupt):
        trio.run(main)


def test_ctrl_c_gets_out_of_a_loop_of_receives_in_the_main_task() -> None:
    with pytest.raises(KeyboardInterrupt):
        trio.run(receive_for_ever)


async def test_a_trio_without_what_receive_looks_at_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(core, "current_task", object)
    c = Channel[int](math.inf)
    c.send_nowait(1)
    with trio.CancelScope() as scope:
        scope.cancel()
        await c.receive()
    assert scope.cancelled_caught
    assert await c.receive() == 1


@pytest.fixture
def every_operation_passes_the_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "SLICE_OPERATIONS", 1)


@pytest.mark.parametrize("size", [0, 1, 3, math.inf])
def test_sweep_of_a_pipeline(size: float, every_operation_passes_the_scheduler: None) -> None:
    numbers: Channel[int]
    squares: Channel[int]
    sent: list[int] = []
    squared: list[int] = []
    got: list[int] = []

    async def program() -> None:
        nonlocal numbers, squares
        numbers, squares = Channel(size), Channel(size)
        for log in (sent, squared, got):
            log.clear()
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def produce() -> None:
                async with numbers:
                    for n in range(4):
                        await numbers.send(n)
                        sent.append(n)

            @nursery.start_soon
            async def square() -> None:
                async with squares:
                    while (r := await channel.select(numbers)).ok:
                        squared.append(r.value)
                        await squares.send(r.value * r.value)

            async for n in squares:
                got.append(n)

    def check(finished: bool) -> None:
        assert sent == list(range(len(sent)))
        assert squared == sent[: len(squared)] or squared == [*sent, len(sent)][: len(squared)]
        assert [*squared, *rest(numbers)][: len(sent)] == sent
        squares_sent = [*got, *rest(squares)]
        assert squares_sent == [n * n for n in squared[: len(squares_sent)]]
        assert len(squares_sent) >= len(squared) - 1
        for c in (numbers, squares):
            stats = c.statistics()
            assert (stats.waiting_receivers, stats.waiting_senders) == (0, 0)
        if finished:
            assert got == [0, 1, 4, 9]

    assert sweep(program, check) > 10


def rest(c: Channel[int]) -> list[int]:
    return [c.receive_nowait() for _ in range(len(c))]


def test_sweep_of_selects_with_timers_and_foreign_cases(
    every_operation_passes_the_scheduler: None,
) -> None:
    channels: list[Channel[int]] = []
    foreign: trio.MemoryReceiveChannel[int]
    sent: list[float] = []
    got: list[float] = []

    async def program() -> None:
        nonlocal foreign
        channels[:] = [Channel[int](), Channel[int](1)]
        a, b = channels
        for log in (sent, got):
            log.clear()
        out, foreign = trio.open_memory_channel[int](0)
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def produce() -> None:
                for value in (1, 2, 3, 4):
                    r = await channel.select(a.case_send(value), b.case_send(value), time.after(1))
                    if r.sent:
                        sent.append(value)
                    await time.sleep("2s")
                await out.send(5)
                sent.append(5)

            while 5 not in got:
                r = await channel.select(b, foreign, a, time.after("500ms"))
                if r.channel in (a, b, foreign):
                    got.append(r.value)

    async def kept() -> list[int]:
        r = await channel.select(foreign, default=True)
        return [] if r.default else [r.value]

    def check(finished: bool) -> None:
        assert sorted([*got, *rest(channels[1]), *trio.run(kept)])[: len(sent)] == sent
        for c in channels:
            stats = c.statistics()
            assert (stats.waiting_receivers, stats.waiting_senders) == (0, 0)
        if finished:
            assert got == [1, 2, 3, 4, 5]

    assert sweep(program, check) > 30
