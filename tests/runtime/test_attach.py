"""A task that was there before, as a process for a block."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from echosvc import Event, Runtime, coroutine, open_runtime, process
from echosvc._runtime.signals import Watch
from echosvc.errors import LinkDown, ProcessNotFound, Terminated, Unavailable
from tests.runtime.conftest import Records
from tests.runtime.helpers import HOST, Failure, drain, fail_when_told, forever, give, settle


async def test_all_of_process_works_in_the_block(runtime: Runtime) -> None:
    async with runtime.attach() as pid:
        assert process.pid() == pid == "{attached|0x00001}"
        process.send(pid, "t", 1)
        assert (await process.inbox().receive()).data == 1
        process.registry.register("me")
        child = process.spawn_monitored(give, HOST, 7)
        assert (await process.events().receive()).result.value == 7
        assert process.info().parent is None
        assert process.list() == (pid,)
        assert child != pid
        assert await process.exec(give, HOST, 8) == 8
        listened = process.listen("topic")
        process.send("me", "topic", 9)
        assert await listened.receive() == 9
        assert await coroutine.spawn(give, 10).result() == 10
    with pytest.raises(Unavailable):
        process.pid()
    assert runtime.list() == ()


async def test_a_child_without_a_host_runs_beside_the_block(runtime: Runtime) -> None:
    async with runtime.attach():
        process.spawn_monitored(give, None, 7)
        assert (await process.events().receive()).result.value == 7


async def test_blocks_nest_and_the_end_of_one_is_a_normal_end(runtime: Runtime) -> None:
    async with runtime.attach() as outer:
        async with runtime.attach() as inner:
            assert process.pid() == inner != outer
            runtime.route(inner, Watch(outer))
        assert process.pid() == outer
        event = process.events().receive_nowait()
        assert (event.sender, event.result.ok, event.result.value) == (inner, True, None)


async def test_monitors_and_links_learn_how_the_block_ended(runtime: Runtime) -> None:
    told: list[Event] = []

    async def watcher(pid: str) -> None:
        process.set_options(trap_links=True)
        process.monitor(pid)
        process.link(pid)
        for _ in range(2):
            told.append(await process.events().receive())

    with pytest.raises(Failure):
        async with runtime.attach() as pid:
            runtime.spawn(watcher, HOST, pid)
            await settle()
            raise Failure
    await settle()
    assert [event.kind.name for event in told] == ["EXIT", "LINK_DOWN"]
    assert all(isinstance(event.result.error, Failure) for event in told)


async def test_the_blocks_error_is_the_authors_and_not_logged(
    runtime: Runtime, records: Records
) -> None:
    with pytest.raises(Failure):
        async with runtime.attach():
            raise Failure
    assert records.errors == []


async def test_terminate_cancels_the_block_which_raises_terminated(runtime: Runtime) -> None:
    with pytest.raises(Terminated, match="enough"):
        async with runtime.attach() as pid:
            runtime.terminate(pid, "enough")
            await forever()


async def test_a_block_that_ended_before_it_noticed_still_ended_terminated(
    runtime: Runtime,
) -> None:
    events: list[Any] = []

    async def watcher(pid: str) -> None:
        process.monitor(pid)
        events.append(await process.events().receive())

    async with runtime.attach() as pid:
        runtime.spawn(watcher, HOST, pid)
        await settle()
        runtime.terminate(pid)
    await settle()
    assert isinstance(events[0].result.error, Terminated)


async def test_a_failing_link_ends_the_block_with_link_down(runtime: Runtime) -> None:
    with pytest.raises(LinkDown) as info:
        async with runtime.attach():
            process.send(process.spawn_linked(fail_when_told, HOST), "now")
            await forever()
    assert isinstance(info.value.reason, Failure)


async def test_a_failing_coroutine_ends_the_block_with_its_error(runtime: Runtime) -> None:
    async def fails() -> None:
        raise Failure("in the coroutine")

    with pytest.raises(Failure, match="in the coroutine"):
        async with runtime.attach():
            coroutine.spawn(fails)
            await forever()


async def test_a_coroutine_that_fails_in_its_cleanup_is_not_lost(
    runtime: Runtime, records: Records
) -> None:
    async def fails_late() -> None:
        try:
            await forever()
        finally:
            raise Failure("late")

    with pytest.raises(Failure, match="late"):
        async with runtime.attach():
            coroutine.spawn(fails_late)
            await settle()
    assert records.errors == []
    with pytest.raises(ValueError, match="mine"):
        async with runtime.attach():
            coroutine.spawn(fails_late)
            await settle()
            raise ValueError("mine")
    assert len(records.errors) == 1


async def test_the_blocks_coroutines_end_with_it(runtime: Runtime) -> None:
    ended: list[float] = []

    async def cleans_up() -> None:
        try:
            await forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(2)
            ended.append(trio.current_time())

    async with runtime.attach():
        coroutine.spawn(cleans_up)
        await settle()
    assert ended == [trio.current_time()]


async def test_a_cancelled_block_is_a_terminated_process(runtime: Runtime) -> None:
    results: list[Any] = []

    async def watcher(pid: str) -> None:
        process.monitor(pid)
        results.append((await process.events().receive()).result.error)

    with trio.move_on_after(1) as scope:
        async with runtime.attach() as pid:
            runtime.spawn(watcher, HOST, pid)
            await forever()
    assert scope.cancelled_caught
    await settle()
    assert isinstance(results[0], Terminated)


async def test_leftover_calls_are_answered_at_the_blocks_end(runtime: Runtime) -> None:
    answered = trio.Event()

    async def asks(pid: str) -> None:
        with pytest.raises(ProcessNotFound):
            await process.call(pid, "question")
        answered.set()

    async with runtime.attach() as pid:
        runtime.spawn(asks, HOST, pid)
        await settle()
        assert not answered.is_set()
    await answered.wait()


async def test_tasks_of_the_block_belong_to_it(runtime: Runtime) -> None:
    async def task(pid: str) -> None:
        assert process.pid() == pid

    async with runtime.attach() as pid, trio.open_nursery() as nursery:
        nursery.start_soon(task, pid)


async def test_many_attach_at_once(runtime: Runtime) -> None:
    pids: set[str] = set()

    async def task() -> None:
        async with runtime.attach() as pid:
            coroutine.spawn(give)
            await trio.sleep(1)
            pids.add(pid)

    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(task)
    assert len(pids) == 50


async def test_stopping_the_runtime_ends_attached_tasks(runtime: Runtime) -> None:
    async def task() -> None:
        with pytest.raises(Terminated):
            async with runtime.attach():
                await forever()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(task)
        await settle()
        await runtime.stop()


async def test_an_attached_task_is_asked_before_it_is_ended() -> None:
    async with open_runtime() as runtime:
        reasons: list[str] = []

        async def task() -> None:
            async with runtime.attach():
                async for event in process.events():
                    reasons.append(event.reason)
                    return

        async with trio.open_nursery() as nursery:
            nursery.start_soon(task)
            await settle()
            await runtime.stop("the end")
        assert reasons == ["the end"]


async def test_attach_is_told_of_on_the_bus(runtime: Runtime) -> None:
    news = runtime.events("process")
    async with runtime.attach():
        pass
    assert [(event.kind, event.path) for event in drain(news)] == [
        ("started", "{attached|0x00001}"),
        ("ended", "{attached|0x00001}"),
    ]


async def test_an_attached_task_cannot_be_upgraded(runtime: Runtime) -> None:
    async with runtime.attach():
        with pytest.raises(Unavailable, match="no main"):
            await process.upgrade(give)
