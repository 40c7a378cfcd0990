"""A cancellation at every step of what processes do together: nothing is torn, nothing is left."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from echosvc import Runtime, coroutine, open_runtime, process
from echosvc.errors import CallTimeout, Error, ProcessNotFound
from tests.runtime.helpers import HOST, Failure, fail, forever, give, obedient
from tests.sweep import sweep, sweep_handing_over, sweep_part


async def server() -> None:
    process.registry.register("server")
    async for message in process.inbox():
        if message.is_call:
            await trio.sleep(message.data)
            message.reply("answer")


async def calls(runtime: Runtime) -> None:
    runtime.spawn(server, HOST)
    async with runtime.attach():
        await process.registry.wait("server")
        assert await process.call("server", "q", 1) == "answer"
        with pytest.raises(CallTimeout):
            await process.call("server", "q", 5, timeout=2)
        process.terminate("server")
        with pytest.raises(ProcessNotFound):
            await process.call(runtime.list()[0], "q", 0)


async def executes(runtime: Runtime) -> None:
    async def main() -> Any:
        return await process.exec(give, None, await process.exec(give, None, 7))

    assert await runtime.run(main, HOST) == 7
    with pytest.raises(Failure):
        await runtime.run(fail, HOST)


async def delivers(runtime: Runtime) -> None:
    await runtime.start_host("app:small", mailbox=1)
    got: list[int] = []

    async def reads() -> None:
        for _ in range(4):
            await trio.sleep(1)
            got.append((await process.inbox().receive()).data)

    async with runtime.attach():
        to = process.spawn_monitored(reads, "app:small")
        for n in range(4):
            await process.deliver(to, "n", n)
        await process.events().receive()
    assert got == [0, 1, 2, 3]


async def coroutines(runtime: Runtime) -> None:
    async def slow(n: int) -> int:
        try:
            await trio.sleep(n)
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
        return n

    async def main() -> int:
        handles = [coroutine.spawn(slow, n) for n in range(3)]
        coroutine.spawn(forever)
        return sum([await handle.result() for handle in handles])

    assert await runtime.run(main, HOST) == 3


async def upgrades(runtime: Runtime) -> None:
    async def first() -> None:
        coroutine.spawn(forever)
        await trio.sleep(1)
        await process.upgrade(give, 7)

    assert await runtime.run(first, HOST) == 7


async def links(runtime: Runtime) -> None:
    async def main() -> list[str]:
        process.set_options(trap_links=True)
        process.spawn_linked_monitored(fail)
        process.spawn_linked_monitored(give)
        process.terminate(process.spawn_monitored(forever))
        return sorted([(await process.events().receive()).kind.name for _ in range(4)])

    assert await runtime.run(main, HOST) == ["EXIT", "EXIT", "EXIT", "LINK_DOWN"]


async def hosts(runtime: Runtime) -> None:
    await runtime.start_host("app:h", stop_timeout=2)
    for main in (obedient, forever, server):
        runtime.spawn(main, "app:h")
    await trio.sleep(1)
    await runtime.stop_host("app:h")
    await runtime.start_host("app:h")
    assert await runtime.run(give, "app:h", 1) == 1
    await runtime.stop()


async def attaches(runtime: Runtime) -> None:
    async with runtime.attach(name="one"):
        async with runtime.attach(name="two"):
            coroutine.spawn(forever)
            process.send("one", "t")
        assert (await process.inbox().receive()).topic == "t"


# The first one stops the runtime itself.
SCENARIOS = [hosts, calls, executes, delivers, coroutines, upgrades, links, attaches]


@pytest.mark.parametrize("sweep", [sweep, sweep_handing_over])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_nothing_is_left_wherever_it_is_cancelled(
    scenario: Callable[[Runtime], Awaitable[None]], sweep: Callable[..., int]
) -> None:
    """The block itself is cancelled: everything of the runtime has to end."""
    opened: list[Runtime] = []

    async def program() -> None:
        async with open_runtime() as runtime:
            opened.append(runtime)
            try:
                await runtime.start_host(HOST)
                await scenario(runtime)
            except Error:
                # Who was woken just before all was cancelled finds the others gone.
                await trio.lowlevel.checkpoint_if_cancelled()
                raise

    def check(finished: bool) -> None:
        while opened:
            gone(opened.pop())

    assert sweep(program, check) > 5


@pytest.mark.parametrize("handing_over", [False, True])
@pytest.mark.parametrize("scenario", SCENARIOS[1:], ids=lambda scenario: scenario.__name__)
def test_the_runtime_goes_on_wherever_one_of_its_users_is_cancelled(
    scenario: Callable[[Runtime], Awaitable[None]], handing_over: bool
) -> None:
    """Only the user is cancelled: the runtime must still work, and then stop in order."""
    opened: list[Runtime] = []

    async def program(user: trio.CancelScope) -> None:
        async with open_runtime() as runtime:
            opened.append(runtime)
            await runtime.start_host(HOST)
            with user:
                await scenario(runtime)
            with trio.fail_after(1000):
                assert await runtime.run(give, HOST, 1) == 1
                assert all(pid.host != "attached" for pid in runtime.list())
                await runtime.stop()

    def check(finished: bool) -> None:
        while opened:
            gone(opened.pop())

    assert sweep_part(program, check, handing_over=handing_over) > 5


def gone(runtime: Runtime) -> None:
    statistics = runtime.statistics()
    assert (statistics.hosts, statistics.processes, statistics.names) == (0, 0, 0)
    assert runtime.watch.due == {}
    assert runtime.names._wanted == {}
    assert not runtime.bus.listening
