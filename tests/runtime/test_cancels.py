"""CANCELs: older than everything, and one of each sender at a time."""

from __future__ import annotations

import pytest
import trio

from echosvc import Runtime, channel, process
from tests.runtime.helpers import HOST, as_process, drain, forever, kinds, settle


async def asks(dest: str, *reasons: str) -> None:
    for reason in reasons:
        process.cancel(dest, reason)


async def test_of_each_sender_one_cancel_waits_the_first_with_its_reason(runtime: Runtime) -> None:
    async def main() -> None:
        me, events = process.pid(), process.events()
        one = process.spawn(asks, None, me, "one", "not heard")
        await settle()
        two = process.spawn(asks, None, me, "two", "not heard either")
        await settle()
        runtime.cancel(me, "from outside any process")
        await settle()
        runtime.cancel(me, "nor this")
        assert (len(events), process.info().events) == (3, 3)
        told = [(event.sender, event.reason) for event in drain(events)]
        assert told == [(one, "one"), (two, "two"), (None, "from outside any process")]

    await as_process(runtime, main)


async def test_a_cancel_after_one_that_was_received_is_news(runtime: Runtime) -> None:
    async def main() -> list[str]:
        me, events = process.pid(), process.events()
        got = []
        for reason in ("once", "and again"):
            process.cancel(me, reason)
            got.append((await events.receive()).reason)
        return got

    assert await as_process(runtime, main) == ["once", "and again"]


async def test_a_flood_of_cancels_is_one(runtime: Runtime) -> None:
    async def hears() -> None:
        process.events()
        await forever()

    pid = runtime.spawn(hears, HOST)
    await settle()
    for _ in range(10_000):
        runtime.cancel(pid, "please")
    assert runtime.info(pid).events == 1


@pytest.mark.parametrize("way", ["receive", "receive_nowait", "select"])
async def test_a_cancel_overtakes_the_events_before_it_and_these_keep_their_order(
    runtime: Runtime, way: str
) -> None:
    async def main() -> list[str]:
        me, events = process.pid(), process.events()
        process.monitor("{gone|0x00001}")
        process.cancel(me)
        process.monitor("{gone|0x00002}")
        runtime.cancel(me)
        assert len(events) == events.statistics().buffered == 4
        got = []
        while len(events):
            if way == "receive":
                got.append(await events.receive())
            elif way == "receive_nowait":
                got.append(events.receive_nowait())
            else:
                got.append((await channel.select(process.inbox(), events)).value)
        with pytest.raises(trio.WouldBlock):
            events.receive_nowait()
        return [kind if kind == "CANCEL" else str(sender) for kind, sender in kinds(got)]

    got = await as_process(runtime, main)
    assert got == ["CANCEL", "CANCEL", "{gone|0x00001}", "{gone|0x00002}"]


async def test_a_cancel_wakes_who_waits_for_events(runtime: Runtime) -> None:
    async def hears() -> str:
        return (await process.events().receive()).reason

    async with runtime.attach():
        pid = process.spawn_monitored(hears, HOST)
        await settle()
        process.cancel(pid, "why")
        assert (await process.events().receive()).result.value == "why"
