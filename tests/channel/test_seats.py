"""Processes hand over to each other: what trio promises holds in each of them all the same."""

from __future__ import annotations

import contextvars
import gc
import math
import queue
import socket
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import trio
from trio.lowlevel import current_task
from trio.testing import MockClock, wait_all_tasks_blocked

from echosvc import channel
from echosvc._channel import seats
from echosvc._channel.seats import current_run, frames_of
from echosvc.channel import Channel
from tests.handing import SEEDED, Inline, sit, told_of_inline_steps


class Failure(Exception):
    """What seats fail with here."""


@pytest.fixture(autouse=True)
def _clock_that_stands(mock_clock: MockClock) -> None:
    """Let no slice end by the time; a deadlock fails in a second."""
    mock_clock.autojump_threshold = 1


@pytest.fixture(autouse=True)
def inline() -> Iterator[Inline]:
    """Count the steps that one seat took for another: there are some in each of these tests."""
    inline = Inline()
    with told_of_inline_steps(inline.step):
        yield inline
    assert inline.count > 0 or SEEDED or not seats.HANDS_OVER


class Pair:
    """Two that answer each other, so that each is stepped by the other."""

    def __init__(self) -> None:
        self.to = Channel[Any](math.inf)
        self.back = Channel[Any](math.inf)

    async def answer(self) -> None:
        async for value in self.to:
            self.back.send_nowait(value)

    async def ask(self, value: Any) -> Any:
        self.to.send_nowait(value)
        return await self.back.receive()


async def beside(body: Callable[[Pair], Awaitable[object]]) -> None:
    """Run the body in a seat, that of one who answers beside it."""
    pair = Pair()

    async def driving() -> None:
        for n in range(3):
            assert await pair.ask(n) == n
        await body(pair)
        pair.to.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sit, pair.answer)
        nursery.start_soon(sit, driving)


async def stepped(body: Callable[[], Awaitable[object]]) -> None:
    """Run the body in a seat, from its second step on in a step of another seat."""
    go, done = Channel[int](math.inf), Channel[int](math.inf)

    async def waiting() -> None:
        await go.receive()
        await body()
        done.send_nowait(1)

    async def waking() -> None:
        go.send_nowait(1)
        await done.receive()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sit, waiting)
        await wait_all_tasks_blocked()
        nursery.start_soon(sit, waking)


WAYS = [stepped, lambda body: beside(lambda _: body())]
in_both_ways = pytest.mark.parametrize("way", WAYS, ids=["stepped", "driving"])
Way = Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]


# -- what a task has for itself

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nobody's")


async def test_each_has_its_own_context_and_is_the_current_task() -> None:
    pairs = [Channel[int](math.inf) for _ in range(3)]

    async def one(me: int) -> None:
        task = current_task()
        variable.set(f"{me}")
        for n in range(20):
            pairs[(me + 1) % 3].send_nowait(n)
            assert await pairs[me].receive() == n
            assert variable.get() == f"{me}"
            assert current_task() is task

    me = current_task()
    async with trio.open_nursery() as nursery:
        for n in range(3):
            nursery.start_soon(sit, one, n)
    assert (variable.get(), current_task()) == ("nobody's", me)
    assert current_run().seat is None


async def test_an_exception_that_one_handles_is_not_seen_by_those_it_steps() -> None:
    pair = Pair()
    seen: list[BaseException | None] = []

    async def look() -> None:
        async for value in pair.to:
            seen.append(sys.exc_info()[1])
            pair.back.send_nowait(value)

    async def handling() -> None:
        try:
            raise Failure
        except Failure as failure:
            for n in range(4):
                await pair.ask(n)
            assert sys.exc_info()[1] is failure  # noqa: PT017 - that is the point
        pair.to.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sit, look)
        nursery.start_soon(sit, handling)
    assert seen == [None] * 4


async def test_a_deep_stack_is_not_on_top_of_anothers() -> None:
    pair = Pair()
    deep = sys.getrecursionlimit() * 6 // 10

    def down(n: int) -> int:
        return n and down(n - 1)

    async def answer() -> None:
        async for value in pair.to:
            down(deep)
            pair.back.send_nowait(value)

    async def ask(n: int) -> None:
        if n:
            await ask(n - 1)
        else:
            await pair.ask(1)
            await pair.ask(2)
            pair.to.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sit, answer)
        nursery.start_soon(sit, ask, deep)


async def test_one_that_fails_in_anothers_step_fails_in_its_own_task() -> None:
    caught: list[BaseException] = []

    async def fail() -> None:
        raise Failure("as told")

    async def body() -> None:
        await stepped(fail)

    with trio.move_on_after(1), pytest.raises(ExceptionGroup) as info:
        await body()
    caught.extend(info.value.exceptions)
    (failure,) = caught
    assert isinstance(failure, Failure)
    assert failure.__context__ is None
    names = []
    trace = failure.__traceback__
    while trace is not None:
        names.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    assert names[-1] == "fail"
    assert "waking" not in names  # the one in whose step it was
    assert names.count("send") == seats.HANDS_OVER


# -- cancellation is exact


@pytest.mark.parametrize("order", ["cancel, send", "send, cancel"])
async def test_a_cancelled_receive_got_nothing_and_one_that_was_woken_gets_it(order: str) -> None:
    c = Channel[int](math.inf)
    scope = trio.CancelScope()
    got: list[int] = []

    async def receive() -> None:
        with scope:
            while True:
                got.append(await c.receive())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sit, receive)
        await wait_all_tasks_blocked()

        async def other(pair: Pair) -> None:
            if order == "cancel, send":
                scope.cancel()
            c.send_nowait(1)
            scope.cancel()
            c.send_nowait(2)

        await beside(other)
    expected = [] if order == "cancel, send" else [1]
    assert got == expected
    assert list(c._buffer) == [1, 2][len(expected) :]


# One wait each: what one is ended by is an exception that trio brings, and so the next is trio's.
@pytest.mark.parametrize("wait", [Channel[int]().receive, trio.Event().wait, trio.sleep_forever])
@in_both_ways
async def test_a_scope_cancelled_before_a_wait_ends_it(
    way: Way, wait: Callable[[], Awaitable[object]]
) -> None:
    async def body() -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            await wait()
        assert scope.cancelled_caught
        with trio.CancelScope() as scope:  # noqa: ASYNC100 - that it does nothing
            scope.cancel()
        assert not scope.cancelled_caught

    await way(body)


@pytest.mark.parametrize("wait", ["trio", "channel", "shielded"])
async def test_one_that_drives_is_cancelled_by_one_that_it_steps(wait: str) -> None:
    """It has yielded, and its seat still steps others: for them it is as blocked as any."""
    pair = Pair()
    scope, event = trio.CancelScope(), trio.Event()
    after: list[str] = []

    async def cancels() -> None:
        await pair.to.receive()
        scope.cancel()
        event.set()
        await pair.to.receive()

    async def drives() -> None:
        with scope:
            pair.to.send_nowait(1)
            if wait == "channel":
                await Channel[int]().receive()
            elif wait == "trio":
                await trio.sleep_forever()
            else:
                with trio.CancelScope(shield=True):
                    await event.wait()
                after.append("shielded")
            await trio.lowlevel.checkpoint()
            after.append("too far")
        pair.to.send_nowait(2)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sit, cancels)
        await wait_all_tasks_blocked()
        nursery.start_soon(sit, drives)
    assert scope.cancelled_caught
    assert after == (["shielded"] if wait == "shielded" else [])


async def test_an_event_set_by_one_that_is_stepped_wakes_the_one_that_drives() -> None:
    events = [trio.Event() for _ in range(50)]

    async def wait(pair: Pair) -> None:
        numbers = Channel[int](math.inf)

        async def set_them() -> None:
            async for n in numbers:
                events[n].set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(sit, set_them)
            for n, event in enumerate(events):
                numbers.send_nowait(n)
                await event.wait()
            numbers.close()

    await beside(wait)


# -- all of trio inside


@in_both_ways
async def test_deadlines_sleeps_and_shields_work(way: Way, mock_clock: MockClock) -> None:
    mock_clock.autojump_threshold = 0

    async def body() -> None:
        began = trio.current_time()
        with trio.move_on_after(1) as scope:
            await Channel[int]().receive()
        assert scope.cancelled_caught
        with trio.move_on_after(1) as scope:
            try:
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(2)
        assert scope.cancelled_caught
        await trio.sleep(1)
        assert trio.current_time() - began == 5

    await way(body)


@in_both_ways
async def test_nurseries_work(way: Way) -> None:
    async def body() -> None:
        got: list[int] = []
        c = Channel[int]()
        async with trio.open_nursery() as outer:
            outer.start_soon(c.send, 1)
            async with trio.open_nursery() as inner:
                inner.start_soon(c.send, 2)
                got += [await c.receive(), await c.receive()]
            outer.start_soon(trio.sleep_forever)
            outer.cancel_scope.cancel()
        assert sorted(got) == [1, 2]
        with pytest.raises(ExceptionGroup):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(fail_at_once)
                await c.receive()

    await way(body)


async def fail_at_once() -> None:
    raise Failure


@in_both_ways
async def test_async_generators_work(way: Way) -> None:
    closed: list[str] = []

    async def numbers(c: Channel[int]) -> AsyncIterator[int]:
        try:
            while True:
                yield await c.receive()
        finally:
            with trio.CancelScope(shield=True):
                await trio.lowlevel.checkpoint()
            closed.append("closed")

    async def body() -> None:
        c = Channel[int](math.inf)
        it = numbers(c)
        for n in range(3):
            c.send_nowait(n)
            assert await anext(it) == n
        await it.aclose()  # type: ignore[attr-defined]  # a generator has it

    await way(body)
    assert closed == ["closed"]


@in_both_ways
async def test_sockets_and_threads_work(way: Way) -> None:
    async def body() -> None:
        a, b = (trio.socket.from_stdlib_socket(s) for s in socket.socketpair())
        with a, b:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(a.send, b"x")
                assert await b.recv(1) == b"x"
        assert await trio.to_thread.run_sync(lambda: "thread") == "thread"
        assert await trio.to_thread.run_sync(trio.from_thread.run, asyncly) == "back"

    await way(body)


async def asyncly() -> str:
    await trio.lowlevel.checkpoint()
    return "back"


@in_both_ways
async def test_a_foreign_awaitable_is_a_type_error_where_it_is_awaited(way: Way) -> None:
    class Foreign:
        def __await__(self) -> Iterator[str]:
            yield "of another framework"

    async def body() -> None:
        with pytest.raises(TypeError, match="unrecognized yield message"):
            await Foreign()
        with pytest.raises(TypeError, match="unrecognized yield message"):
            await Foreign()

    await way(body)


@in_both_ways
async def test_a_coroutine_can_be_detached_for_a_while(way: Way) -> None:
    """What an event loop within trio does: step the task's coroutine itself for a time."""

    async def body() -> None:
        task = current_task()
        c = Channel[int](math.inf)
        coro = task.coro
        steps: list[Any] = []

        async def step_it() -> None:
            steps.append(coro.send("from outside"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(step_it)
            value = await trio.lowlevel.temporarily_detach_coroutine_object(
                lambda _: trio.lowlevel.Abort.FAILED
            )
            assert value == "from outside"
            await trio.lowlevel.reattach_detached_coroutine_object(task, "detached")
        assert steps == ["detached"]
        c.send_nowait(1)
        assert await c.receive() == 1

    await way(body)


# -- what is seen from outside


async def test_the_frames_of_those_that_wait_and_of_the_one_that_drives_are_found() -> None:
    pair = Pair()
    found: list[list[str]] = []
    tasks: list[trio.lowlevel.Task] = []

    async def waits() -> None:
        tasks.append(current_task())
        await pair.back.receive()

    async def looks() -> None:
        await pair.to.receive()
        for task in tasks:
            found.append([frame.f_code.co_name for frame, _ in frames_of(task)])
        pair.back.send_nowait(1)

    async def drives() -> None:
        tasks.append(current_task())
        pair.to.send_nowait(1)
        await Channel[int](0).receive()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sit, waits)
        nursery.start_soon(sit, looks)
        await wait_all_tasks_blocked()
        nursery.start_soon(sit, drives)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    for names, name in zip(found, ["waits", "drives"], strict=True):
        assert name in names
        assert names[-1] in ("_receive", "wait", "wait_task_rescheduled", "_async_yield")


async def test_all_tasks_are_blocked_when_nobody_hands_over_any_more() -> None:
    pair = Pair()
    rounds: list[int] = []

    async def ask() -> None:
        for n in range(300):
            rounds.append(await pair.ask(n))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sit, pair.answer)
        nursery.start_soon(sit, ask)
        await wait_all_tasks_blocked()
        assert rounds == list(range(300))
        pair.to.close()


async def plays() -> int:
    """Be a whole program: a pair that asks and answers."""
    pair = Pair()
    got: list[int] = []

    async def ask() -> None:
        for n in range(300):
            got.append(await pair.ask(n))
        pair.to.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sit, pair.answer)
        nursery.start_soon(sit, ask)
    return len(got)


def test_a_loop_of_another_can_be_the_host() -> None:
    todo: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
    ended: list[Any] = []

    async def main() -> int:
        with trio.move_on_after(0.01):
            await trio.sleep_forever()
        return await plays()

    trio.lowlevel.start_guest_run(
        main, run_sync_soon_threadsafe=todo.put, done_callback=ended.append
    )
    while not ended:
        todo.get(timeout=10)()
    assert ended[0].unwrap() == 300


def test_runs_in_several_threads_do_not_meet() -> None:
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(trio.run(plays))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [300] * 3


async def test_a_task_without_a_seat_takes_part() -> None:
    pair = Pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sit, pair.answer)
        for n in range(10):
            assert await pair.ask(n) == n
        selected = None

        async def selects() -> None:
            nonlocal selected
            selected = await channel.select(Channel[int](), pair.back)

        nursery.start_soon(sit, selects)
        await wait_all_tasks_blocked()
        await stepped(asyncly)
        pair.to.send_nowait("last")
        pair.to.close()
    assert selected is not None
    assert selected.value == "last"


# -- nothing is kept


class Thing:
    """Something that can be weakly referenced."""


@pytest.mark.parametrize("way", ["receive", "select", "send"])
async def test_one_that_waits_keeps_nothing_of_what_it_had(way: str) -> None:
    kept: list[weakref.ref[Thing]] = []
    pair = Pair()

    async def waits() -> None:
        other = Channel[Thing](math.inf)
        rest = Channel[Thing]()
        for _ in range(2):
            if way == "receive":
                await pair.to.receive()
            elif way == "select":
                await channel.select(other, pair.to)
            else:
                thing = Thing()
                kept.append(weakref.ref(thing))
                await rest_of.send(thing)
                del thing
        pair.back.send_nowait(1)
        await rest.receive()

    rest_of = Channel[Thing]()

    async def gives() -> None:
        for _ in range(2):
            await wait_all_tasks_blocked()
            if way == "send":
                await rest_of.receive()
            else:
                thing = Thing()
                kept.append(weakref.ref(thing))
                pair.to.send_nowait(thing)
                del thing
        await pair.back.receive()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sit, waits)
        async with trio.open_nursery() as giving:
            giving.start_soon(sit, gives)
        await stepped(asyncly)
        await wait_all_tasks_blocked()
        assert [ref() for ref in kept] == [None, None]
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("fails", [True, False], ids=["fails", "returns"])
async def test_the_end_of_one_that_was_stepped_leaves_no_garbage(fails: bool) -> None:
    gone: list[weakref.ref[Thing]] = []

    go, over = Channel[int](math.inf), Channel[int](1)

    async def ends() -> Thing:
        await go.receive()
        thing = Thing()
        gone.append(weakref.ref(thing))
        if fails:
            raise Failure
        return thing

    async def caught() -> None:
        try:
            await sit(ends)
        except Failure as failure:
            failure.__traceback__ = None

    async def wakes() -> None:
        go.send_nowait(1)
        await over.receive()

    gc.collect()
    gc.disable()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(caught)
            await wait_all_tasks_blocked()
            nursery.start_soon(sit, wakes)
            await wait_all_tasks_blocked()
            over.send_nowait(1)
        assert [ref() for ref in gone] == [None]
    finally:
        gc.enable()
