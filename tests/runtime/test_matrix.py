"""Each way to end, seen by each of those whom it concerns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import trio

from echosvc import Event, Pid, Runtime, coroutine, process
from echosvc.errors import LinkDown, NameNotFound, Terminated
from tests.runtime.helpers import HOST, Failure, as_process, drain, fail, forever, settle

# -- the ways to end


async def returns() -> str:
    await process.inbox().receive()
    return "value"


async def raises() -> None:
    await process.inbox().receive()
    raise Failure("as told")


async def obeys() -> str:
    async for event in process.events():
        if event.kind is process.event.CANCEL:
            return "obeyed"
    return "closed"


async def ignores() -> None:
    async for _ in process.events():
        pass


async def coroutine_raises() -> None:
    async def task() -> None:
        await process.inbox().receive()
        raise Failure("in a coroutine")

    coroutine.spawn(task)
    await forever()


async def peer_fails() -> None:
    peer = process.spawn_linked(fail_on_message)
    await process.inbox().receive()
    process.send(peer, "now")
    await forever()


async def fail_on_message() -> None:
    await process.inbox().receive()
    await fail()


@dataclass(frozen=True)
class Way:
    main: Callable[[], Awaitable[Any]]
    bring_about: Callable[[Pid], None]
    value: Any = None
    error: type[BaseException] | None = None
    lives: bool = False


def tell(pid: Pid) -> None:
    process.send(pid, "now")


WAYS = {
    "return": Way(returns, tell, value="value"),
    "raise": Way(raises, tell, error=Failure),
    "terminate": Way(forever, process.terminate, error=Terminated),
    "cancel obeyed": Way(obeys, process.cancel, value="obeyed"),
    "cancel ignored": Way(ignores, process.cancel, lives=True),
    "coroutine raises": Way(coroutine_raises, tell, error=Failure),
    "link down": Way(peer_fails, tell, error=LinkDown),
}

way = pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))


async def bring_about(way: Way, pid: Pid) -> None:
    await settle()
    way.bring_about(pid)
    await settle()
    assert (pid in process.list()) is way.lives


def check(way: Way, event: Event, kind: object, pid: Pid) -> None:
    assert (event.kind, event.sender) == (kind, pid)
    if way.error is None:
        assert (event.result.value, event.result.error) == (way.value, None)
    else:
        assert isinstance(event.result.error, way.error)


@way
async def test_monitored(runtime: Runtime, way: Way) -> None:
    async def main() -> None:
        pid = process.spawn_monitored(way.main)
        await bring_about(way, pid)
        events = drain(process.events())
        assert len(events) == (0 if way.lives else 1)
        for event in events:
            check(way, event, process.event.EXIT, pid)

    await as_process(runtime, main)


@way
async def test_linked(runtime: Runtime, way: Way) -> None:
    async def linked(to: Pid) -> None:
        process.link(to)
        await forever()

    async def main() -> None:
        pid = process.spawn(way.main)
        peer = process.spawn_monitored(linked, None, pid)
        await bring_about(way, pid)
        ended = drain(process.events())
        if way.error is None:
            assert ended == []
            assert (process.info(peer).links == (pid,)) is way.lives
        else:
            (event,) = ended
            assert event.sender == peer
            assert isinstance(event.result.error, LinkDown)
            assert event.result.error.pid == pid
            assert isinstance(event.result.error.reason, way.error)

    await as_process(runtime, main)


@way
async def test_linked_with_trap(runtime: Runtime, way: Way) -> None:
    async def main() -> None:
        process.set_options(trap_links=True)
        pid = process.spawn_linked(way.main)
        await bring_about(way, pid)
        events = drain(process.events())
        assert len(events) == (0 if way.error is None else 1)
        for event in events:
            check(way, event, process.event.LINK_DOWN, pid)
        assert process.info().links == ((pid,) if way.lives else ())

    await as_process(runtime, main)


@way
async def test_named(runtime: Runtime, way: Way) -> None:
    async def main() -> None:
        pid = process.with_name("it").spawn(way.main)
        await bring_about(way, pid)
        if way.lives:
            assert process.registry.lookup("it") == pid
        else:
            with pytest.raises(NameNotFound):
                process.send("it", "t")
            assert process.with_name("it").spawn(forever) != pid

    await as_process(runtime, main)


@way
async def test_waited_for(runtime: Runtime, way: Way) -> None:
    got: list[Any] = []

    async def waits() -> None:
        try:
            got.append(await process.with_name("it").exec(way.main))
        except Exception as exc:
            got.append(exc)

    async def main() -> None:
        process.spawn(waits)
        await settle()
        await bring_about(way, process.registry.lookup("it"))
        if way.lives:
            assert got == []
        elif way.error is None:
            assert got == [way.value]
        else:
            assert isinstance(got[0], way.error)

    await as_process(runtime, main)
    assert trio.current_time() < 1
