"""What is not for a process to keep goes through it, and those who wait are told."""

from __future__ import annotations

import signal
from typing import Any

import pytest
import trio

from echosvc import coroutine, open_runtime, process
from echosvc.errors import LinkDown, Terminated
from tests.runtime.conftest import Records
from tests.runtime.helpers import HOST, Failure, forever, settle


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
async def test_it_comes_out_of_the_block_bare(error: type[BaseException]) -> None:
    async def main() -> None:
        raise error

    with pytest.raises(error):
        async with open_runtime() as runtime:
            await runtime.start_host(HOST)
            runtime.spawn(main, HOST)
            await forever()


async def test_it_comes_out_once_though_the_block_waits_for_its_process() -> None:
    async def main() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit) as info:
        async with open_runtime() as runtime:
            await runtime.start_host(HOST)
            await runtime.run(main, HOST)
    assert info.value.code == 3


async def test_those_who_wait_are_told_before_it_goes_on() -> None:
    told: list[Any] = []

    async def main() -> None:
        await settle()
        raise KeyboardInterrupt

    async def watcher(pid: str) -> None:
        process.set_options(trap_links=True)
        process.monitor(pid)
        process.link(pid)
        try:
            await forever()
        finally:
            while len(process.events()):
                told.append(process.events().receive_nowait().kind.name)

    with pytest.raises(KeyboardInterrupt):
        async with open_runtime() as runtime:
            await runtime.start_host(HOST)
            runtime.spawn(watcher, HOST, runtime.spawn(main, HOST))
            await forever()
    assert told == ["EXIT", "LINK_DOWN"]


async def test_from_a_coroutine_it_goes_through_too() -> None:
    async def task() -> None:
        raise KeyboardInterrupt

    async def main() -> None:
        coroutine.spawn(task)
        await forever()

    with pytest.raises(KeyboardInterrupt):
        async with open_runtime() as runtime:
            await runtime.start_host(HOST)
            await runtime.run(main, HOST)


async def test_an_error_beside_it_in_a_group_stays_the_processs(records: Records) -> None:
    async def main() -> None:
        raise BaseExceptionGroup("both", [KeyboardInterrupt(), Failure("own")])

    with pytest.raises(KeyboardInterrupt):
        async with open_runtime() as runtime:
            await runtime.start_host(HOST)
            runtime.spawn(main, HOST)
            await forever()
    (record,) = records.errors
    assert "Failure: own" in record.fields["error"]  # type: ignore[attr-defined]  # set with extra=


async def test_an_error_beside_an_outside_cancellation_reaches_nobody_else(
    records: Records,
) -> None:
    """In a group with a Cancelled that is not ours, an error would go through the host."""

    async def fails_in_cleanup() -> None:
        try:
            await forever()
        finally:
            raise Failure("in cleanup")

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fails_in_cleanup)
            nursery.start_soon(forever)

    async def in_coroutine() -> None:
        coroutine.spawn(main)
        await forever()

    with trio.move_on_after(1) as scope:
        async with open_runtime() as runtime:
            await runtime.start_host(HOST)
            runtime.spawn(main, HOST)
            runtime.spawn(in_coroutine, HOST)
            await forever()
    assert scope.cancelled_caught
    assert len(records.errors) == 2


async def test_a_process_cancelled_with_its_host_waits_for_its_coroutines() -> None:
    order: list[str] = []

    async def task() -> None:
        try:
            await forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
            order.append(f"coroutine of {process.pid()}")

    async def main() -> None:
        coroutine.spawn(task)
        await forever()

    with trio.move_on_after(1):
        async with open_runtime() as runtime:
            await runtime.start_host(HOST)
            started = runtime.start_process(
                main, HOST, (), on_end=lambda result: order.append(str(result.error))
            )
            await forever()
    assert order == [f"coroutine of {started.pid}", "terminated: its host was cancelled"]


async def test_its_links_end_with_link_down() -> None:
    ends: list[Any] = []

    async def main() -> None:
        await settle()
        raise KeyboardInterrupt

    async def linked(pid: str) -> None:
        process.link(pid)
        await forever()

    with pytest.raises(KeyboardInterrupt):
        async with open_runtime() as runtime:
            await runtime.start_host(HOST)
            pid = runtime.spawn(main, HOST)
            runtime.start_process(linked, HOST, (pid,), on_end=lambda r: ends.append(r.error))
            await forever()
    assert isinstance(ends[0], LinkDown | Terminated)


def test_ctrl_c_gets_out_of_a_process_that_never_waits() -> None:
    async def main() -> None:
        signal.raise_signal(signal.SIGINT)
        while True:
            pass

    async def program() -> None:
        async with open_runtime() as runtime:
            await runtime.start_host(HOST)
            await runtime.run(main, HOST)

    with pytest.raises(KeyboardInterrupt):
        trio.run(program)


def test_ctrl_c_does_not_tear_a_send() -> None:
    """Raised in the middle of it, it waits until it is done."""
    from echosvc._runtime import mailbox

    seen: list[bool] = []

    class Torn(mailbox.Mailbox):
        __slots__ = ()

        def put(self, message: Any) -> bool:
            signal.raise_signal(signal.SIGINT)
            done = super().put(message)
            seen.append(done)
            return done

    async def program() -> None:
        async with open_runtime() as runtime:
            await runtime.start_host(HOST)
            pid = runtime.spawn(forever, HOST)
            runtime.processes[pid].mailbox.__class__ = Torn
            runtime.send(pid, "t")
            seen.append(runtime.info(pid).mailbox == 1)
            await forever()

    with pytest.raises(KeyboardInterrupt):
        trio.run(program)
    assert seen == [True, True]
