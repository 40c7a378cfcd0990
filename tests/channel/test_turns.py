"""Whose turn it is when processes hand over: nobody is forgotten, and nobody is kept waiting."""

from __future__ import annotations

import itertools
import math
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import trio
import trio.abc
from trio.lowlevel import current_task
from trio.testing import MockClock, wait_all_tasks_blocked

from echosvc._channel import run as runs
from echosvc._channel import seats
from echosvc._channel.run import LONGEST_SLICE, SHARE, SLICE_OPERATIONS, SLICE_SECONDS, Run
from echosvc._channel.seats import current_run
from echosvc.channel import Channel
from tests.handing import Inline, Steps, needs_order, passes, sit, told_of_inline_steps
from tests.schedules import schedule


class Failure(Exception):
    """What seats fail with here."""


@pytest.fixture(autouse=True)
def _clock_that_stands(mock_clock: MockClock) -> None:
    """Let no slice end by the time; a deadlock fails in a second."""
    mock_clock.autojump_threshold = 1


# -- a seat that is ready is never forgotten


class Foreign:
    def __await__(self) -> Iterator[str]:
        yield "of another framework"


class Wrapper:
    """Put around a task's coroutine, as others put theirs: it sees each step."""

    def __init__(self, coro: Any) -> None:
        self.coro = coro
        self.steps = 0
        self.meanwhile: Callable[[], object] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.coro, name)

    def send(self, value: object) -> object:
        self.steps += 1
        if self.meanwhile is not None:
            self.meanwhile()
        return self.coro.send(value)


def wrap(task: trio.lowlevel.Task) -> Wrapper:
    task.coro = wrapper = Wrapper(task.coro)  # type: ignore[assignment]  # greenback does it too
    return wrapper


async def returns(_: list[trio.lowlevel.Task]) -> None:
    pass


async def fails(_: list[trio.lowlevel.Task]) -> None:
    raise Failure


async def is_interrupted(_: list[trio.lowlevel.Task]) -> None:
    raise KeyboardInterrupt


async def leaves(_: list[trio.lowlevel.Task]) -> None:
    raise SystemExit(3)


async def is_cancelled(_: list[trio.lowlevel.Task]) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await Channel[int]().receive()


async def yields_something_foreign(_: list[trio.lowlevel.Task]) -> None:
    await Foreign()


async def asks_trio(_: list[trio.lowlevel.Task]) -> None:
    await trio.lowlevel.checkpoint()


async def installs_an_instrument(_: list[trio.lowlevel.Task]) -> None:
    trio.lowlevel.add_instrument(Steps())
    await Channel[int](1).send(1)


async def wraps_the_others(tasks: list[trio.lowlevel.Task]) -> None:
    for task in tasks:
        if task is not current_task():
            wrap(task)


async def wraps_itself(_: list[trio.lowlevel.Task]) -> None:
    wrap(current_task())
    await trio.lowlevel.checkpoint()


ENDS = [
    returns,
    fails,
    is_interrupted,
    leaves,
    is_cancelled,
    yields_something_foreign,
    asks_trio,
    installs_an_instrument,
    wraps_the_others,
    wraps_itself,
]


@pytest.mark.parametrize("operations", [SLICE_OPERATIONS, 3, 1])
@pytest.mark.parametrize("place", range(-1, 6))
@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
async def test_all_that_are_ready_have_their_turn_whatever_one_does(
    end: Callable[[list[trio.lowlevel.Task]], Awaitable[None]],
    place: int,
    operations: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The one that drives (-1), one that it steps, the first or the last of those left behind."""
    monkeypatch.setattr(runs, "SLICE_OPERATIONS", operations)
    channels = [Channel[int](math.inf) for _ in range(8)]
    had: list[int] = []
    tasks: list[trio.lowlevel.Task] = []
    failures: list[BaseException] = []

    async def waits(me: int) -> None:
        tasks.append(current_task())
        had.append(await channels[me].receive())
        if me == place:
            for late in (6, 7):
                channels[late].send_nowait(late)
            await end(tasks)

    async def wakes() -> None:
        tasks.append(current_task())
        for n in range(6 if place >= 0 else 8):
            channels[n].send_nowait(n)
        if place < 0:
            await end(tasks)
        else:
            await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.SUCCEEDED)

    async def caught(fn: Callable[..., Awaitable[None]], *args: int) -> None:
        try:
            await sit(fn, *args)
        except (Failure, KeyboardInterrupt, SystemExit, TypeError) as failure:
            failures.append(failure)

    async with trio.open_nursery() as nursery:
        for n in range(8):
            nursery.start_soon(caught, waits, n)
        await wait_all_tasks_blocked()
        nursery.start_soon(caught, wakes)
        await wait_all_tasks_blocked()
        run = current_run()
        assert (run.seat, list(run.ready), run.behind) == (None, [], 0)
        assert sorted(had) == list(range(8))
        nursery.cancel_scope.cancel()
    assert len(failures) == (end in (fails, is_interrupted, leaves, yields_something_foreign))


# -- whoever else is there


async def busy(count: float, step: Callable[[], object] | None = None) -> list[int]:
    """Have two keep each other busy; returns how often they did."""
    there, back = Channel[int](math.inf), Channel[int](math.inf)
    rounds = [0]

    async def answer() -> None:
        async for value in there:
            if step is not None:
                step()
            back.send_nowait(value)

    async def ask() -> None:
        while rounds[0] < count:
            there.send_nowait(rounds[0])
            if step is not None:
                step()
            await back.receive()
            rounds[0] += 1
        there.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sit, answer)
        nursery.start_soon(sit, ask)
    return rounds


@needs_order
async def test_a_pair_passes_values_without_passes_of_trio() -> None:
    with passes() as counted:
        await busy(5000)
    assert counted.count < 0.02 * 5000


@needs_order
async def test_a_plain_task_that_becomes_ready_has_its_turn_before_anybody_has_two() -> None:
    plain, order = Channel[int](math.inf), list[str]()
    others = [Channel[int](math.inf) for _ in range(5)]

    async def stepped(me: int) -> None:
        async for _ in others[me]:
            order.append(f"seat {me}")
            others[(me + 1) % 5].send_nowait(1)

    async def first() -> None:
        for c in others[:3:2]:  # so that none has two values in one step
            c.send_nowait(1)
        plain.send_nowait(1)
        await Channel[int]().receive()

    async with trio.open_nursery() as nursery:
        for n in range(5):
            nursery.start_soon(sit, stepped, n)
        await wait_all_tasks_blocked()
        nursery.start_soon(sit, first)
        await plain.receive()
        assert max(Counter(order).values(), default=0) <= 1
        nursery.cancel_scope.cancel()


@needs_order
@pytest.mark.parametrize("stepped", [False, True])
async def test_a_checkpoint_lets_all_others_run(stepped: bool) -> None:
    ran = [0]

    async def plain() -> None:
        while True:
            await trio.lowlevel.checkpoint()
            ran[0] += 1

    async def checks() -> None:
        if stepped:
            await go.receive()
        for _ in range(10):
            before = ran[0]
            await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()
            assert ran[0] > before
        nursery.cancel_scope.cancel()

    go, stays = Channel[int](math.inf), Channel[int](1)

    async def wakes() -> None:
        go.send_nowait(1)
        await stays.receive()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(plain)
        nursery.start_soon(sit, checks)
        for _ in range(3):
            await trio.lowlevel.checkpoint()
        nursery.start_soon(sit, wakes)


@needs_order
async def test_those_left_behind_have_one_step_each_before_one_has_two(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runs, "SLICE_OPERATIONS", 9)
    log: list[Any] = []
    pairs: list[int] = [0] * 6

    def stepping(pair: int) -> Callable[[], None]:
        def step() -> None:
            pairs[pair] += 1
            log.append((current_task(), current_run().behind))

        return step

    with passes(lambda: log.append(None)):
        async with trio.open_nursery() as nursery:
            for n in range(6):
                nursery.start_soon(busy, 300, stepping(n))
            await wait_all_tasks_blocked()
    left_behind = 0
    for is_pass, entries in itertools.groupby(log, key=lambda entry: entry is None):
        if is_pass:
            continue
        waiting = [task for task, behind in entries if behind]
        left_behind += len(waiting)
        assert len(waiting) == len(set(waiting))
    assert left_behind > 300


@needs_order
async def test_busy_pairs_get_the_same(mock_clock: MockClock) -> None:
    rounds = [0] * 10

    def stepping(n: int) -> Callable[[], None]:
        def step() -> None:
            rounds[n] += 1
            mock_clock.jump(SLICE_SECONDS / 25)

        return step

    with trio.move_on_after(400 * SLICE_SECONDS):
        async with trio.open_nursery() as nursery:
            for n in range(10):
                nursery.start_soon(busy, math.inf, stepping(n))
    assert min(rounds) > 0.9 * max(rounds) > 500


@needs_order
async def test_a_socket_beside_a_busy_pair_waits_six_tenths_of_a_millisecond_at_most(
    mock_clock: MockClock,
) -> None:
    waits: list[float] = []
    written: list[float] = []
    a, b = socket.socketpair()
    steps = [0]

    def step() -> None:
        mock_clock.jump(0.00002)
        steps[0] += 1
        if steps[0] % 77 == 0:
            written.append(trio.current_time())
            a.send(b"x")

    async def reads() -> None:
        while True:
            await trio.lowlevel.wait_readable(b)
            waits.append(trio.current_time() - written[-1])
            b.recv(1)

    with a, b:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reads)
            await busy(3000, step)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
    assert len(waits) == len(written) > 70
    assert max(waits) <= 0.0006 + 1e-9
    assert max(waits) > 0.0002  # and it is not that each step has a pass


@needs_order
async def test_a_deadline_ends_a_pair_that_never_waits(mock_clock: MockClock) -> None:
    began = trio.current_time()
    with trio.move_on_after(0.05) as scope:
        await busy(math.inf, lambda: mock_clock.jump(0.00001))
    assert scope.cancelled_caught
    assert trio.current_time() - began <= 0.0506 + 1e-9


@pytest.mark.parametrize(("tickers", "consumers"), [(200, 1), (200, 2), (4000, 1)])
async def test_a_consumer_among_busy_tasks_has_its_share_of_the_time(
    tickers: int, consumers: int, mock_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sixteenth of the pass, all who gave way together, if that is more than a slice."""
    monkeypatch.setattr(seats, "make_run", Run)
    each, rounds = 0.0001, 40 if tickers < 1000 else 6
    c = Channel[int](math.inf)
    used: list[float] = []

    async def tick() -> None:
        while True:
            await trio.lowlevel.checkpoint()
            mock_clock.jump(each)

    async def consume() -> None:
        while True:
            c.send_nowait(1)
            await c.receive()
            mock_clock.jump(SLICE_SECONDS / 50)
            used.append(SLICE_SECONDS / 50)

    async with trio.open_nursery() as nursery:
        for _ in range(tickers):
            nursery.start_soon(tick)
        for _ in range(consumers):
            nursery.start_soon(consume)
        await trio.sleep(rounds * tickers * each)
        nursery.cancel_scope.cancel()
    share = min(tickers * each * SHARE, LONGEST_SLICE)
    assert 0.7 * share < sum(used) / rounds < 1.3 * share


# -- those who look on


async def test_what_is_put_around_the_coroutine_sees_each_step(inline: Inline) -> None:
    there, back = Channel[int](math.inf), Channel[int](math.inf)
    wrappers: list[Wrapper] = []
    seen: list[object] = []

    async def wrapped() -> None:
        wrappers.append(wrap(current_task()))
        wrappers[0].meanwhile = lambda: seen.append(current_run().seat)
        async for value in there:
            back.send_nowait(value)

    async def ask() -> None:
        for n in range(50):
            there.send_nowait(n)
            await back.receive()
        there.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sit, wrapped)
        nursery.start_soon(sit, ask)
    assert wrappers[0].steps >= 50
    assert set(seen) == {None}  # and is not in the middle of anybody's step


async def test_what_a_wrapper_sends_in_the_middle_of_a_step_arrives() -> None:
    there, back = Channel[int](math.inf), Channel[int](math.inf)
    sent = itertools.count()
    got: list[int] = []

    async def wrapped() -> None:
        wrap(current_task()).meanwhile = lambda: back.send_nowait(next(sent))
        for _ in range(20):
            await trio.lowlevel.checkpoint()
        back.close()

    async def listens() -> None:
        got.extend([value async for value in back])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sit, listens)
        nursery.start_soon(sit, wrapped)
        nursery.start_soon(busy, 100)
    assert got == list(range(next(sent)))
    assert len(got) == 20
    assert there.statistics().waiting_receivers == 0


async def test_one_that_is_wrapped_while_it_is_ready_is_not_stepped_past_the_wrapper() -> None:
    channels = [Channel[int](math.inf) for _ in range(2)]
    tasks: list[trio.lowlevel.Task] = []
    wrappers: list[Wrapper] = []
    steps: list[int] = []

    async def waits() -> None:
        tasks.append(current_task())
        await channels[1].receive()
        steps.extend(wrapper.steps for wrapper in wrappers)

    async def wakes() -> None:
        channels[1].send_nowait(1)
        wrappers.append(wrap(tasks[0]))
        await channels[0].receive()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sit, waits)
        await wait_all_tasks_blocked()
        nursery.start_soon(sit, wakes)
        await wait_all_tasks_blocked()
        channels[0].send_nowait(1)
    # trio steps the coroutine that it knew when the task was woken; so it is 0 without hand-over.
    assert steps == ([1] if seats.HANDS_OVER else [0])


@pytest.fixture
def inline() -> Iterator[Inline]:
    inline = Inline()
    with told_of_inline_steps(inline.step):
        yield inline


@pytest.mark.parametrize("when", ["before", "in the middle"])
async def test_an_instrument_is_told_of_each_step(when: str, inline: Inline) -> None:
    steps = Steps()
    done: list[int] = []

    def install() -> None:
        done.append(inline.count)
        if len(done) == 50:
            trio.lowlevel.add_instrument(steps)

    if when == "before":
        trio.lowlevel.add_instrument(steps)
        await busy(50)
        assert inline.count == 0
    else:
        await busy(50, install)
        assert inline.count == done[49]
    trio.lowlevel.remove_instrument(steps)
    told = steps.told[1:] if not steps.told[0][0] else steps.told
    assert len(told) > 40
    for (begins, task), (ends, same) in zip(told[::2], told[1::2], strict=False):
        assert (begins, ends) == (True, False)
        assert task is same


@needs_order
async def test_an_instrument_that_hears_of_no_steps_is_not_in_the_way(inline: Inline) -> None:
    with passes():
        await busy(50)
    assert inline.count > 90


# -- a seed


def order_of(seed: int) -> list[int]:
    """In which order twelve run that were woken in one step."""
    order: list[int] = []

    async def main() -> None:
        channels = [Channel[int](math.inf) for _ in range(12)]

        async def waits(me: int) -> None:
            order.append(await channels[me].receive())

        async def wakes() -> None:
            for n, c in enumerate(channels):
                c.send_nowait(n)
            await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.SUCCEEDED)

        async with trio.open_nursery() as nursery:
            for n in range(12):
                nursery.start_soon(sit, waits, n)
            await wait_all_tasks_blocked()
            nursery.start_soon(sit, wakes)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()

    with schedule(seed):
        trio.run(main, clock=MockClock())
    return order


def test_a_seed_chooses_the_order_of_those_that_are_ready() -> None:
    orders = [order_of(seed) for seed in range(5)]
    assert [order_of(seed) for seed in range(5)] == orders
    assert len({tuple(order) for order in orders}) > 1
    assert all(sorted(order) == list(range(12)) for order in orders)
