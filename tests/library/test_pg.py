"""Process groups."""

from __future__ import annotations

from typing import Any

import pytest

from echosvc import Pid, Runtime, channel, pg, process
from echosvc.errors import Invalid, NameNotFound, ProcessNotFound, Unavailable
from tests.runtime.helpers import HOST, as_process, drain, forever, give, settle


def told(monitor: pg.GroupMonitor) -> list[tuple[str, str, Pid]]:
    return [(event.kind, event.group, event.pid) for event in drain(monitor)]


async def test_who_has_joined_is_a_member_until_it_leaves(runtime: Runtime) -> None:
    async def main() -> None:
        assert (pg.members("workers"), pg.groups()) == ((), ())
        pg.join("workers")
        assert (pg.members("workers"), pg.groups()) == ((process.pid(),), ("workers",))
        assert pg.leave("workers") is True
        assert (pg.members("workers"), pg.groups()) == ((), ())
        assert pg.leave("workers") is False

    await as_process(runtime, main)


async def test_joining_several_times_counts(runtime: Runtime) -> None:
    async def main() -> None:
        other = process.spawn(forever)
        for pid in (None, other, None):
            pg.join("workers", pid)
        me = process.pid()
        assert pg.members("workers") == (me, me, other)
        pg.leave("workers")
        assert pg.members("workers") == (me, other)
        pg.leave("workers")
        assert pg.members("workers") == (other,)

    await as_process(runtime, main)


async def test_another_process_joins_by_pid_or_name(runtime: Runtime) -> None:
    async def main() -> None:
        other = process.with_name("worker").spawn(forever)
        pg.join("workers", "worker")
        assert pg.members("workers") == (other,)
        pg.leave("workers", other)
        assert pg.members("workers") == ()
        with pytest.raises(NameNotFound):
            pg.join("workers", "nobody")
        gone = process.spawn(give)
        await settle()
        with pytest.raises(ProcessNotFound):
            pg.join("workers", gone)
        assert pg.groups() == ()

    await as_process(runtime, main)


async def test_membership_has_ended_when_the_exit_arrives(runtime: Runtime) -> None:
    async def member() -> None:
        pg.join("workers")
        pg.join("workers")
        pg.join("idle")
        await process.inbox().receive()

    async def main() -> None:
        pid = process.spawn_monitored(member)
        await settle()
        assert pg.members("workers") == (pid, pid)
        process.send(pid, "go")
        await process.events().receive()
        assert pg.groups() == ()

    await as_process(runtime, main)


async def test_membership_survives_an_upgrade(runtime: Runtime) -> None:
    async def second() -> Any:
        return pg.members("workers"), process.pid()

    async def first() -> None:
        pg.join("workers")
        await process.upgrade(second)

    members, pid = await as_process(runtime, first)
    assert members == (pid,)


async def test_leaving_leaves_nothing_behind_in_the_process(runtime: Runtime) -> None:
    async with runtime.attach() as pid:
        pg.join("workers")
        pg.join("idle")
        pg.leave("workers")
        pg.leave("idle")
        assert not runtime.processes[pid].holds


async def test_a_broadcast_goes_once_to_each_member(runtime: Runtime) -> None:
    async def main() -> None:
        pg.join("workers")
        pg.join("workers")
        outcome = pg.broadcast("workers", "job", [1], 2)
        assert outcome == pg.Broadcast((process.pid(),), ())
        assert process.inbox().receive_nowait().data == ([1], 2)
        assert len(process.inbox()) == 0
        assert pg.broadcast("nobody", "job").sent == ()

    await as_process(runtime, main)


async def test_each_member_of_a_broadcast_has_a_snapshot_of_its_own(runtime: Runtime) -> None:
    async def spoil() -> Any:
        pg.join("workers")
        data = (await process.inbox().receive()).data
        data.append("spoilt")
        return data

    async def main() -> None:
        for _ in range(2):
            process.spawn_monitored(spoil)
        await settle()
        pg.broadcast("workers", "job", ["fresh"])
        for _ in range(2):
            event = await process.events().receive()
            assert event.result.value == ["fresh", "spoilt"]

    await as_process(runtime, main)


async def test_a_full_mailbox_is_told_of_and_hinders_nobody(runtime: Runtime) -> None:
    await runtime.start_host("app:small", mailbox=1)

    async def main() -> None:
        full, free = process.spawn(forever, "app:small"), process.spawn(forever)
        process.send(full, "first")
        pg.join("workers", full)
        pg.join("workers", free)
        outcome = pg.broadcast("workers", "job", 7)
        assert outcome.sent == (free,)
        (error,) = outcome.refused
        assert (error.pid, error.topic) == (full, "job")

    await as_process(runtime, main)


async def test_a_monitor_begins_with_who_is_there(runtime: Runtime) -> None:
    async def main() -> None:
        one, two = process.spawn(forever), process.spawn(forever)
        pg.join("workers", one)
        members, changes = pg.monitor("workers")
        assert members == (one,)
        pg.join("workers", two)
        pg.join("others", two)
        process.terminate(one)
        await settle()
        assert told(changes) == [("join", "workers", two), ("leave", "workers", one)]

    await as_process(runtime, main)


async def test_who_joined_twice_leaves_twice(runtime: Runtime) -> None:
    async def main() -> None:
        one = process.spawn(forever)
        pg.join("workers", one)
        pg.join("workers", one)
        _, changes = pg.monitor("workers")
        process.terminate(one)
        await settle()
        assert told(changes) == [("leave", "workers", one)] * 2

    await as_process(runtime, main)


async def test_all_groups_can_be_monitored(runtime: Runtime) -> None:
    async def main() -> None:
        me = process.pid()
        pg.join("a")
        groups, changes = pg.monitor_all()
        assert groups == {"a": (me,)}
        pg.join("b")
        pg.leave("a")
        assert told(changes) == [("join", "b", me), ("leave", "a", me)]

    await as_process(runtime, main)


async def test_a_monitor_ends_when_it_is_closed_or_its_process_ends(runtime: Runtime) -> None:
    async def watcher() -> None:
        kept.append(pg.monitor("workers")[1])

    kept: list[pg.GroupMonitor] = []
    await runtime.run(watcher, HOST)
    assert kept[0].statistics().closed

    async with runtime.attach() as pid:
        _, changes = pg.monitor("workers")
        changes.close()
        changes.close()
        pg.join("workers")
        assert len(changes) == 0
        pg.leave("workers")
        assert not runtime.processes[pid].holds


async def test_a_monitor_is_a_case_of_select(runtime: Runtime) -> None:
    async def main() -> None:
        _, changes = pg.monitor("workers")
        pg.join("workers")
        r = await channel.select(process.inbox(), changes)
        assert r.channel is changes
        assert r.value.kind == "join"

    await as_process(runtime, main)


async def test_scopes_do_not_see_each_other(runtime: Runtime) -> None:
    async def main() -> None:
        pg.scope("one").join("workers")
        assert pg.scope("one").members("workers") == (process.pid(),)
        assert pg.scope("two").groups() == ()
        assert pg.members("workers") == ()
        assert pg.scope("pg").members("workers") == pg.members("workers")

    await as_process(runtime, main)


async def test_what_is_no_name_is_refused(runtime: Runtime) -> None:
    async with runtime.attach():
        for bad in ("", 7, None):
            with pytest.raises(Invalid, match="group: expected str"):
                pg.join(bad)  # type: ignore[arg-type]  # what is tested
            with pytest.raises(Invalid, match="scope: expected str"):
                pg.scope(bad)  # type: ignore[arg-type]  # what is tested
        assert pg.groups() == ()


def test_outside_a_process_there_are_no_groups() -> None:
    with pytest.raises(Unavailable):
        pg.join("workers")
