"""What a supervisor tells: who, what, why, decision and delay."""

from __future__ import annotations

import pytest
import trio

from echosvc.errors import GaveUp
from echosvc.supervision import RestartPolicy, SupervisorEvent, open_supervisor
from tests.supervision.helpers import Puppet, settle, told, whats


async def test_each_thing_is_told_once_with_its_reason_and_what_follows() -> None:
    one, two = Puppet("one"), Puppet("two")
    policy = RestartPolicy(initial_delay=3, jitter=0)
    async with open_supervisor("rest_for_one", name="tree") as sup:
        events = sup.events
        await sup.start(one.spec(backoff=policy))
        await sup.start(two.spec(restart="transient"))
        await trio.sleep(1)
        error = one.fail()
        await trio.sleep(5)
        two.finish()
        await settle()
    names = ("one", "two")
    assert told(sup) == [
        SupervisorEvent("tree", "one", "started", 0),
        SupervisorEvent("tree", "two", "started", 0),
        SupervisorEvent("tree", "one", "failed", 1, error, "restart", 3, names),
        SupervisorEvent("tree", "two", "stopped", 1),
        SupervisorEvent("tree", "one", "started", 4),
        SupervisorEvent("tree", "two", "started", 4),
        SupervisorEvent("tree", "two", "exited", 6, None, "leave"),
        SupervisorEvent("tree", "one", "stopped", 6),
    ]
    with pytest.raises(trio.EndOfChannel):
        await events.receive()


async def test_giving_up_is_told_before_the_stops_that_follow_from_it() -> None:
    puppet = Puppet("a")
    with pytest.raises(GaveUp):
        async with open_supervisor(max_restarts=0) as sup:
            events = sup.events
            await sup.start(Puppet("other").spec())
            await sup.start(puppet.spec())
            await settle()
            error = puppet.fail()
            await trio.sleep_forever()
    found = told(sup)
    assert whats(found)[2:] == [
        ("a", "failed", "give_up"),
        ("a", "gave_up", ""),
        ("other", "stopped", ""),
    ]
    assert found[2].error is found[3].error is error
    assert events.statistics().closed


async def test_events_are_kept_from_the_first_access_on() -> None:
    async with open_supervisor() as sup:
        await sup.start(Puppet("early").spec())
        assert len(sup.events) == 0
        await sup.start(Puppet("late").spec())
        assert whats(told(sup)) == [("late", "started", "")]


async def test_events_after_the_end_are_a_closed_channel() -> None:
    async with open_supervisor() as sup:
        pass
    with pytest.raises(trio.EndOfChannel):
        await sup.events.receive()


async def test_events_that_nobody_reads_are_counted_in_their_place() -> None:
    async with open_supervisor(max_restarts=None) as sup:
        events = sup.events
        for number in range(1030):
            await sup.start(Puppet(f"{number}").spec())
        assert len(events) == 1024
        assert [events.receive_nowait().child for _ in range(2)] == ["0", "1"]
        await sup.stop("0")  # told after the gap
        found = told(sup)
        assert [event.child for event in found[:3]] == ["2", "3", "4"]
        assert [(event.what, event.missed) for event in found[-2:]] == [("gap", 6), ("stopped", 0)]
        assert len(found) == 1022 + 2


async def test_gap_at_the_very_end_is_told_too() -> None:
    async with open_supervisor(max_restarts=None) as sup:
        events = sup.events
        for number in range(1024):
            await sup.start(Puppet(f"{number}").spec())
    found = [event async for event in events]
    assert (found[-1].what, found[-1].missed) == ("gap", 1024)


async def test_events_can_be_read_as_they_come() -> None:
    puppet = Puppet("a")
    seen: list[str] = []
    async with trio.open_nursery() as nursery, open_supervisor() as sup:

        async def read() -> None:
            async for event in sup.events:
                seen.append(event.what)

        nursery.start_soon(read)
        await settle()
        await sup.start(puppet.spec())
        await settle()
        puppet.fail()
        await settle()
    assert seen == ["started", "failed", "started", "stopped"]
