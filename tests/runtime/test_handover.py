"""Processes that hand over to each other are processes as promised."""

from __future__ import annotations

import contextvars
import math
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from echosvc import Pid, Runtime, channel, coroutine, open_runtime, process
from echosvc import time as times
from echosvc._channel import seats
from echosvc.channel import Channel
from echosvc.errors import LinkDown, Terminated
from tests.handing import SEEDED, Inline, needs_order, passes, told_of_inline_steps
from tests.runtime.conftest import Records
from tests.runtime.helpers import HOST, Failure, forever, give, settle
from tests.sweep import sweep_handing_over


@pytest.fixture(autouse=True)
def inline() -> Iterator[Inline]:
    """Count the steps that one process took for another: there are some in most of these tests."""
    inline = Inline()
    with told_of_inline_steps(inline.step):
        yield inline


async def echo() -> None:
    async for message in process.inbox():
        process.send(message.sender, "back", message.data)


async def ask(pid: Pid, value: Any = None) -> Any:
    process.send(pid, "there", value)
    return (await process.inbox().receive()).data


async def pair(rounds: float) -> int:
    """Keep another process busy."""
    other = process.spawn(echo)
    done = 0
    while done < rounds:
        assert await ask(other, done) == done
        done += 1
    process.terminate(other)
    return done


# -- without passes


async def timeouts(rounds: int) -> None:
    other = process.spawn(echo)
    for n in range(rounds):
        process.send(other, "there", n)
        selected = await channel.select(process.inbox(), times.after(5))
        assert selected.value.data == n


async def spawns(rounds: int) -> None:
    for _ in range(rounds):
        process.spawn_monitored(give)
        await process.events().receive()


async def echoes(rounds: int) -> None:
    async def server() -> None:
        async for message in process.inbox():
            message.reply(message.data)

    pid = process.spawn(server)
    for n in range(rounds):
        assert await process.call(pid, "q", n) == n


@needs_order
@pytest.mark.parametrize("program", [pair, timeouts, spawns, echoes], ids=lambda fn: fn.__name__)
async def test_an_operation_takes_next_to_no_pass_of_trio(
    program: Callable[[int], Awaitable[object]], runtime: Runtime
) -> None:
    await runtime.run(program, HOST, 10)
    with passes() as counted:
        await runtime.run(program, HOST, 1000)
    assert counted.count < 0.05 * 1000


# -- an end is exact


@pytest.mark.parametrize("order", ["terminate, send", "send, terminate"])
async def test_termination_is_exact_for_one_that_waits_and_one_that_was_woken(
    order: str, runtime: Runtime
) -> None:
    got: list[int] = []

    async def sink() -> None:
        async for message in process.inbox():
            got.append(message.data)

    async def main() -> BaseException | None:
        pid = process.spawn_monitored(sink)
        process.send(pid, "n", 0)
        await settle()
        if order == "terminate, send":
            process.terminate(pid)
        process.send(pid, "n", 1)
        process.terminate(pid)
        return (await process.events().receive()).result.error

    assert isinstance(await runtime.run(main, HOST), Terminated)
    assert got == ([0] if order == "terminate, send" else [0, 1])


async def test_one_that_drives_can_be_terminated_by_one_that_it_steps(
    runtime: Runtime, inline: Inline
) -> None:
    got: list[int] = []

    async def answers() -> None:
        async for message in process.inbox():
            got.append(message.data)
            process.send(message.sender, "go")

    async def main() -> BaseException | None:
        pid = process.spawn_monitored(answers)
        for n in range(5):
            await ask(pid, n)
        process.terminate(pid)
        process.send(pid, "n", "too late")
        return (await process.events().receive()).result.error

    assert isinstance(await runtime.run(main, HOST), Terminated)
    assert got == [0, 1, 2, 3, 4]
    assert inline.count > 0 or SEEDED or not seats.HANDS_OVER


async def test_a_process_that_fails_when_it_is_stepped_is_told_of_as_ever(
    runtime: Runtime, records: Records, inline: Inline
) -> None:
    cleaned: list[str] = []

    async def bad() -> None:
        try:
            await process.inbox().receive()
            raise Failure("as told")
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
            cleaned.append("cleaned")

    async def main() -> BaseException:
        process.set_options(trap_links=True)
        pid = process.spawn_linked_monitored(bad)
        await settle()
        process.send(pid, "now")
        events = [await process.events().receive() for _ in range(2)]
        assert {event.kind.name for event in events} == {"EXIT", "LINK_DOWN"}
        (exit_,) = [event for event in events if event.kind is process.event.EXIT]
        assert exit_.result.error is not None
        return exit_.result.error

    error = await runtime.run(main, HOST)
    assert isinstance(error, Failure)
    assert error.__context__ is None
    assert cleaned == ["cleaned"]
    (record,) = records.errors
    assert record.exc_info is not None
    trace = record.exc_info[2]
    names = []
    while trace is not None:
        names.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    assert names == ["bad"]


async def test_links_upgrades_and_coroutines_of_stepped_processes(runtime: Runtime) -> None:
    async def second() -> str:
        return str((await process.inbox().receive()).data)

    async def first() -> None:
        await process.inbox().receive()
        coroutine.spawn(forever)
        await process.upgrade(second)

    async def links(other: Pid) -> None:
        await process.inbox().receive()
        process.link(other)
        raise Failure

    async def sums() -> int:
        c = Channel[int]()
        for n in range(3):
            coroutine.spawn(c.send, n)
        await process.inbox().receive()
        return sum([await c.receive() for _ in range(3)])

    async def main() -> list[Any]:
        upgraded = process.spawn_monitored(first)
        linked = process.spawn_monitored(forever)
        failing = process.spawn_monitored(links, None, linked)
        summing = process.spawn_monitored(sums)
        await settle()
        for pid in (upgraded, failing, summing):
            process.send(pid, "now", "first")
        process.send(upgraded, "now", "second")
        results = {}
        for _ in range(4):
            event = await process.events().receive()
            results[event.sender] = event.result
        return [
            results[upgraded].value,
            type(results[linked].error),
            type(results[failing].error),
            results[summing].value,
        ]

    assert await runtime.run(main, HOST) == ["second", LinkDown, Failure, 3]


# -- a process has what is its own

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nobody's")


async def test_context_variables_do_not_get_from_one_to_the_other(
    runtime: Runtime, records: Records
) -> None:
    seen: list[str] = []
    ended: list[str] = []

    class Listener(Records):
        def emit(self, record: Any) -> None:
            ended.append(variable.get())

    async def quick(n: int) -> None:
        seen.append(variable.get())
        variable.set(f"quick {n}")
        await process.inbox().receive()
        assert variable.get() == f"quick {n}"
        ended.append(variable.get())

    async def main() -> None:
        variable.set("main's")
        for n in range(5):
            pid = process.spawn_monitored(quick, None, n)
            process.send(pid, "go")
            await process.events().receive()
            assert variable.get() == "main's"

    await runtime.run(main, HOST)
    assert seen == ["nobody's"] * 5
    assert ended == [f"quick {n}" for n in range(5)]


async def test_what_runs_at_the_end_of_a_process_has_not_the_context_of_the_one_that_drives(
    runtime: Runtime, inline: Inline
) -> None:
    at_end: list[str] = []

    async def holds() -> None:
        await process.inbox().receive()

    async def main() -> None:
        variable.set("main's")
        for _ in range(3):
            pid = process.spawn_monitored(holds)
            runtime.processes[pid].hold(lambda: at_end.append(variable.get()))
            await settle()
            process.send(pid, "go")
            await process.events().receive()

    await runtime.run(main, HOST)
    assert at_end == ["nobody's"] * 3


async def test_an_exception_that_is_handled_and_a_deep_stack_stay_with_their_process(
    runtime: Runtime,
) -> None:
    seen: list[BaseException | None] = []
    deep = sys.getrecursionlimit() * 5 // 10

    def down(n: int) -> int:
        return n and down(n - 1)

    async def looks() -> None:
        async for message in process.inbox():
            seen.append(sys.exc_info()[1])
            down(deep)
            process.send(message.sender, "back")

    async def main(n: int, other: Pid | None = None) -> None:
        other = other or process.spawn(looks)
        if n:
            await main(n - 1, other)
            return
        try:
            raise Failure
        except Failure:
            for _ in range(3):
                await ask(other)
        process.terminate(other)

    await runtime.run(main, HOST, deep)
    assert seen == [None] * 3


# -- where it waits


async def test_where_processes_wait_is_told_of_all(runtime: Runtime) -> None:
    places: dict[str, tuple[str, ...]] = {}

    async def parked() -> None:
        await process.inbox().receive()

    async def with_coroutine() -> None:
        coroutine.spawn(parked_too)
        await trio.sleep_forever()

    async def parked_too() -> None:
        await Channel[int]().receive()

    async def looks(parked: Pid, with_coroutine: Pid, driver: Pid) -> None:
        await process.inbox().receive()
        places["parked"] = process.info(parked).waits_at
        places["with"] = process.info(with_coroutine).waits_at
        places["driver"] = process.info(driver).waits_at
        places["me"] = process.info().waits_at
        process.send(driver, "done")

    async def driver() -> None:
        pids = process.spawn(parked), process.spawn(with_coroutine)
        other = process.spawn(looks, None, *pids, process.pid())
        await settle()
        process.send(other, "look")
        await process.inbox().receive()
        for pid in pids:
            process.terminate(pid)

    await runtime.run(driver, HOST)
    assert places["parked"][0].endswith("in parked")
    assert [place.split()[-1] for place in places["with"]] == ["with_coroutine", "parked_too"]
    assert places["driver"][-1].endswith("in driver")
    assert places["me"] == ()


# -- the world around


def test_ctrl_c_in_a_stepped_process_comes_out_and_the_others_are_told() -> None:
    told: list[str] = []

    async def bystander() -> None:
        try:
            await forever()
        finally:
            told.append("told")

    async def victim() -> None:
        await process.inbox().receive()
        signal.raise_signal(signal.SIGINT)
        told.append("not interrupted")

    async def main() -> None:
        process.spawn(bystander)
        pid = process.spawn(victim)
        await settle()
        process.send(pid, "now")
        await forever()

    async def program() -> None:
        async with open_runtime() as runtime:
            await runtime.start_host(HOST)
            await runtime.run(main, HOST)

    with pytest.raises(BaseException) as info:
        trio.run(program, clock=MockClock(autojump_threshold=0))
    leaf: BaseException = info.value
    while isinstance(leaf, BaseExceptionGroup):
        leaf = leaf.exceptions[0]
    assert isinstance(leaf, KeyboardInterrupt)
    assert told == ["told"]


async def test_a_deadline_ends_a_runtime_whose_processes_never_wait() -> None:
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, MockClock)

    async def answers() -> None:
        async for message in process.inbox():
            clock.jump(0.00001)
            process.send(message.sender, "back", message.data)

    async def asks() -> None:
        pid = process.spawn(answers)
        while True:
            await ask(pid)

    began = trio.current_time()
    with trio.move_on_after(0.05) as scope:
        async with open_runtime() as runtime:
            await runtime.start_host(HOST)
            await runtime.run(asks, HOST)
    assert scope.cancelled_caught
    assert trio.current_time() - began <= 0.0511


async def test_a_runtime_can_be_stopped_while_processes_are_busy() -> None:
    async with open_runtime() as runtime:
        await runtime.start_host(HOST)
        runtime.spawn(pair, HOST, math.inf)
        for _ in range(3):
            await trio.lowlevel.checkpoint()
        await runtime.stop()
    assert runtime.list() == ()


async def test_processes_on_a_virtual_clock_wait_for_their_time(runtime: Runtime) -> None:
    async def late(seconds: float) -> float:
        await process.inbox().receive()
        await trio.sleep(seconds)
        return trio.current_time()

    async def main() -> list[float]:
        began = trio.current_time()
        for seconds in (3, 1, 2):
            process.send(process.spawn_monitored(late, None, seconds), "go")
        ends = [(await process.events().receive()).result.value - began for _ in range(3)]
        selected = await channel.select(process.inbox(), times.after(4))
        assert selected.channel is not process.inbox()
        return [*ends, trio.current_time() - began]

    assert await runtime.run(main, HOST) == [1, 2, 3, 7]


def test_a_cancellation_at_any_step_of_processes_that_hand_over_leaves_nothing(
    inline: Inline,
) -> None:
    opened: list[Runtime] = []

    async def server() -> None:
        async for message in process.inbox():
            message.reply(message.data)

    async def main() -> None:
        process.set_options(trap_links=True)
        other, answering = process.spawn_linked(echo), process.spawn_monitored(server)
        for n in range(3):
            assert await ask(other, n) == n
            assert await process.call(answering, "q", n) == n
            process.spawn_monitored(give)
            await process.events().receive()
        handle = coroutine.spawn(give, 7)
        assert await handle.result() == 7
        process.terminate(answering)
        await process.events().receive()

    async def program() -> None:
        async with open_runtime() as runtime:
            opened.append(runtime)
            await runtime.start_host(HOST)
            await runtime.run(main, HOST)

    def check(finished: bool) -> None:
        runtime = opened.pop()
        statistics = runtime.statistics()
        assert (statistics.hosts, statistics.processes, statistics.names) == (0, 0, 0)

    assert sweep_handing_over(program, check) > 10
    assert inline.count > 100 or SEEDED or not seats.HANDS_OVER


# -- nothing is kept


async def test_a_process_that_waits_keeps_no_message_and_no_answer(runtime: Runtime) -> None:
    import gc

    class Marked(str):
        __slots__ = ()

    def alive() -> int:
        gc.collect()
        return sum(type(obj) is dict and "marked" in obj for obj in gc.get_objects())

    async def server() -> None:
        async for message in process.inbox():
            if message.is_call:
                message.reply({"marked": [1]})
            process.send(message.sender, "back", {"marked": [2]})
            del message

    async def main() -> None:
        pid = process.spawn(server)
        for _ in range(3):
            await process.call(pid, "q", {"marked": [3]})
            await process.inbox().receive()
        await Channel[int]().receive()

    before = alive()
    pid = runtime.spawn(main, HOST)
    await wait_all_tasks_blocked()
    assert alive() == before
    runtime.terminate(pid)


async def test_nothing_grows_with_what_processes_did(runtime: Runtime) -> None:
    import gc

    async def fail_later() -> None:
        await process.inbox().receive()
        raise Failure

    async def rounds(count: int) -> None:
        for _ in range(count):
            await pair(2)
            pid = process.spawn_monitored(fail_later)
            process.send(pid, "now")
            await process.events().receive()

    def objects() -> int:
        gc.collect()
        return len(gc.get_objects())

    import logging

    logging.getLogger("echosvc").setLevel(logging.CRITICAL + 1)
    await runtime.run(rounds, HOST, 100)
    before = objects()
    await runtime.run(rounds, HOST, 300)
    logging.getLogger("echosvc").setLevel(logging.NOTSET)
    assert objects() - before < 200
