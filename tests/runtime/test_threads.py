"""A thread is not the process that has started it: it is refused, and nothing has been done."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import trio

from echosvc import Runtime, coroutine, events, funcs, logger, open_runtime, pg, process
from echosvc.errors import Unavailable
from tests.runtime.helpers import HOST, as_process, forever, give, settle


@pytest.fixture(autouse=True)
def _virtual_time() -> None:
    """Threads know of no clock that a test moves: here it is the real one."""


@pytest.fixture
async def runtime() -> AsyncIterator[Runtime]:
    async with open_runtime() as runtime:
        await runtime.start_host(HOST)
        yield runtime


def refused(work: Callable[..., Any], *args: Any) -> Callable[[], str]:
    def in_thread() -> str:
        with pytest.raises(Unavailable) as caught:
            work(*args)
        return str(caught.value)

    return in_thread


async def test_a_send_from_a_thread_is_refused_and_loses_nothing(runtime: Runtime) -> None:
    got: list[int] = []

    async def receiver() -> None:
        async for message in process.inbox():
            got.append(message.data)

    pid = runtime.spawn(receiver, HOST)
    await settle()

    async def main() -> None:
        text = await trio.to_thread.run_sync(refused(process.send, pid, "t", 1))
        assert text == (
            f"this thread is not the one in which process {process.pid()} runs; "
            "go back to that with 'trio.from_thread.run_sync(...)'"
        )
        process.send(pid, "t", 2)
        await settle()

    await as_process(runtime, main)
    assert got == [2]


async def test_a_thread_can_go_back_to_its_process(runtime: Runtime) -> None:
    async def main() -> Any:
        me = process.pid()
        await trio.to_thread.run_sync(
            lambda: trio.from_thread.run_sync(process.send, me, "t", "back")
        )
        return (await process.inbox().receive()).data

    assert await as_process(runtime, main) == "back"


async def test_a_coroutine_spawned_in_a_thread_is_refused_and_is_not_waited_for(
    runtime: Runtime,
) -> None:
    async def main() -> int:
        await trio.to_thread.run_sync(refused(coroutine.spawn, forever))
        return 1

    assert await as_process(runtime, main) == 1


@pytest.mark.parametrize(
    ("work", "args"),
    [
        (process.pid, ()),
        (process.inbox, ()),
        (process.events, ()),
        (process.listen, ("t",)),
        (process.ready, ()),
        (process.set_options, ()),
        (process.spawn, (forever,)),
        (process.spawn_linked_monitored, (forever,)),
        (process.monitor, ("{x|0x1}",)),
        (process.link, ("{x|0x1}",)),
        (process.cancel, ("name",)),
        (process.terminate, ("name",)),
        (process.info, ()),
        (process.list, ()),
        (process.registry.register, ("name",)),
        (process.registry.lookup, ("name",)),
        (funcs.start, (give,)),
        (events.send, ("app", "kind", "path", {})),
        (pg.join, ("group",)),
    ],
)
async def test_all_of_a_process_is_refused_in_a_thread(
    runtime: Runtime, work: Callable[..., Any], args: tuple[Any, ...]
) -> None:
    async def main() -> None:
        await trio.to_thread.run_sync(refused(work, *args))

    before = runtime.statistics()
    await as_process(runtime, main)
    await settle()
    after = runtime.statistics()
    assert (after.processes, after.names) == (before.processes, before.names)
    assert after.spawned == before.spawned + 1


async def test_a_thread_may_log(runtime: Runtime) -> None:
    async def main() -> None:
        await trio.to_thread.run_sync(logger.info, "from a thread")

    await as_process(runtime, main)


async def test_in_an_attached_task_it_is_the_same(runtime: Runtime) -> None:
    async with runtime.attach():
        await trio.to_thread.run_sync(refused(process.send, "name", "t"))


async def test_a_task_that_is_left_of_an_ended_process_is_told_so(runtime: Runtime) -> None:
    async with trio.open_nursery() as nursery:
        async with runtime.attach() as pid:
            ended = trio.Event()

            async def left() -> str:
                await ended.wait()
                with pytest.raises(Unavailable, match=r"belonged to process .*, which has ended"):
                    process.send(pid, "t")
                return ""

            nursery.start_soon(left)
        ended.set()
