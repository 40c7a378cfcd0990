"""Monitors: one EXIT for each monitored end."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from echosvc import Pid, Runtime, process
from echosvc.errors import Invalid, NameNotFound, ProcessNotFound, Terminated
from tests.runtime.helpers import (
    HOST,
    Failure,
    as_process,
    drain,
    fail,
    fail_when_told,
    forever,
    give,
    settle,
)


async def test_exit_carries_kind_sender_time_and_value(runtime: Runtime) -> None:
    async def main() -> None:
        async def child() -> str:
            await trio.sleep(3)
            return "done"

        pid = process.spawn_monitored(child)
        event = await process.events().receive()
        assert event.kind is process.event.EXIT
        assert (event.sender, event.at) == (pid, trio.current_time())
        assert event.result.ok
        assert (event.result.value, event.result.error) == ("done", None)

    await as_process(runtime, main)


async def test_exit_carries_the_error(runtime: Runtime) -> None:
    async def main() -> None:
        process.spawn_monitored(fail)
        event = await process.events().receive()
        assert not event.result.ok
        assert isinstance(event.result.error, Failure)

    await as_process(runtime, main)


async def test_exit_of_a_terminated_process_carries_terminated(runtime: Runtime) -> None:
    async def main() -> None:
        pid = process.spawn_monitored(forever)
        process.terminate(pid, "enough")
        event = await process.events().receive()
        assert isinstance(event.result.error, Terminated)
        assert event.result.error.reason == "enough"

    await as_process(runtime, main)


async def test_monitoring_an_ended_process_gives_exit_at_once(runtime: Runtime) -> None:
    async def main() -> None:
        pid = process.spawn(give)
        await settle()
        assert process.monitor(pid) == pid
        event = process.events().receive_nowait()
        assert event.sender == pid
        assert isinstance(event.result.error, ProcessNotFound)
        assert event.result.error.pid == pid

    await as_process(runtime, main)


async def test_monitoring_twice_is_one_monitor(runtime: Runtime) -> None:
    async def main() -> int:
        pid = process.spawn_monitored(forever)
        process.monitor(pid)
        process.monitor(pid)
        process.terminate(pid)
        await settle()
        return len(process.events())

    assert await as_process(runtime, main) == 1


async def test_unmonitor_takes_the_monitor_back(runtime: Runtime) -> None:
    async def main() -> int:
        pid = process.spawn_monitored(forever)
        process.monitor(pid)
        process.unmonitor(pid)
        process.unmonitor(pid)
        process.terminate(pid)
        await settle()
        return len(process.events())

    assert await as_process(runtime, main) == 0


async def test_one_unmonitor_is_enough(runtime: Runtime) -> None:
    async def main() -> list[object]:
        pid = process.spawn_monitored(forever)
        process.unmonitor(pid)
        there = [process.info(pid).monitored_by, process.info().monitors]
        process.terminate(pid)
        await settle()
        return [*there, len(process.events())]

    assert await as_process(runtime, main) == [(), (), 0]


async def test_unmonitor_of_a_name_that_nobody_has_is_name_not_found(runtime: Runtime) -> None:
    async def main() -> None:
        process.unmonitor(process.spawn(give))  # not monitored, or ended: nothing to be done
        await settle()
        process.unmonitor("{gone|0x00001}")
        with pytest.raises(NameNotFound):
            process.unmonitor("nobody")

    await as_process(runtime, main)


async def test_an_exit_that_has_arrived_stays_after_unmonitor(runtime: Runtime) -> None:
    async def main() -> int:
        pid = process.spawn_monitored(give)
        await settle()
        process.unmonitor(pid)
        return len(process.events())

    assert await as_process(runtime, main) == 1


async def test_each_watcher_gets_its_own_exit(runtime: Runtime) -> None:
    async def watcher(pid: Pid) -> object:
        process.monitor(pid)
        return (await process.events().receive()).sender

    async def main() -> list[object]:
        target = process.spawn(fail_when_told)
        for _ in range(3):
            process.spawn_monitored(watcher, None, target)
        await settle()
        process.send(target, "now")
        return [(await process.events().receive()).result.value == target for _ in range(3)]

    assert await as_process(runtime, main) == [True, True, True]


async def returns(value: Any) -> Any:
    await process.inbox().receive()
    return value


async def test_what_a_process_returned_is_a_copy_for_each_who_is_told(runtime: Runtime) -> None:
    async def watcher(pid: Pid) -> Any:
        process.monitor(pid)
        value = (await process.events().receive()).result.value
        value["a"].append(process.pid())
        return value

    async def main() -> None:
        target = process.spawn_monitored(returns, None, {"a": [1]})
        watchers = [process.spawn(watcher, None, target) for _ in range(2)]
        for pid in watchers:
            process.monitor(pid)
        await settle()
        process.send(target, "now")
        await settle()
        results = {event.sender: event.result.value for event in drain(process.events())}
        assert results == {target: {"a": [1]}} | {pid: {"a": [1, pid]} for pid in watchers}

    await as_process(runtime, main)


async def test_who_waits_for_the_result_shares_it_with_no_monitor(runtime: Runtime) -> None:
    async def watcher() -> Any:
        (pid,) = [pid for pid in process.list() if process.info(pid).entry.endswith("returns")]
        process.monitor(pid)
        process.send(pid, "now")
        value = (await process.events().receive()).result.value
        value.append("changed")
        return value

    async def main() -> list[Any]:
        watching = process.spawn_monitored(watcher)
        result = await process.exec(returns, None, [1])
        await settle()
        event = await process.events().receive()
        assert event.sender == watching
        return [result, event.result.value]

    assert await as_process(runtime, main) == [[1], [1, "changed"]]


async def test_a_result_that_cannot_be_copied_again_is_invalid_for_the_others(
    runtime: Runtime,
) -> None:
    class Once(list[int]):
        copies = 0

        def __copy__(self) -> Once:
            Once.copies += 1
            if Once.copies > 2:  # of the argument, and of the result
                raise TypeError("no more copies")
            return Once(self)

    async def watcher(pid: Pid) -> bool:
        process.monitor(pid)
        result = (await process.events().receive()).result
        return result.ok or isinstance(result.error, Invalid)

    async def main() -> list[Any]:
        target = process.spawn(returns, None, Once([1]))
        for _ in range(2):
            process.spawn_monitored(watcher, None, target)
        await settle()
        process.send(target, "now")
        told = [(await process.events().receive()).result.value for _ in range(2)]
        return [told, target in process.list()]

    assert await as_process(runtime, main) == [[True, True], False]


async def test_a_monitor_by_name_is_a_monitor_of_its_owner_now(runtime: Runtime) -> None:
    async def main() -> None:
        pid = process.with_name("somebody").spawn(forever)
        assert process.monitor("somebody") == pid
        with pytest.raises(NameNotFound):
            process.monitor("nobody")
        process.terminate("somebody")
        assert (await process.events().receive()).sender == pid

    await as_process(runtime, main)


async def test_the_monitor_is_in_place_before_the_childs_first_step(runtime: Runtime) -> None:
    async def main() -> list[object]:
        pids = [process.spawn_monitored(give) for _ in range(50)]
        events = [await process.events().receive() for _ in pids]
        return [sorted(pids) == sorted(e.sender for e in events), len(process.events())]

    assert await as_process(runtime, main) == [True, 0]


async def test_the_end_of_the_watcher_ends_the_monitor(runtime: Runtime) -> None:
    other = runtime.spawn(forever, HOST)

    async def main() -> None:
        process.monitor(other)
        assert process.info(other).monitored_by == (process.pid(),)

    await as_process(runtime, main)
    assert runtime.info(other).monitored_by == ()


async def test_names_are_released_before_monitors_are_told(runtime: Runtime) -> None:
    async def main() -> list[object]:
        pid = process.with_name("service").spawn_monitored(fail_when_told)
        process.send("service", "now")
        await process.events().receive()
        successor = process.with_name("service").spawn(forever)
        return [successor != pid, process.registry.lookup("service") == successor]

    assert await as_process(runtime, main) == [True, True]


async def test_exit_comes_before_link_down(runtime: Runtime) -> None:
    async def main() -> list[str]:
        process.set_options(trap_links=True)
        process.spawn_linked_monitored(fail)
        await settle()
        return [event.kind.name for event in drain(process.events())]

    assert await as_process(runtime, main) == ["EXIT", "LINK_DOWN"]


async def test_what_is_no_address_cannot_be_monitored(runtime: Runtime) -> None:
    async def main() -> None:
        with pytest.raises(Invalid):
            process.monitor(7)  # type: ignore[arg-type]  # that is the point

    await as_process(runtime, main)
