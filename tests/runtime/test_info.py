"""Looking at processes and at the whole."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import trio

from echosvc import Runtime, coroutine, ctx, process
from echosvc.errors import NameNotFound, ProcessNotFound
from tests.runtime.helpers import HOST, as_process, forever, give, obedient, settle


async def test_info_tells_all_about_a_process(runtime: Runtime) -> None:
    async def child() -> None:
        process.registry.register("child")
        coroutine.spawn(forever)
        for _ in range(3):
            await process.inbox().receive()
        await forever()

    async def main() -> None:
        pid = process.spawn_linked_monitored(child)
        for _ in range(5):
            process.send(pid, "t")
        await trio.sleep(3)
        process.cancel(pid)
        info = process.info("child")
        me = process.pid()
        assert (info.pid, info.host, info.parent) == (pid, HOST, me)
        assert info.entry.endswith("test_info_tells_all_about_a_process.<locals>.child")
        assert (info.state, info.age) == ("waiting", 3.0)
        assert (info.mailbox, info.mailbox_high_water, info.messages_in) == (2, 5, 5)
        assert (info.mailbox_limit, info.events) == (65_536, 1)
        assert (info.links, info.monitored_by, info.monitors) == ((me,), (me,), ())
        assert info.names == ("child",)
        assert info.coroutines == ("tests.runtime.helpers.forever",)
        assert info.trap_links is False
        mine = process.info()
        assert (mine.messages_out, mine.monitors, mine.state) == (5, (pid,), "running")
        with pytest.raises(dataclasses.FrozenInstanceError):
            info.age = 0.0  # type: ignore[misc]  # that is the point

    await as_process(runtime, main)


async def test_the_states_are_starting_waiting_ending(runtime: Runtime) -> None:
    async def main() -> None:
        try:
            await forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)

    pid = runtime.spawn(main, HOST)
    assert runtime.info(pid).state == "starting"
    await settle()
    assert runtime.info(pid).state == "waiting"
    runtime.terminate(pid)
    assert runtime.info(pid).state == "ending"


async def test_what_was_asked_and_delivered_counts_as_sent(runtime: Runtime) -> None:
    async def server() -> None:
        async for message in process.inbox():
            if message.is_call:
                message.reply()

    async def main() -> int:
        pid = process.spawn(server)
        process.send(pid, "t")
        await process.deliver(pid, "t")
        await process.call(pid, "t")
        return process.info().messages_out

    assert await as_process(runtime, main) == 3


async def test_context_values_are_told_by_name_and_never_by_value(runtime: Runtime) -> None:
    async def child() -> Any:
        await process.inbox().receive()
        return ctx.get("user")

    async def main() -> Any:
        pid = process.with_context({"user": {"name": "ann"}, "key": "s3cret"}).spawn_monitored(
            child
        )
        info = process.info(pid)
        assert info.context == ("user", "key")
        assert "s3cret" not in repr(info)
        assert process.info().context == ()
        process.send(pid, "now")
        return (await process.events().receive()).result.value

    assert await as_process(runtime, main) == {"name": "ann"}


async def test_nobody_has_no_info(runtime: Runtime) -> None:
    pid = runtime.spawn(give, HOST)
    await settle()
    with pytest.raises(ProcessNotFound):
        runtime.info(pid)
    with pytest.raises(NameNotFound):
        runtime.info("nobody")


async def test_list_gives_all_oldest_first(runtime: Runtime) -> None:
    await runtime.start_host("app:other")
    pids = [runtime.spawn(forever, host) for host in (HOST, "app:other", HOST)]
    assert runtime.list() == tuple(pids)
    async with runtime.attach() as me:
        assert process.list() == (*pids, me)


async def test_statistics_count_what_there_is(runtime: Runtime) -> None:
    async with runtime.attach(name="me") as me:
        process.send(me, "t")
        for _ in range(3):
            process.spawn(obedient, HOST)
        statistics = runtime.statistics()
        assert (statistics.hosts, statistics.processes, statistics.names) == (2, 4, 1)
        assert (statistics.spawned, statistics.messages_waiting) == (4, 1)
        assert statistics.dead_letters == 0
    assert runtime.statistics().dead_letters == 1


async def test_a_process_looks_readable(runtime: Runtime) -> None:
    async def main() -> None:
        process.send(process.pid(), "topic", 1)
        message = process.inbox().receive_nowait()
        assert repr(message) == "<Message 'topic' from {app:processes|0x00001}: 1>"
        process.monitor("{gone|0x00009}")
        event = process.events().receive_nowait()
        assert repr(event).startswith("<EXIT from {gone|0x00009} error=ProcessNotFound(")
        process.cancel(process.pid(), "why")
        assert repr(process.events().receive_nowait()).endswith("{app:processes|0x00001} 'why'>")
        assert repr(process.event.EXIT) == "event.EXIT"
        assert repr(process.inbox()) == "<inbox with 0 waiting>"

    await as_process(runtime, main)
