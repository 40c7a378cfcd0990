"""Hosts: what they let in, and how they stop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio

from echosvc import Runtime, open_runtime, process
from echosvc._boot import KINDS_HOST
from echosvc._library import calls
from echosvc._runtime import attach
from echosvc._runtime.host import OWN
from echosvc._terminal.fake import FakeTerminal
from echosvc._testing import probe
from echosvc.errors import (
    AlreadyExists,
    Invalid,
    NotFound,
    PermissionDenied,
    RateLimited,
    Terminated,
    Unavailable,
)
from tests.runtime.conftest import Records
from tests.runtime.helpers import HOST, Failure, fail, forever, give, obedient, settle


async def test_max_processes_is_how_many_at_a_time(runtime: Runtime) -> None:
    await runtime.start_host("app:two", max_processes=2)
    first = runtime.spawn(forever, "app:two")
    runtime.spawn(forever, "app:two")
    with pytest.raises(RateLimited, match=r"as many as it may \(max_processes: 2\)") as info:
        runtime.spawn(forever, "app:two")
    assert info.value.retryable
    runtime.terminate(first)
    await settle()
    runtime.spawn(forever, "app:two")


async def test_allow_lists_the_entries_that_may_run(runtime: Runtime) -> None:
    await runtime.start_host("app:strict", allow=("*.give", "app:*"))
    assert await runtime.run(give, "app:strict", 1) == 1
    with pytest.raises(PermissionDenied, match=r"does not allow .*forever .*allow: \*.give, app:"):
        runtime.spawn(forever, "app:strict")


async def test_a_terminal_belongs_to_one_process_at_a_time(runtime: Runtime) -> None:
    await runtime.start_host("app:terminal", terminal=FakeTerminal())
    first = runtime.spawn(forever, "app:terminal")
    with pytest.raises(RateLimited, match=f"belongs to process {first}"):
        runtime.spawn(forever, "app:terminal")
    runtime.terminate(first)
    await settle()
    assert await runtime.run(give, "app:terminal", 1) == 1


async def test_a_host_has_one_id_of_its_own(runtime: Runtime) -> None:
    with pytest.raises(AlreadyExists):
        await runtime.start_host(HOST)
    for id in ("", "a|b", "a@b", "{a}", "a\nb"):
        with pytest.raises(Invalid, match="not an id for a host"):
            await runtime.start_host(id)


async def test_the_runtimes_own_hosts_cannot_be_started_by_others(runtime: Runtime) -> None:
    assert {attach.HOST, calls.HOST, probe.HOST, KINDS_HOST} == OWN
    for id in OWN:
        with pytest.raises(Invalid, match=f"'{id}' is one of the runtime's own"):
            await runtime.start_host(id, allow=["nothing:*"])
    async with runtime.attach() as pid:
        assert pid.host == attach.HOST


async def test_two_who_start_a_host_in_one_tick_start_one(runtime: Runtime) -> None:
    async def start() -> None:
        try:
            await runtime.start_host("app:h")
        except AlreadyExists:
            refused.append("app:h")
        else:
            assert await runtime.run(give, "app:h", 1) == 1

    refused: list[str] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(start)
        nursery.start_soon(start)
    assert refused == ["app:h"]


async def test_a_host_that_is_starting_says_so(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, refused = runtime.start_own_task, []

    def spawn_and_start(fn: Callable[[], Awaitable[object]], name: str) -> None:
        with pytest.raises(Unavailable, match="host app:h is starting; wait until it is up"):
            runtime.spawn(forever, "app:h")
        refused.append(name)
        start(fn, name)

    monkeypatch.setattr(runtime, "start_own_task", spawn_and_start)
    await runtime.start_host("app:h")
    assert refused == ["host app:h"]
    runtime.spawn(forever, "app:h")


async def test_one_process_s_crash_reaches_nobody_else(runtime: Runtime) -> None:
    other = runtime.spawn(forever, HOST)
    for _ in range(10):
        runtime.spawn(fail, HOST)
    await settle()
    assert runtime.list() == (other,)
    assert await runtime.run(give, HOST, 1) == 1


async def test_stopping_a_host_asks_those_who_hear_and_terminates_the_deaf(
    runtime: Runtime,
) -> None:
    await runtime.start_host("app:h", stop_timeout="5s")
    async with runtime.attach():
        hearing = process.spawn_monitored(obedient, "app:h")
        deaf = process.spawn_monitored(forever, "app:h")
        await settle()
        began = trio.current_time()
        await runtime.stop_host("app:h", "reason")
        assert trio.current_time() == began
        results = {e.sender: e.result for e in [await process.events().receive() for _ in "ab"]}
        assert results[hearing].value == "obeyed"
        assert isinstance(results[deaf].error, Terminated)
        assert results[deaf].error.reason == "reason"
    with pytest.raises(NotFound):
        await runtime.stop_host("app:h")


async def test_who_ignores_the_cancel_is_terminated_after_the_hosts_timeout(
    runtime: Runtime,
) -> None:
    async def ignores() -> None:
        process.events()
        await forever()

    await runtime.start_host("app:h", stop_timeout="3s")
    runtime.spawn(ignores, "app:h")
    await settle()
    began = trio.current_time()
    await runtime.stop_host("app:h")
    assert trio.current_time() - began == 3.0
    assert runtime.list() == ()


async def test_a_cancelled_stop_insists_at_once_and_waits_for_the_cleanup(
    runtime: Runtime,
) -> None:
    cleaned: list[bool] = []

    async def ignores() -> None:
        process.events()
        try:
            await forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
            cleaned.append(True)

    await runtime.start_host("app:h", stop_timeout="60s")
    runtime.spawn(ignores, "app:h")
    await settle()
    began = trio.current_time()
    with trio.move_on_after(2):
        await runtime.stop_host("app:h")
    assert trio.current_time() - began == 3.0
    assert cleaned == [True]


async def test_a_stopping_host_starts_nothing(runtime: Runtime) -> None:
    refused: list[Exception] = []

    async def tries() -> None:
        async for _ in process.events():
            try:
                process.spawn(give)
            except Unavailable as exc:
                refused.append(exc)
            return

    await runtime.start_host("app:h")
    runtime.spawn(tries, "app:h")
    await settle()
    await runtime.stop_host("app:h")
    assert "is stopping" in str(refused[0])


async def test_a_host_can_be_started_again_right_after_it_has_stopped(runtime: Runtime) -> None:
    for _ in range(3):
        await runtime.stop_host(HOST)
        await runtime.start_host(HOST)
        assert await runtime.run(give, HOST, 1) == 1


async def test_a_host_can_be_started_and_stopped_by_a_process(runtime: Runtime) -> None:
    async def main() -> int:
        await runtime.start_host("app:h")
        pid = process.spawn_monitored(give, "app:h", 1)
        assert (await process.events().receive()).sender == pid
        await runtime.stop_host("app:h")
        return runtime.statistics().hosts

    assert await runtime.run(main, HOST) == 1


async def test_a_cancelled_start_leaves_no_host(runtime: Runtime) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await runtime.start_host("app:h")
    assert scope.cancelled_caught
    await settle()
    assert runtime.statistics().hosts == 1
    await runtime.start_host("app:h")
    assert await runtime.run(give, "app:h", 1) == 1


async def test_leaving_the_block_stops_everything() -> None:
    ended: list[str] = []

    async def hears() -> None:
        async for event in process.events():
            ended.append(event.reason)
            return

    async with open_runtime() as runtime:
        await runtime.start_host(HOST)
        runtime.spawn(hears, HOST)
        runtime.spawn(forever, HOST)
        await settle()
    assert ended == ["the runtime is closed"]
    assert runtime.list() == ()
    assert runtime.statistics().hosts == 0


async def test_the_blocks_exception_comes_out_bare_though_processes_fail() -> None:
    async def fails_when_stopped() -> None:
        try:
            await forever()
        finally:
            raise Failure("while stopping")

    with pytest.raises(ValueError, match="mine"):
        async with open_runtime() as runtime:
            await runtime.start_host(HOST)
            runtime.spawn(fails_when_stopped, HOST)
            runtime.spawn(fail, HOST)
            await settle()
            raise ValueError("mine")


async def test_a_cancelled_block_waits_only_for_cleanup() -> None:
    cleaned: list[bool] = []

    async def cleans_up() -> None:
        process.events()
        try:
            await forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
            cleaned.append(True)
            raise Failure("in cleanup")

    began = trio.current_time()
    with trio.move_on_after(1) as scope:
        async with open_runtime() as runtime:
            await runtime.start_host(HOST, stop_timeout="60s")
            for _ in range(3):
                runtime.spawn(cleans_up, HOST)
            await forever()
    assert scope.cancelled_caught
    assert cleaned == [True] * 3
    assert trio.current_time() - began == 2.0


async def test_stop_can_be_called_twice_and_both_wait_for_the_end() -> None:
    async def slow() -> None:
        async for _ in process.events():
            await trio.sleep(3)
            return

    async with open_runtime() as runtime:
        await runtime.start_host(HOST)
        runtime.spawn(slow, HOST)
        await settle()
        ended: list[float] = []

        async def stop() -> None:
            await runtime.stop()
            ended.append(trio.current_time() - began)

        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop)
            nursery.start_soon(stop)
        assert ended == [3.0, 3.0]


async def test_a_cancelled_stop_can_be_gone_on_with() -> None:
    async def slow() -> None:
        async for _ in process.events():
            await trio.sleep(3)
            return

    async with open_runtime() as runtime:
        for id in ("app:one", "app:two"):
            await runtime.start_host(id)
            runtime.spawn(slow, id)
        await settle()
        with trio.move_on_after(1) as scope:
            await runtime.stop()
        assert scope.cancelled_caught
        assert runtime.statistics().hosts == 1
        await runtime.stop()
        assert runtime.statistics().hosts == 0


async def test_a_process_cannot_wait_for_its_own_end(runtime: Runtime) -> None:
    async def main() -> None:
        with pytest.raises(Invalid, match="cannot stop the runtime: it would wait for its own end"):
            await runtime.stop()
        with pytest.raises(Invalid, match="cannot stop host app:processes"):
            await runtime.stop_host(HOST)

    await runtime.run(main, HOST)


async def test_a_cancelled_block_ends_tasks_that_are_attached_from_outside() -> None:
    """Their tasks are not the runtime's, but their processes are."""

    async def task(runtime: Runtime) -> None:
        with pytest.raises(Terminated):
            async with runtime.attach():
                await forever()

    async with trio.open_nursery() as nursery:
        with trio.move_on_after(1):
            async with open_runtime() as runtime:
                nursery.start_soon(task, runtime)
                await forever()
        assert runtime.list() == ()


async def test_stopping_ten_thousand_idle_processes_is_one_line_in_the_log(
    runtime: Runtime, records: Records
) -> None:
    await runtime.start_host("many")
    for _ in range(10_000):
        runtime.spawn(forever, "many")
    runtime.send(runtime.list()[0], "nobody reads this")
    await settle()
    await runtime.stop_host("many")
    (record,) = records.named("many")  # of the host or any of its processes
    assert record.levelname == "INFO"
    assert record.getMessage() == (
        "host many has stopped; processes that it ended: 10000, messages that these left unread: 1"
    )


async def test_a_process_that_is_terminated_on_a_running_host_has_its_line(
    runtime: Runtime, records: Records
) -> None:
    pid = runtime.spawn(forever, HOST)
    await settle()
    runtime.terminate(pid, "not needed")
    await settle()
    (record,) = records.all
    assert record.getMessage() == (
        f"process {pid} (tests.runtime.helpers.forever) ended: terminated: not needed"
    )


async def test_who_ignores_the_cancellation_of_the_block_is_named_in_the_log(
    records: Records,
) -> None:
    async def ignores() -> None:
        try:
            await forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(7)

    with trio.move_on_after(1):
        async with open_runtime() as runtime:
            await runtime.start_host(HOST)
            runtime.spawn(ignores, HOST)
            await forever()
    assert len(records.named("does not end")) == 1


async def test_every_async_function_of_the_runtime_checkpoints() -> None:
    async with open_runtime() as runtime:
        with trio.testing.assert_checkpoints():
            await runtime.start_host(HOST)
        with trio.testing.assert_checkpoints():
            await runtime.run(give, HOST)
        with trio.testing.assert_checkpoints():
            async with runtime.attach():
                pass
        with trio.testing.assert_checkpoints():
            await runtime.stop_host(HOST)
        for _ in range(2):
            with trio.testing.assert_checkpoints():
                await runtime.stop()
