"""Each way to end, seen by each of those whom it concerns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio

from echosvc import Event, Pid, Runtime, coroutine, open_runtime, process
from echosvc.errors import LinkDown, NameNotFound, Terminated
from tests.runtime.helpers import Failure, as_process, drain, fail, forever, settle

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


MANIFEST = """
version: "1.0"
namespace: app
entries:
  - name: processes
    kind: process.host
    lifecycle: {auto_start: true}
  - name: it
    kind: process.py
    source: file://it.py
    method: main
  - name: service
    kind: process.service
    process: app:it
    host: app:processes
    args: [%s]
    lifecycle: {auto_start: true, restart: {initial_delay: 1s, jitter: 0}}
"""

SOURCE = """
from tests.runtime.test_matrix import WAYS

async def main(way: str) -> object:
    return await WAYS[way].main()
"""


@pytest.mark.parametrize("name", WAYS)
async def test_service(tmp_path: Path, name: str) -> None:
    way = WAYS[name]
    (tmp_path / "_index.yaml").write_text(MANIFEST % name)
    (tmp_path / "it.py").write_text(SOURCE)
    async with open_runtime(tmp_path) as runtime, runtime.attach():
        (before,) = runtime.services()
        assert before.state.value == "running"
        assert before.pid is not None
        await bring_about(way, before.pid)
        (after,) = runtime.services()
        if way.lives:
            assert (after.state.value, after.pid) == ("running", before.pid)
        elif way.error is None:
            await trio.sleep(1000)
            assert [s.state.value for s in runtime.services()] == ["exited"]
        else:
            assert (after.state.value, after.pid) == ("failed", None)
            assert isinstance(after.last_error, way.error)
            await trio.sleep(1.5)
            (again,) = runtime.services()
            assert again.state.value == "running"
            assert again.pid not in (None, before.pid)
