"""Supervisors and runtimes in programs of other people's: guests, two at a time, nothing global."""

from __future__ import annotations

import asyncio
import logging
import queue
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import outcome
import pytest
import trio

from echosvc import Runtime, open_runtime
from echosvc._manifest.entry import Entry
from echosvc._manifest.kinds import KINDS, Kind, Lifecycle
from echosvc._manifest.registry import Registry
from echosvc.errors import GaveUp, Invalid, Unavailable
from echosvc.supervision import ChildSpec, open_supervisor
from tests.runtime.helpers import HOST, Failure, obedient, settle
from tests.services.conftest import App, states


@pytest.fixture
def _virtual_time() -> None:
    """Guests run on the clock of their host."""


def as_guest(program: Callable[[], Any]) -> Any:
    """Run a program as the guest of the plainest event loop there is."""
    todo: queue.Queue[Callable[[], object]] = queue.Queue()
    results: list[outcome.Outcome[Any]] = []
    trio.lowlevel.start_guest_run(
        program, run_sync_soon_threadsafe=todo.put, done_callback=results.append
    )
    while not results:
        todo.get(timeout=10)()
    return results[0].unwrap()


def test_guest_of_a_plain_queue_runs_supervised_tasks() -> None:
    runs = 0

    async def flaky() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise Failure
        stable.set()
        await trio.sleep_forever()

    async def program() -> int:
        async with open_supervisor() as sup:
            child = await sup.start(ChildSpec("flaky", flaky))
            await stable.wait()
            return child.restarts

    stable = trio.Event()
    assert as_guest(program) == 2


def test_giving_up_leaves_a_guest_run_as_it_does_any_other() -> None:
    async def crash() -> None:
        raise Failure

    async def program() -> None:
        async with open_supervisor() as sup:
            await sup.start(ChildSpec("crash", crash))
            await trio.sleep_forever()

    with pytest.raises(GaveUp):
        as_guest(program)


def test_guest_of_asyncio_runs_services(app: App) -> None:
    app.service("s", "obedient")
    folder = app.write()

    async def program() -> dict[str, str]:
        async with open_runtime(folder) as runtime:
            await settle()
            await runtime.restart_service("app:s")
            return states(runtime)

    async def host() -> dict[str, str]:
        loop = asyncio.get_running_loop()
        result: asyncio.Future[outcome.Outcome[dict[str, str]]] = loop.create_future()
        trio.lowlevel.start_guest_run(
            program,
            run_sync_soon_threadsafe=loop.call_soon_threadsafe,
            done_callback=result.set_result,
        )
        return (await result).unwrap()

    assert asyncio.run(host()) == {"s": "running"}


def test_plain_trio_run_with_a_server_in_the_same_nursery(app: App) -> None:
    app.service("s", "obedient")
    folder = app.write()

    async def main() -> bytes:
        async with trio.open_nursery() as nursery, open_runtime(folder) as runtime:

            async def accept(stream: trio.SocketStream) -> None:
                await stream.send_all(str(len(runtime.list())).encode())

            (listener,) = await nursery.start(partial(trio.serve_tcp, accept, 0, host="127.0.0.1"))
            port = listener.socket.getsockname()[1]
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                found = await stream.receive_some()
            nursery.cancel_scope.cancel()
        return found

    assert trio.run(main) == b"1"


def test_nothing_global_is_touched(app: App) -> None:
    app.service("s", "obedient")
    folder = app.write()
    numbers = [signal.SIGTERM, signal.SIGHUP, signal.SIGINT]
    seen = {}

    def look() -> dict[str, object]:
        return {
            "signals": [signal.getsignal(number) for number in numbers],
            "handlers": list(logging.getLogger().handlers),
            "levels": [logging.getLogger(name).level for name in ("", "echosvc")],
            "streams": (sys.stdout, sys.stderr, sys.stdin),
            "hooks": (sys.excepthook, sys.unraisablehook),
        }

    async def main() -> None:
        before = look()
        async with open_runtime(folder), open_supervisor() as sup:
            await sup.start(ChildSpec("a", trio.sleep_forever))
            await settle()
            seen["same"] = look() == before

    trio.run(main)
    assert seen["same"]


async def test_two_runtimes_share_nothing() -> None:
    async def one_and(two: Runtime, one: Runtime) -> None:
        pid = one.spawn(obedient, HOST)
        assert two.known(pid) is None
        assert one.statistics().processes == 1
        assert two.statistics().processes == 0

    async with open_runtime() as one, open_runtime() as two:
        await one.start_host(HOST)
        await two.start_host(HOST)
        await one_and(two, one)
        await one.stop("enough")
        two.spawn(obedient, HOST)
        assert two.statistics().processes == 1


def test_under_asyncio_a_runtime_says_that_it_needs_trio() -> None:
    async def main() -> None:
        with pytest.raises(Unavailable, match=r"open_runtime needs trio\.run") as info:
            async with open_runtime():
                raise AssertionError("it was opened")
        assert not info.value.retryable

    asyncio.run(main())


async def test_overrides_for_a_registry_are_refused_and_nothing_starts() -> None:
    ran = []

    async def main(entry: Entry) -> None:
        ran.append(entry.id)

    class Spec(msgspec.Struct):
        lifecycle: Lifecycle = Lifecycle(auto_start=True)

    kinds = {**KINDS, "own.kind": Kind("own.kind", Spec, run=main)}
    registry = Registry.from_entries([{"id": "app:own", "kind": "own.kind"}], kinds=kinds)
    with pytest.raises(Invalid, match="overrides go with a folder; a registry has been checked"):
        async with open_runtime(registry, overrides=["app:own:lifecycle.ready=explicit"]):
            pytest.fail("it was opened")
    assert ran == []
    async with open_runtime(registry, overrides=[]):
        await settle()
    assert ran == ["app:own"]
