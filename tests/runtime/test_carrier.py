"""Tasks that run one process after another: nothing of a process is left in them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import Any

import pytest
import trio
from trio.lowlevel import current_task
from trio.testing import MockClock, wait_all_tasks_blocked

from echosvc import Runtime, errors, open_runtime, process
from echosvc._runtime.carrier import MOST_WAITING
from tests.runtime.helpers import HOST

mine: ContextVar[str] = ContextVar("mine", default="nobody's")


async def its_task() -> trio.lowlevel.Task:
    return current_task()


async def test_a_process_that_returned_leaves_its_task_to_the_next(runtime: Runtime) -> None:
    first = await runtime.run(its_task, HOST)
    await wait_all_tasks_blocked()
    assert await runtime.run(its_task, HOST) is first


async def test_the_task_is_called_like_its_process(runtime: Runtime) -> None:
    async def name_and_pid() -> tuple[str, str]:
        return current_task().name, process.pid()

    for _ in range(3):
        name, pid = await runtime.run(name_and_pid, HOST)
        assert name == pid


async def test_a_context_variable_does_not_live_on(runtime: Runtime) -> None:
    async def look_and_set() -> str:
        seen = mine.get()
        mine.set("somebody's")
        return seen

    seen = [await runtime.run(look_and_set, HOST) for _ in range(5)]
    assert seen == ["nobody's"] * 5


async def test_a_context_variable_of_the_spawner_does_not_get_in(runtime: Runtime) -> None:
    async def look() -> str:
        return mine.get()

    await runtime.run(look, HOST)
    mine.set("the spawner's")
    assert await runtime.run(look, HOST) == "nobody's"


async def test_a_process_that_failed_has_had_the_task_for_itself(runtime: Runtime) -> None:
    tasks = []

    async def fail() -> None:
        tasks.append(current_task())
        raise ValueError("no")

    for _ in range(3):
        with pytest.raises(ValueError, match="no"):
            await runtime.run(fail, HOST)
    assert len(set(tasks)) == 3


async def test_a_process_in_a_used_task_can_be_terminated(runtime: Runtime) -> None:
    await runtime.run(its_task, HOST)

    async def sleep() -> None:
        await trio.sleep_forever()

    for at_once in (True, False):
        pid = runtime.spawn(sleep, HOST)
        async with runtime.attach():
            process.monitor(pid)
            if not at_once:
                await wait_all_tasks_blocked()
            process.terminate(pid)
            event = await process.events().receive()
        assert isinstance(event.result.error, errors.Terminated)
        assert isinstance(await runtime.run(its_task, HOST), trio.lowlevel.Task)


async def leave_a_scope_open() -> None:
    async def numbers() -> AsyncIterator[int]:
        with trio.move_on_after(1):
            yield 1

    it = numbers()
    await anext(it)
    kept.append(it)


kept: list[AsyncIterator[int]] = []


async def test_a_scope_left_open_is_the_fault_of_who_left_it(
    runtime: Runtime, autojump_clock: MockClock
) -> None:
    with pytest.raises(RuntimeError, match="Cancel scope stack corrupted"):
        await runtime.run(leave_a_scope_open, HOST)

    async def long() -> str:
        await trio.sleep(10)
        return "done"

    assert await runtime.run(long, HOST) == "done"


async def test_a_coroutine_ends_before_the_task_is_used_again(runtime: Runtime) -> None:
    from echosvc import coroutine

    ended = []

    async def endless() -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append(1)

    async def with_coroutine() -> None:
        coroutine.spawn(endless)
        await trio.lowlevel.checkpoint()

    for number in range(1, 4):
        await runtime.run(with_coroutine, HOST)
        assert len(ended) == number


async def test_only_so_many_tasks_wait(runtime: Runtime) -> None:
    gate = trio.Event()
    for _ in range(3 * MOST_WAITING):
        runtime.spawn(gate.wait, HOST)  # what ends at once needs but a few tasks
    await wait_all_tasks_blocked()
    gate.set()
    await wait_all_tasks_blocked()
    assert len(runtime.hosts[HOST].carriers) == MOST_WAITING


async def test_a_host_that_stops_leaves_no_task(runtime: Runtime) -> None:
    before = trio.lowlevel.current_statistics().tasks_living
    await runtime.start_host("other")
    for _ in range(5):
        runtime.spawn(its_task, "other")
    await wait_all_tasks_blocked()
    await runtime.stop_host("other")
    await wait_all_tasks_blocked()
    assert trio.lowlevel.current_statistics().tasks_living == before


async def test_the_value_of_an_ended_process_is_not_kept() -> None:
    import gc
    import weakref

    class Thing:
        pass

    made: list[weakref.ref[Thing]] = []

    async def give_a_thing() -> Thing:
        thing = Thing()
        made.append(weakref.ref(thing))
        return thing

    async with open_runtime() as runtime:
        await runtime.start_host(HOST)
        runtime.spawn(give_a_thing, HOST)
        await wait_all_tasks_blocked()
        gc.collect()
        assert made
        assert made[0]() is None


async def test_a_task_that_waits_keeps_nothing_of_its_last_process(runtime: Runtime) -> None:
    """Neither the process, with its arguments, nor what its context variables were set to."""
    import gc
    import weakref

    class Thing:
        pass

    kept_by_nobody: list[weakref.ref[Any]] = []

    async def main(thing: Thing) -> None:
        mine.set(thing)  # type: ignore[arg-type]  # any object
        kept_by_nobody.append(weakref.ref(thing))
        kept_by_nobody.append(weakref.ref(current_task().context))

    thing = Thing()
    runtime.spawn(main, HOST, thing)
    del thing
    await wait_all_tasks_blocked()
    assert len(runtime.hosts[HOST].carriers) == 1
    gc.collect()
    assert [each() for each in kept_by_nobody] == [None, None]


async def forever() -> None:
    await trio.sleep_forever()


async def test_each_of_very_many_has_its_first_step(runtime: Runtime) -> None:
    for _ in range(1000):
        runtime.spawn(forever, HOST)
        runtime.spawn(its_task, HOST)
    await wait_all_tasks_blocked()
    assert runtime.statistics().processes == 1000
    assert all(runtime.info(pid).state == "waiting" for pid in runtime.list())


async def test_they_begin_in_the_order_of_spawning(runtime: Runtime) -> None:
    begun: list[int] = []

    async def begin(number: int) -> None:
        begun.append(number)
        if number % 3:
            await forever()

    for number in range(1000):
        runtime.spawn(begin, HOST, number)
    await wait_all_tasks_blocked()
    assert begun == list(range(1000))


async def test_who_was_terminated_in_the_line_never_begins(runtime: Runtime) -> None:
    begun = []

    async def begin() -> None:
        begun.append(process.pid())

    pids = [runtime.spawn(begin, HOST) for _ in range(1000)]
    for pid in pids[::2]:
        runtime.terminate(pid)
    await wait_all_tasks_blocked()
    assert begun == pids[1::2]
    assert runtime.list() == ()


async def test_a_host_that_stops_ends_those_in_the_line(runtime: Runtime) -> None:
    for _ in range(1000):
        runtime.spawn(forever, HOST)
    await runtime.stop_host(HOST)
    assert runtime.list() == ()


async def test_a_runtime_that_is_cancelled_ends_those_in_the_line() -> None:
    with trio.CancelScope() as scope:
        async with open_runtime() as runtime:
            await runtime.start_host("other")
            for _ in range(1000):
                runtime.spawn(forever, "other")
            scope.cancel()
    assert scope.cancelled_caught
    assert runtime.list() == ()
