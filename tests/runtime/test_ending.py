"""How a process ends, and what it means to be told to."""

from __future__ import annotations

import pytest
import trio

from echosvc import Event, Runtime, coroutine, process
from echosvc._runtime.mailbox import Mailbox
from echosvc.errors import NameNotFound, ProcessNotFound, Terminated, Unavailable
from tests.runtime.conftest import Records
from tests.runtime.helpers import HOST, Failure, as_process, drain, forever, obedient, settle


async def test_mains_return_value_is_the_result(runtime: Runtime) -> None:
    async def main() -> str:
        return "value"

    assert await as_process(runtime, main) == "value"


async def test_mains_exception_is_the_error(runtime: Runtime) -> None:
    async def main() -> None:
        raise Failure("x")

    with pytest.raises(Failure, match="x"):
        await as_process(runtime, main)


async def test_cancel_is_an_event_with_its_reason_and_sender(runtime: Runtime) -> None:
    async def main() -> None:
        me = process.pid()

        async def asks() -> None:
            process.cancel(me, "because")

        asker = process.spawn(asks)
        event = await process.events().receive()
        assert event.kind is process.event.CANCEL
        assert (event.sender, event.reason) == (asker, "because")

    await as_process(runtime, main)


async def test_cancel_can_be_ignored(runtime: Runtime) -> None:
    async def main() -> int:
        process.cancel(process.pid())
        await trio.sleep(100)
        return len(process.events())

    assert await as_process(runtime, main) == 1


async def test_terminate_cancels_at_the_next_checkpoint(runtime: Runtime) -> None:
    steps: list[str] = []

    async def main() -> None:
        process.terminate(process.pid(), "myself")
        steps.append("before the checkpoint")
        await trio.lowlevel.checkpoint()
        steps.append("after the checkpoint")

    with pytest.raises(Terminated, match="myself") as info:
        await as_process(runtime, main)
    assert info.value.reason == "myself"
    assert steps == ["before the checkpoint"]


async def test_terminate_gives_time_for_cleanup(runtime: Runtime) -> None:
    async def main() -> None:
        try:
            await forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(7)

    async with runtime.attach():
        pid = process.spawn_monitored(main, HOST)
        await settle()
        began = trio.current_time()
        process.terminate(pid)
        assert process.info(pid).state == "ending"
        event = await process.events().receive()
        assert event.at - began == 7.0
        assert isinstance(event.result.error, Terminated)


async def test_terminate_before_the_first_step_runs_nothing(runtime: Runtime) -> None:
    ran: list[int] = []

    async def main() -> None:
        ran.append(1)

    async with runtime.attach():
        pid = process.spawn_monitored(main, HOST)
        process.terminate(pid)
        event = await process.events().receive()
        assert isinstance(event.result.error, Terminated)
    assert ran == []


async def test_terminated_holds_whatever_main_returns_then(runtime: Runtime) -> None:
    async def stubborn() -> str:
        try:
            await forever()
        except trio.Cancelled:
            return "I won't"
        return ""

    async with runtime.attach():
        pid = process.spawn_monitored(stubborn, HOST)
        await settle()
        process.terminate(pid)
        event = await process.events().receive()
        assert isinstance(event.result.error, Terminated)


async def test_an_error_in_the_cleanup_is_the_error(runtime: Runtime, records: Records) -> None:
    async def main() -> None:
        try:
            await forever()
        finally:
            raise Failure("in the cleanup")

    async with runtime.attach():
        pid = process.spawn_monitored(main, HOST)
        await settle()
        process.terminate(pid)
        event = await process.events().receive()
        assert isinstance(event.result.error, Failure)
    assert len(records.errors) == 1


async def test_ending_or_cancelling_an_ended_process_says_so(runtime: Runtime) -> None:
    async def main() -> None:
        pid = process.spawn_monitored(obedient)
        await settle()
        process.cancel(pid)
        await process.events().receive()
        for tell in (process.cancel, process.terminate):
            with pytest.raises(ProcessNotFound):
                tell(pid)
            with pytest.raises(NameNotFound):
                tell("nobody")

    await as_process(runtime, main)


async def test_an_end_is_told_in_order(runtime: Runtime) -> None:
    """No routing, names, monitors, links, service, then calls and messages that were left."""
    told: list[str] = []

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(forever)

    async def observer(target: str) -> None:
        process.set_options(trap_links=True)
        process.monitor(target)
        process.link(target)
        await forever()

    news = runtime.events("process")
    target = runtime.start_process(
        main, HOST, (), on_end=lambda _: told.append(f"service, {runtime.statistics().names} names")
    )
    runtime.names.register("target", target)
    watching = runtime.start_process(observer, HOST, (target.pid,))

    class Observed(Mailbox):
        __slots__ = ()

        def put_event(self, event: Event) -> None:
            told.append(f"{event.kind.name}, {runtime.statistics().names} names")
            assert runtime.known(target.pid) is None
            super().put_event(event)

    await settle()
    watching.mailbox.__class__ = Observed
    runtime.send(target.pid, "unread")

    async def calls() -> None:
        with pytest.raises(ProcessNotFound):
            await runtime.call(target.pid, "question")
        told.append("call")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(calls)
        await settle()
        drain(news)
        runtime.terminate(target.pid)
    assert told == ["EXIT, 0 names", "LINK_DOWN, 0 names", "service, 0 names", "call"]
    kinds = [event.kind for event in drain(news) if event.path == target.pid]
    assert kinds == ["dead_letter", "ended"]


async def test_leftover_messages_are_counted_as_dead_letters(runtime: Runtime) -> None:
    news = runtime.events("process", "dead_letter")

    async def main() -> None:
        process.listen("a")
        for n in range(3):
            process.send(process.pid(), "a", n)
            process.send(process.pid(), "b", n)

    await as_process(runtime, main)
    assert runtime.statistics().dead_letters == 6
    letters = drain(news)
    assert [letter.data["topic"] for letter in letters] == ["a", "b"] * 3
    assert all("ended before" in letter.data["why"] for letter in letters)


async def test_what_an_ended_process_left_running_is_told_that_it_is_gone(
    runtime: Runtime,
) -> None:
    async def stray() -> None:
        await trio.sleep(1)
        with pytest.raises(Unavailable, match="which has ended"):
            process.pid()

    async def main(nursery: trio.Nursery) -> None:
        nursery.start_soon(stray)

    async with trio.open_nursery() as nursery:
        await as_process(runtime, main, nursery)


async def test_an_end_reaches_who_waits_in_a_coroutine(runtime: Runtime) -> None:
    async def main() -> None:
        async def child() -> None:
            await trio.sleep(1)

        process.spawn_monitored(child)

        async def waits() -> str:
            return (await process.events().receive()).kind.name

        assert await coroutine.spawn(waits).result() == "EXIT"

    await as_process(runtime, main)


async def test_nothing_of_ten_thousand_ends_is_left(runtime: Runtime) -> None:
    async def child() -> None:
        process.registry.register(f"name {process.pid()}")

    for _ in range(10):
        for _ in range(1000):
            runtime.spawn(child, HOST)
        await settle()
    statistics = runtime.statistics()
    assert (statistics.processes, statistics.names, statistics.spawned) == (0, 0, 10_000)
    assert runtime.hosts[HOST].processes == {}
    assert runtime.watch.due == {}
