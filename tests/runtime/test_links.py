"""Links: processes that end together."""

from __future__ import annotations

import pytest
import trio

from echosvc import Pid, Runtime, process
from echosvc.errors import Invalid, LinkDown, NameNotFound, ProcessNotFound, Terminated
from tests.runtime.helpers import (
    HOST,
    Failure,
    as_process,
    drain,
    fail_when_told,
    forever,
    give,
    settle,
)


async def test_link_normal_exit_leaves_peer_alive(runtime: Runtime) -> None:
    async def main() -> list[object]:
        pid = process.spawn_linked(give)
        await settle()
        return [process.info().links, len(process.events()), pid in process.list()]

    assert await as_process(runtime, main) == [(), 0, False]


async def test_link_error_ends_the_peer_with_link_down(runtime: Runtime) -> None:
    async def main() -> None:
        pid = process.spawn_linked(fail_when_told)
        process.send(pid, "now")
        await trio.sleep_forever()

    with pytest.raises(LinkDown) as info:
        await as_process(runtime, main)
    assert isinstance(info.value.reason, Failure)
    assert info.value.pid.startswith("{")


async def test_link_termination_ends_the_peer_with_link_down(runtime: Runtime) -> None:
    async def main() -> None:
        process.terminate(process.spawn_linked(forever))
        await trio.sleep_forever()

    with pytest.raises(LinkDown) as info:
        await as_process(runtime, main)
    assert isinstance(info.value.reason, Terminated)


async def test_link_works_both_ways(runtime: Runtime) -> None:
    children: list[Pid] = []

    async def main() -> None:
        children.append(process.spawn_linked(forever))
        raise Failure

    async with runtime.attach():
        with pytest.raises(Failure):
            await process.exec(main, HOST)
        await settle()
        assert children[0] not in process.list()


async def test_trapped_link_error_is_a_link_down_event(runtime: Runtime) -> None:
    async def main() -> None:
        process.set_options(trap_links=True)
        pid = process.spawn_linked(fail_when_told)
        process.send(pid, "now")
        event = await process.events().receive()
        assert event.kind is process.event.LINK_DOWN
        assert event.sender == pid
        assert event.at == trio.current_time()
        assert isinstance(event.result.error, Failure)
        assert process.info().links == ()

    await as_process(runtime, main)


async def test_trapped_link_normal_exit_sends_nothing(runtime: Runtime) -> None:
    async def main() -> int:
        process.set_options(trap_links=True)
        process.spawn_linked(give)
        await settle()
        return len(process.events())

    assert await as_process(runtime, main) == 0


async def test_trap_links_can_be_switched_off_again(runtime: Runtime) -> None:
    async def main() -> None:
        assert process.get_options().trap_links is False
        assert process.set_options(trap_links=True).trap_links is True
        assert process.set_options().trap_links is True
        process.set_options(trap_links=False)
        process.send(process.spawn_linked(fail_when_told), "now")
        await trio.sleep_forever()

    with pytest.raises(LinkDown):
        await as_process(runtime, main)


async def test_linking_twice_is_one_link(runtime: Runtime) -> None:
    async def main() -> int:
        process.set_options(trap_links=True)
        pid = process.spawn_linked(forever)
        process.link(pid)
        process.terminate(pid)
        await settle()
        return len(process.events())

    assert await as_process(runtime, main) == 1


async def test_unlink_from_either_side_unties_both(runtime: Runtime) -> None:
    async def unlinks(other: Pid) -> None:
        process.unlink(other)
        raise Failure

    async def main() -> tuple[Pid, ...]:
        one = process.spawn_linked(forever)
        process.unlink(one)
        process.unlink(one)
        process.terminate(one)
        process.spawn_linked(unlinks, None, process.pid())
        await settle()
        return process.info().links

    assert await as_process(runtime, main) == ()


async def test_unlink_of_a_name_that_nobody_has_is_name_not_found(runtime: Runtime) -> None:
    async def main() -> None:
        process.unlink(process.spawn(give))  # not linked, or ended: nothing to be done
        await settle()
        process.unlink("{gone|0x00001}")
        with pytest.raises(NameNotFound):
            process.unlink("nobody")

    await as_process(runtime, main)


async def test_linking_an_ended_process_is_process_not_found(runtime: Runtime) -> None:
    async def main() -> None:
        pid = process.spawn(give)
        await settle()
        with pytest.raises(ProcessNotFound):
            process.link(pid)
        with pytest.raises(NameNotFound):
            process.link("nobody")
        with pytest.raises(Invalid, match="linked with itself"):
            process.link(process.pid())
        assert process.info().links == ()

    await as_process(runtime, main)


async def test_the_link_is_in_place_before_the_childs_first_step(runtime: Runtime) -> None:
    async def child() -> None:
        assert len(process.info().links) == 1
        raise Failure

    async def main() -> None:
        process.spawn_linked(child)
        await trio.sleep_forever()

    with pytest.raises(LinkDown):
        await as_process(runtime, main)


async def test_a_cascade_reaches_everyone_once(runtime: Runtime) -> None:
    """A complete graph: each would hear of each other's end, and each ends once."""
    reached: list[Pid] = []

    async def member() -> None:
        inbox = process.inbox()
        for pid in (await inbox.receive()).data:
            if pid != process.pid():
                process.link(pid)
        try:
            await inbox.receive()
            raise Failure
        except trio.Cancelled:
            reached.append(process.pid())
            raise

    async with runtime.attach():
        members = [process.spawn_monitored(member, HOST) for _ in range(20)]
        for pid in members:
            process.send(pid, "members", members)
        await settle()
        process.send(members[7], "now")
        events = [await process.events().receive() for _ in members]
        await settle()
        assert sorted(event.sender or "" for event in events) == sorted(members)
        assert len(process.events()) == 0
        assert sorted(reached) == sorted(set(members) - {members[7]})
        errors = {type(event.result.error) for event in events}
        assert errors == {Failure, LinkDown}


async def test_a_trapping_process_stops_the_cascade(runtime: Runtime) -> None:
    async def trapper(pid: Pid) -> str:
        process.set_options(trap_links=True)
        process.link(pid)
        return (await process.events().receive()).kind.name

    async def main() -> object:
        pid = process.spawn(fail_when_told)
        process.spawn_linked_monitored(trapper, None, pid)
        await settle()
        process.send(pid, "now")
        return (await process.events().receive()).result.value

    assert await as_process(runtime, main) == "LINK_DOWN"


async def test_the_first_reason_counts(runtime: Runtime) -> None:
    async def cleans_up_slowly() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(5)

    async def main() -> None:
        pid = process.spawn_linked_monitored(cleans_up_slowly)
        process.set_options(trap_links=True)
        await settle()
        process.terminate(pid, "first")
        await settle()
        process.terminate(pid, "second")
        event = await process.events().receive()
        assert isinstance(event.result.error, Terminated)
        assert event.result.error.reason == "first"

    await as_process(runtime, main)


async def test_a_link_that_both_unlinked_and_failed_in_one_tick_is_told_of_once(
    runtime: Runtime,
) -> None:
    async def main() -> list[str]:
        process.set_options(trap_links=True)
        pid = process.spawn_linked(forever)
        process.terminate(pid)
        process.unlink(pid)
        await settle()
        return [event.kind.name for event in drain(process.events())]

    assert await as_process(runtime, main) == []


async def test_a_long_chain_tells_its_root_and_not_all_its_links(runtime: Runtime) -> None:
    async def member(previous: Pid | None) -> None:
        if previous is not None:
            process.link(previous)
        await process.inbox().receive()
        raise Failure("root")

    async with runtime.attach():
        chain = [process.spawn(member, HOST, None)]
        for _ in range(100):
            chain.append(process.spawn(member, HOST, chain[-1]))
        process.monitor(chain[-1])
        await settle()
        process.send(chain[0], "now")
        error = (await process.events().receive()).result.error
        assert isinstance(error, LinkDown)
        assert str(error) == f"linked process {chain[-2]} failed: Failure: root"
        assert isinstance(error.root, Failure)
        assert isinstance(error.reason, LinkDown)
