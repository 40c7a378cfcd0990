"""Where a process may raise something, and what has to hold when it has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import trio
import trio.testing
from hypothesis import strategies as st

from echosvc import Event, Pid, Runtime, coroutine, funcs, open_runtime, process
from echosvc._exceptions import can_be_shown
from tests.hostile import KEPT, Recipe
from tests.runtime.helpers import HOST, forever, give

Room = Callable[[Recipe], Awaitable[Any]]

# -- where it is raised


async def in_main(recipe: Recipe) -> None:
    await process.inbox().receive()
    await recipe.throw()


async def in_a_nursery(recipe: Recipe) -> None:
    await process.inbox().receive()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(forever)
        # trio takes a Cancelled for its own here, and asks everything for its repr: see "What is
        # not promised".
        error = recipe.make(ValueError("instead") if recipe.base == KEPT else None)
        raise error if _has_a_repr(error) else ValueError("instead")


async def in_a_coroutine(recipe: Recipe) -> None:
    async def task() -> None:
        await process.inbox().receive()
        await recipe.throw()

    coroutine.spawn(task)
    await forever()


async def in_a_coroutine_at_the_end(recipe: Recipe) -> None:
    async def task() -> None:
        try:
            await forever()
        finally:
            await recipe.throw()

    coroutine.spawn(task)
    await process.inbox().receive()


async def in_its_cleanup(recipe: Recipe) -> None:
    try:
        await process.inbox().receive()
        process.terminate(process.pid())
        await forever()
    finally:
        with trio.CancelScope(shield=True):
            await recipe.throw()


async def after_an_upgrade(recipe: Recipe) -> None:
    await process.inbox().receive()
    await process.upgrade(recipe.throw)


async def by_main_and_a_coroutine(recipe: Recipe) -> None:
    async def task() -> None:
        await trio.lowlevel.checkpoint()
        await recipe.throw()

    await process.inbox().receive()
    coroutine.spawn(task)
    try:
        await forever()
    finally:
        with trio.CancelScope(shield=True):
            await recipe.throw()


async def in_a_call_of_a_function(recipe: Recipe) -> None:
    await process.inbox().receive()
    await funcs.call(recipe.throw)


async def in_a_child_that_it_waits_for(recipe: Recipe) -> None:
    await process.inbox().receive()
    await process.exec(recipe.throw)


async def beside_a_nursery_left_open(recipe: Recipe) -> None:
    await process.inbox().receive()
    await anext(leaves_open())
    await recipe.throw()


ROOMS: list[Room] = [
    in_main,
    in_a_nursery,
    in_a_coroutine,
    in_a_coroutine_at_the_end,
    in_its_cleanup,
    after_an_upgrade,
    by_main_and_a_coroutine,
    in_a_call_of_a_function,
    in_a_child_that_it_waits_for,
    beside_a_nursery_left_open,
]
rooms = st.sampled_from(ROOMS)


async def leaves_open(*tasks: Callable[[], Awaitable[Any]]) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        for task in tasks:
            nursery.start_soon(task)
        yield


def _has_a_repr(error: BaseException) -> bool:
    try:
        if not can_be_shown(error):
            return False
        return isinstance(repr(error), str)
    except BaseException:
        return False


# -- what must hold


async def server() -> None:
    async for message in process.inbox():
        message.reply("alive")


async def linked(pid: Pid) -> None:
    process.link(pid)
    await forever()


async def end_of(runtime: Runtime, victim: Pid) -> list[Event]:
    """Have it end, and give what those who watch it and are linked with it are told."""
    told: list[Event] = []

    async def watcher() -> None:
        process.set_options(trap_links=True)
        process.monitor(victim)
        process.link(victim)
        async for event in process.events():
            told.append(event)

    bystander = runtime.spawn(server, HOST)
    watching = runtime.spawn(watcher, HOST)
    peer = runtime.spawn(linked, HOST, victim)
    await trio.testing.wait_all_tasks_blocked()
    runtime.names.register("victim", runtime.processes[victim])
    runtime.send(victim, "go")
    await trio.sleep(1)
    assert victim not in runtime.list()
    assert runtime.names.get("victim") is None
    assert peer not in runtime.list()
    assert await runtime.call(bystander, "?") == "alive"
    assert await runtime.run(give, HOST, "works") == "works"
    assert [event.kind.name for event in told] == ["EXIT", "LINK_DOWN"]
    assert {event.sender for event in told} == {victim}
    assert all(isinstance(event.result.error, BaseException) for event in told)
    assert str(told)
    runtime.terminate(watching)
    return told


def run(body: Callable[[], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        with trio.fail_after(1000):
            return await body()

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def in_order(program: Callable[[Runtime], Awaitable[Any]]) -> None:
    """Run it in a runtime, which must be left in order."""

    async def body() -> None:
        async with open_runtime() as runtime:
            await runtime.start_host(HOST, stop_timeout=1)
            await program(runtime)

    run(body)
