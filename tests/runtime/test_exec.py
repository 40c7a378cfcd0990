"""A process whose result somebody waits for."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from echosvc import Pid, Runtime, process
from echosvc.errors import Invalid, NameTaken, NotFound, Terminated
from tests.runtime.conftest import Records
from tests.runtime.helpers import HOST, Failure, as_process, fail, forever, give, settle


async def test_exec_gives_the_result(runtime: Runtime) -> None:
    async def main() -> Any:
        return await process.exec(give, None, {"a": [1]})

    assert await as_process(runtime, main) == {"a": [1]}


async def test_exec_raises_the_childs_error_as_it_is_and_it_is_not_logged(
    runtime: Runtime, records: Records
) -> None:
    async def main() -> None:
        with pytest.raises(Failure, match="as told"):
            await process.exec(fail)

    await as_process(runtime, main)
    with pytest.raises(Failure):
        await runtime.run(fail, HOST)
    assert records.errors == []


async def test_exec_raises_terminated_for_a_terminated_child(runtime: Runtime) -> None:
    async with runtime.attach():

        async def ends_it() -> None:
            await settle()
            process.terminate(runtime.list()[-1], "enough")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ends_it)
            with pytest.raises(Terminated, match="enough"):
                await process.exec(forever, HOST)


async def test_exec_starts_nothing_that_spawn_would_refuse(runtime: Runtime) -> None:
    async def main() -> None:
        with pytest.raises(NotFound, match="no host app:nowhere"):
            await process.exec(give, "app:nowhere")
        with pytest.raises(Invalid):
            await process.exec(give, None, 1, 2, 3)

    await as_process(runtime, main)


async def test_exec_cancelled_terminates_the_child_and_waits_for_its_end(runtime: Runtime) -> None:
    cleaned: list[float] = []

    async def child() -> None:
        try:
            await forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(2)
            cleaned.append(trio.current_time())

    async def main() -> bool:
        with trio.move_on_after(1) as scope:
            await process.exec(child)
        return cleaned == [trio.current_time()] and scope.cancelled_caught

    assert await as_process(runtime, main)
    assert runtime.statistics().processes == 0


async def test_the_end_of_the_caller_ends_the_child(runtime: Runtime) -> None:
    async def main() -> None:
        await process.exec(forever)

    async with runtime.attach():
        pid = process.spawn_monitored(main, HOST)
        await settle()
        assert runtime.statistics().processes == 3
        process.terminate(pid)
        await process.events().receive()
        await settle()
        assert runtime.list() == (process.pid(),)


async def test_an_error_of_a_child_that_nobody_waits_for_any_more_is_logged(
    runtime: Runtime, records: Records
) -> None:
    async def child() -> None:
        try:
            await forever()
        finally:
            raise Failure("in its cleanup")

    with trio.move_on_after(1):
        await runtime.run(child, HOST)
    (record,) = records.errors
    assert ".child) crashed: Failure: in its cleanup" in record.getMessage()
    assert "in its cleanup" in str(record.exc_info)


async def test_an_error_in_the_tick_of_the_waiters_cancellation_is_logged(
    runtime: Runtime, records: Records
) -> None:
    async def child(scopes: Any) -> None:
        scopes().cancel()
        raise Failure

    with trio.CancelScope() as scope:
        await runtime.run(child, HOST, lambda: scope)
    assert scope.cancelled_caught
    assert len(records.errors) == 1


async def test_exec_under_a_name_that_is_taken_starts_nothing(runtime: Runtime) -> None:
    async def main() -> None:
        owner = process.with_name("taken").spawn(forever)
        with pytest.raises(NameTaken) as info:
            await process.with_name("taken").exec(give)
        assert (info.value.name, info.value.owner) == ("taken", owner)
        assert len(process.list()) == 2

    await as_process(runtime, main)


async def test_run_gives_the_result_to_a_program_outside(runtime: Runtime) -> None:
    assert await runtime.run(give, HOST, 7) == 7
    with pytest.raises(Invalid, match="a host must be named"):
        await runtime.run(give, None)  # type: ignore[arg-type]  # that is the point


async def test_the_childs_parent_is_who_executed_it(runtime: Runtime) -> None:
    async def child() -> Pid | None:
        return process.info().parent

    async def main() -> bool:
        return await process.exec(child) == process.pid()

    assert await as_process(runtime, main)
