"""The event bus, for applications."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from echosvc import Runtime, channel, events, process, time
from echosvc.errors import Invalid, PermissionDenied, Unavailable
from tests.runtime.helpers import as_process, drain, settle


async def test_an_event_reaches_those_who_listen_to_its_system(runtime: Runtime) -> None:
    async def main() -> None:
        shop, yard = events.subscribe("shop"), events.subscribe("yard")
        events.send("shop", "sold", "app:till", {"item": "tea"})
        event = await shop.receive()
        assert (event.system, event.kind, event.path) == ("shop", "sold", "app:till")
        assert event.data == {"item": "tea"}
        assert event.at == trio.current_time()
        assert len(yard) == 0

    await as_process(runtime, main)


async def test_systems_and_kinds_are_chosen_by_globs(runtime: Runtime) -> None:
    async def main() -> None:
        some = events.subscribe("shop.*", "s[oe]*")
        for system, kind in (("shop.tea", "sold"), ("shop.tea", "bought"), ("yard", "sold")):
            events.send(system, kind)
        assert [(e.system, e.kind, e.data) for e in drain(some)] == [("shop.tea", "sold", {})]

    await as_process(runtime, main)


async def test_the_runtime_tells_on_the_same_bus(runtime: Runtime) -> None:
    async def child() -> None:
        pass

    async def main() -> None:
        news = events.subscribe("process", "ended")
        pid = process.spawn(child)
        event = await news.receive()
        assert event.path == pid

    await as_process(runtime, main)


async def test_each_listener_has_data_of_its_own(runtime: Runtime) -> None:
    async def main() -> None:
        one, two = events.subscribe("shop"), events.subscribe("shop")
        data: dict[str, Any] = {"items": ["tea"]}
        events.send("shop", "sold", data=data)
        data["items"].append("late")
        (await one.receive()).data["items"].append("mine")
        assert (await two.receive()).data == {"items": ["tea"]}

    await as_process(runtime, main)


async def test_what_a_slow_listener_missed_is_counted(runtime: Runtime) -> None:
    async def main() -> None:
        slow = events.subscribe("shop", size=2)
        for n in range(5):
            events.send("shop", str(n))
        first = await slow.receive()
        assert first.kind == "0"
        rest = drain(slow)
        assert [event.kind for event in rest] == ["1", "gap"]
        assert (rest[-1].system, rest[-1].data) == ("bus", {"missed": 3})
        events.send("shop", "after")
        assert (await slow.receive()).kind == "after"

    await as_process(runtime, main)


async def test_a_subscription_ends_with_its_process(runtime: Runtime) -> None:
    taken = []

    async def main() -> None:
        taken.append(events.subscribe("shop"))
        events.send("shop", "sold")

    await as_process(runtime, main)
    assert not runtime.bus.listening
    (subscription,) = taken
    assert subscription.receive_nowait().kind == "sold"
    with pytest.raises(trio.EndOfChannel):
        subscription.receive_nowait()


async def test_a_closed_subscription_is_forgotten_by_its_process(runtime: Runtime) -> None:
    async def main() -> None:
        subscription = events.subscribe("shop")
        subscription.close()
        subscription.close()
        assert not runtime.bus.listening
        assert not runtime.processes[process.pid()].holds
        events.send("shop", "sold")
        assert len(subscription) == 0

    await as_process(runtime, main)


async def test_a_subscription_does_not_outlive_an_upgrade(runtime: Runtime) -> None:
    async def second() -> bool:
        return runtime.bus.listening

    async def first() -> None:
        events.subscribe("shop")
        await process.upgrade(second)

    assert await as_process(runtime, first) is False


async def test_a_subscription_closes_when_the_runtime_stops(runtime: Runtime) -> None:
    async with runtime.attach():
        subscription = events.subscribe("shop")
        runtime.bus.close()
        async for _ in subscription:
            raise AssertionError("nobody sent anything")


async def test_a_subscription_is_a_case_of_select(runtime: Runtime) -> None:
    async def main() -> None:
        shop = events.subscribe("shop")
        r = await channel.select(shop, time.after("1s"))
        assert r.channel is not shop
        events.send("shop", "sold")
        assert (await channel.select(shop, time.after("1s"))).value.kind == "sold"

    await as_process(runtime, main)


@pytest.mark.parametrize("system", sorted(events.RESERVED))
async def test_the_systems_of_the_runtime_are_refused(runtime: Runtime, system: str) -> None:
    async with runtime.attach():
        with pytest.raises(PermissionDenied, match=f"'{system}' are the runtime's own"):
            events.send(system, "sold")


async def test_all_that_the_runtime_tells_is_reserved(runtime: Runtime) -> None:
    told = runtime.events()
    async with runtime.attach():
        await settle()
    assert {event.system for event in drain(told)} <= events.RESERVED


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("", "sold"), "system: expected str of length >= 1"),
        (("shop*", "sold"), "not a system"),
        (("shop", "so ld"), "not a kind"),
        (("shop", 7), "kind: expected str, got int"),
        (("shop", "sold", 7), "path"),
        (("shop", "sold", "", [1]), "data: expected a dict"),
    ],
)
async def test_what_is_no_event_is_refused(
    runtime: Runtime, arguments: tuple[Any, ...], words: str
) -> None:
    async with runtime.attach():
        heard = events.subscribe()
        with pytest.raises(Invalid, match=words):
            events.send(*arguments)
        assert len(heard) == 0


async def test_a_subscription_without_room_is_refused(runtime: Runtime) -> None:
    async with runtime.attach():
        with pytest.raises(Invalid, match="size: expected int >= 1"):
            events.subscribe(size=0)
        with pytest.raises(Invalid, match="system: expected str"):
            events.subscribe(7)  # type: ignore[arg-type]  # what is tested


def test_outside_a_process_there_is_no_bus() -> None:
    with pytest.raises(Unavailable):
        events.send("shop", "sold")
    with pytest.raises(Unavailable):
        events.subscribe()
