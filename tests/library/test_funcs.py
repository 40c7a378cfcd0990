"""Functions that run on the scheduler: calls, futures, pools, timeouts, context."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from echosvc import Runtime, channel, ctx, funcs, open_runtime, process, time
from echosvc.errors import Canceled, Invalid, ManifestError, NotFound, Timeout, Unavailable
from tests.runtime.conftest import Records
from tests.runtime.helpers import Failure, as_process, fail, forever, give, settle

Application = Callable[..., Path]

ENTRIES = """
    - {name: echo, kind: function.py, source: file://work.py, method: echo}
    - {name: slow, kind: function.py, source: file://work.py, method: slow, timeout: 2s}
    - {name: pair, kind: function.py, source: file://work.py, method: slow, pool: 2}
    - {name: who, kind: function.py, source: file://who.py, modules: [ctx]}
    - {name: task, kind: process.py, source: file://work.py, method: echo}
"""
WORK = """
    import trio

    async def echo(first, second):
        first.append("seen")
        return first, second

    async def slow(seconds):
        await trio.sleep(seconds)
        return trio.current_time()
"""
WHO = """
    from echosvc import ctx, process

    async def main():
        return process.pid(), ctx.all(), process.info().parent
"""


@pytest.fixture
def app(application: Application) -> Path:
    return application(ENTRIES, work=WORK, who=WHO)


async def in_app(folder: Path, body: Callable[[], Any]) -> Any:
    """Run the body of a test as a process of an application."""
    async with open_runtime(folder) as runtime:
        return await runtime.run(body, "app:processes")


async def ticking(seconds: float) -> float:
    await trio.sleep(seconds)
    return trio.current_time()


# -- calling


async def test_a_call_gives_what_the_function_returns(
    app: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async def main() -> None:
        given = ["mine"]
        assert await funcs.call("app:echo", given, 2) == (["mine", "seen"], 2)
        assert given == ["mine"]

    await in_app(app, main)


async def test_a_call_runs_in_a_process_of_its_own(
    app: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async def main() -> None:
        one, _, parent = await funcs.call("app:who")
        two, _, _ = await funcs.call("app:who")
        assert parent == process.pid()
        assert len({one, two, process.pid()}) == 3
        assert one.host == "functions"
        assert process.list() == (process.pid(),)

    await in_app(app, main)


async def test_an_async_def_can_be_called_without_an_entry(runtime: Runtime) -> None:
    async def main() -> None:
        assert await funcs.call(give, 7) == 7

    await as_process(runtime, main)


async def test_what_the_function_raises_is_raised_and_not_logged(
    runtime: Runtime, records: Records
) -> None:
    async def main() -> None:
        with pytest.raises(Failure):
            await funcs.call(fail)

    await as_process(runtime, main)
    assert records.errors == []


async def test_wrong_arguments_are_refused_before_anything_starts(runtime: Runtime) -> None:
    async def main() -> None:
        with pytest.raises(Invalid, match=r"forever .*: too many positional arguments"):
            funcs.start(forever, 1)
        assert process.list() == (process.pid(),)

    await as_process(runtime, main)


async def test_what_is_no_function_is_refused(
    app: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async def main() -> None:
        with pytest.raises(NotFound, match="no entry app:ecko, did you mean app:echo"):
            await funcs.call("app:ecko")
        with pytest.raises(Invalid, match=r"app:task is a process.py, and no function"):
            await funcs.call("app:task")
        with pytest.raises(NotFound, match=r"app:echo is a function.py, .* funcs.call"):
            process.spawn("app:echo")
        with pytest.raises(Invalid, match="not an async function"):
            await funcs.call(len)  # type: ignore[arg-type]  # what is tested

    await in_app(app, main)


async def test_without_manifests_there_are_no_entries(runtime: Runtime) -> None:
    async with runtime.attach():
        with pytest.raises(NotFound, match="without manifests"):
            funcs.start("app:echo")


def test_outside_a_process_nothing_is_called() -> None:
    with pytest.raises(Unavailable):
        funcs.start(give)


# -- cancellation and the caller's end


async def test_a_cancelled_call_cancels_the_function_and_waits_for_its_end(
    runtime: Runtime,
) -> None:
    log = []

    async def careful() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
                log.append("cleaned up")

    async def main() -> None:
        with trio.move_on_after(1):
            await funcs.call(careful)
        log.append("moved on")
        assert trio.current_time() == pytest.approx(started + 2)

    started = trio.current_time()
    await as_process(runtime, main)
    assert log == ["cleaned up", "moved on"]


async def test_a_function_ends_with_its_caller(runtime: Runtime) -> None:
    async def main() -> Any:
        return funcs.start(forever)

    future = await as_process(runtime, main)
    await settle()
    assert future.done
    assert runtime.list() == ()


async def test_a_function_does_not_outlive_an_upgrade_of_its_caller(runtime: Runtime) -> None:
    async def second() -> int:
        await settle()
        return len(process.list())

    async def main() -> None:
        funcs.start(forever)
        await process.upgrade(second)

    assert await as_process(runtime, main) == 1


# -- futures


async def test_a_future_gives_its_result_as_often_as_wanted(runtime: Runtime) -> None:
    async def main() -> None:
        future = funcs.start(give, 7)
        assert not future.done
        assert [await future.result(), await future.result()] == [7, 7]
        assert future.done
        assert future.pid not in process.list()

    await as_process(runtime, main)


async def test_the_channel_of_a_future_is_a_case_of_select(runtime: Runtime) -> None:
    async def main() -> None:
        future = funcs.start(ticking, 2)
        timeout = time.after("1s")
        assert (await channel.select(future.channel, timeout)).channel is timeout
        r = await channel.select(future.channel, time.after("5s"))
        assert r.channel is future.channel
        assert (r.value.value, r.value.error) == (trio.current_time(), None)
        assert await future.result() == r.value.value
        with pytest.raises(trio.EndOfChannel):
            await future.channel.receive()

    await as_process(runtime, main)


async def test_the_channel_of_a_future_that_is_done_still_yields(runtime: Runtime) -> None:
    async def main() -> None:
        future = funcs.start(fail)
        await settle()
        result = future.channel.receive_nowait()
        assert isinstance(result.error, Failure)

    await as_process(runtime, main)


async def test_a_result_awaited_again_and_again_keeps_its_traceback_as_it_is(
    runtime: Runtime,
) -> None:
    async def main() -> None:
        lengths = set()
        future = funcs.start(fail)
        for _ in range(20):
            try:
                await future.result()
            except Failure as error:
                lengths.add(len(traceback.extract_tb(error.__traceback__)))
        assert len(lengths) == 1

    await as_process(runtime, main)


async def test_a_cancelled_future_says_so(runtime: Runtime) -> None:
    async def main() -> None:
        future = funcs.start(forever)
        await settle()
        future.cancel("changed my mind")
        with pytest.raises(Canceled, match="forever was cancelled: changed my mind"):
            await future.result()
        future.cancel()

    await as_process(runtime, main)


async def test_waiting_for_a_future_can_be_given_up(runtime: Runtime) -> None:
    async def main() -> None:
        future = funcs.start(ticking, 2)
        with trio.move_on_after(1):
            await future.result()
        assert not future.done
        assert await future.result() == trio.current_time()

    await as_process(runtime, main)


async def test_an_error_that_nobody_asks_for_is_logged(runtime: Runtime, records: Records) -> None:
    async def main() -> None:
        funcs.start(fail)
        asked = funcs.start(fail)
        await settle()
        with pytest.raises(Failure):
            await asked.result()

    await as_process(runtime, main)
    gc.collect()
    (record,) = records.errors
    assert " crashed: Failure: as told" in record.getMessage()


async def test_what_has_ended_leaves_nothing_behind_in_the_caller(runtime: Runtime) -> None:
    async with runtime.attach() as pid:
        await funcs.call(give)
        assert not runtime.processes[pid].holds


# -- timeouts, pools and context


async def test_a_timeout_ends_the_call(app: Path, autojump_clock: trio.testing.MockClock) -> None:
    async def main() -> None:
        started = trio.current_time()
        with pytest.raises(Timeout, match=r"app:slow was not done within 2s"):
            await funcs.call("app:slow", 5)
        assert trio.current_time() == pytest.approx(started + 2)
        assert await funcs.call("app:slow", 1) == pytest.approx(started + 3)
        assert await funcs.with_timeout("10s").call("app:slow", 5) == pytest.approx(started + 8)

    await in_app(app, main)


async def test_a_timeout_of_the_callers_own(runtime: Runtime) -> None:
    async def main() -> None:
        with pytest.raises(Timeout, match=r"within 0\.5s"):
            await funcs.with_timeout("500ms").call(forever)
        with pytest.raises(Invalid):
            funcs.with_timeout("soon")

    await as_process(runtime, main)


async def test_a_pool_runs_so_many_calls_at_a_time(
    app: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async def main() -> None:
        start = trio.current_time()
        futures = [funcs.start("app:pair", 1) for _ in range(5)]
        ends = [await future.result() - start for future in futures]
        assert sorted(ends) == pytest.approx([1, 1, 2, 2, 3])

    await in_app(app, main)


async def test_waiting_for_the_pool_counts_and_gives_the_place_back(
    app: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async def main() -> None:
        first = [funcs.start("app:pair", 10) for _ in range(2)]
        with pytest.raises(Timeout):
            await funcs.with_timeout(1).call("app:pair", 1)
        for future in first:
            future.cancel()
        start = trio.current_time()
        assert await funcs.call("app:pair", 1) == pytest.approx(start + 1)

    await in_app(app, main)


async def test_context_values_follow_a_call(
    app: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async def child() -> None:
        _, values, _ = await funcs.call("app:who")
        assert values == {"user": 7}
        caller = funcs.with_context({"user": 8}).with_timeout(1).with_context({"more": 1})
        _, values, _ = await caller.call("app:who")
        assert values == {"user": 8, "more": 1}
        assert ctx.all() == {"user": 7}
        with pytest.raises(Invalid, match="expected a dict"):
            funcs.with_context(7)  # type: ignore[arg-type]  # what is tested

    async def main() -> None:
        await process.with_context({"user": 7}).exec(child)

    await in_app(app, main)


# -- what a manifest may say


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("method: nope", "work.py has no method 'nope'"),
        ("method: plain", r"the method plain is not async, write async def plain\(…\)"),
        ("method: echo, thread: true", r"is async, and a thread or subprocess runs a plain def"),
        ("method: Thing, subprocess: true", "is a class, name a def"),
        ("method: plain, thread: true, subprocess: true", "not in both"),
        ("method: echo, pool: -1", "pool: expected int >= 0"),
        ("method: echo, timeout: soon", "timeout:"),
        ("method: echo, host: app:processes", "unknown field 'host'"),
    ],
)
async def test_a_fault_of_a_function_has_its_place(
    application: Application, fields: str, words: str
) -> None:
    source = "async def echo(): ...\ndef plain(): ...\nclass Thing: ...\n"
    folder = application(
        f"- {{name: f, kind: function.py, source: file://work.py, {fields}}}", work=source
    )
    with pytest.raises(ManifestError, match=words) as info:
        async with open_runtime(folder):
            pass
    assert info.value.line
