"""Tasks inside a process."""

from __future__ import annotations

import traceback

import pytest
import trio

from echosvc import Runtime, coroutine, process
from echosvc.errors import Canceled, Invalid, Terminated, Unavailable
from tests.runtime.conftest import Records
from tests.runtime.helpers import HOST, Failure, as_process, fail, forever, give, settle


async def test_a_coroutine_shares_the_process_and_its_memory(runtime: Runtime) -> None:
    async def main() -> None:
        shared: list[str] = []

        async def task(values: list[str]) -> None:
            values.append(process.pid())

        await coroutine.spawn(task, shared).result()
        assert shared == [process.pid()]

    await as_process(runtime, main)


async def test_result_gives_what_it_returned(runtime: Runtime) -> None:
    async def main() -> int:
        handle = coroutine.spawn(give, 7)
        assert not handle.done
        assert await handle.result() == 7
        assert handle.done
        with trio.testing.assert_checkpoints():
            await handle.result()
        return 1

    assert await as_process(runtime, main) == 1


async def test_a_result_awaited_again_and_again_keeps_its_traceback_as_it_is(
    runtime: Runtime,
) -> None:
    lengths = set()
    with pytest.raises(Failure):
        async with runtime.attach():
            handle = coroutine.spawn(fail)
            with trio.CancelScope(shield=True):
                for _ in range(20):
                    try:
                        await handle.result()
                    except Failure as error:
                        lengths.add(len(traceback.extract_tb(error.__traceback__)))
    assert len(lengths) == 1


async def test_an_exception_that_escapes_a_coroutine_ends_the_process(runtime: Runtime) -> None:
    async def main() -> None:
        coroutine.spawn(fail)
        await forever()

    with pytest.raises(Failure):
        await as_process(runtime, main)


async def test_the_error_of_a_coroutine_is_logged_once_though_main_gets_it_too(
    runtime: Runtime, records: Records
) -> None:
    async def main() -> None:
        handle = coroutine.spawn(fail)
        with trio.CancelScope(shield=True):
            await handle.result()

    runtime.spawn(main, HOST)
    await settle()
    assert len(records.errors) == 1


async def test_two_different_errors_are_both_logged(runtime: Runtime, records: Records) -> None:
    async def main() -> None:
        coroutine.spawn(fail)
        try:
            await forever()
        finally:
            raise ValueError("main's own")

    runtime.spawn(main, HOST)
    await settle()
    assert {str(record.exc_info[1]) for record in records.errors if record.exc_info} == {
        "as told",
        "main's own",
    }


async def test_when_main_ends_its_coroutines_end_with_their_cleanup(runtime: Runtime) -> None:
    ended: list[float] = []

    async def task() -> None:
        try:
            await forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(3)
            ended.append(trio.current_time())

    async def main() -> str:
        coroutine.spawn(task)
        await settle()
        return "done"

    assert await as_process(runtime, main) == "done"
    assert ended == [trio.current_time()]


async def test_cancel_ends_the_coroutine_and_not_the_process(runtime: Runtime) -> None:
    async def main() -> str:
        handle = coroutine.spawn(forever)
        await settle()
        handle.cancel("not needed")
        handle.cancel()
        with pytest.raises(Canceled):
            await handle.result()
        handle.cancel()
        assert process.info().coroutines == ()
        return "alive"

    assert await as_process(runtime, main) == "alive"


async def test_waiting_for_a_result_can_be_cancelled_without_it(runtime: Runtime) -> None:
    async def main() -> int:
        async def slow() -> int:
            await trio.sleep(5)
            return 7

        handle = coroutine.spawn(slow)
        with trio.move_on_after(1):
            await handle.result()
        return await handle.result()

    assert await as_process(runtime, main) == 7


async def test_wrong_arguments_and_what_is_not_async_are_refused(runtime: Runtime) -> None:
    async def main() -> None:
        with pytest.raises(Invalid, match="not an async function"):
            coroutine.spawn(len, [])  # type: ignore[arg-type]  # that is the point
        with pytest.raises(Invalid):
            coroutine.spawn(give, 1, 2, 3)

    await as_process(runtime, main)


async def test_termination_reaches_the_coroutines(runtime: Runtime) -> None:
    reached: list[str] = []

    async def task() -> None:
        try:
            await forever()
        finally:
            reached.append("coroutine")

    async def main() -> None:
        coroutine.spawn(task)
        await forever()

    async with runtime.attach():
        pid = process.spawn_monitored(main, HOST)
        await settle()
        process.terminate(pid)
        assert isinstance((await process.events().receive()).result.error, Terminated)
    assert reached == ["coroutine"]


async def test_an_ending_process_starts_no_coroutine(runtime: Runtime) -> None:
    refused: list[Exception] = []

    async def task() -> None:
        try:
            await forever()
        finally:
            try:
                coroutine.spawn(give)
            except Unavailable as exc:
                refused.append(exc)

    async def main() -> None:
        coroutine.spawn(task)
        await settle()

    await as_process(runtime, main)
    assert len(refused) == 1


async def test_an_error_in_a_coroutines_cleanup_is_the_process_s(runtime: Runtime) -> None:
    async def task() -> None:
        try:
            await forever()
        finally:
            raise Failure("in the cleanup")

    async def main() -> str:
        coroutine.spawn(task)
        await settle()
        return "fine"

    with pytest.raises(Failure, match="in the cleanup"):
        await as_process(runtime, main)


async def test_a_coroutine_outside_a_process_is_refused() -> None:
    with pytest.raises(Unavailable):
        coroutine.spawn(give)


async def test_a_coroutine_has_the_context_of_who_started_it(runtime: Runtime) -> None:
    import contextvars

    variable: contextvars.ContextVar[int] = contextvars.ContextVar("v", default=0)

    async def main() -> int:
        async def task() -> int:
            return variable.get()

        variable.set(7)
        return await coroutine.spawn(task).result()

    assert await as_process(runtime, main) == 7
