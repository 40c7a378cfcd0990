"""Functions in threads and in Python processes: on the real clock, as nobody moves theirs."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trio

from echosvc import Runtime, ctx, funcs, open_runtime
from echosvc.errors import Internal, Invalid, Timeout, Unavailable
from tests.runtime.conftest import Records


def entry(name: str, source: str, method: str, more: str) -> str:
    return (
        f"- {{name: {name}, kind: function.py, source: file://{source}.py, method: {method}, "
        f"modules: [ctx], {more}}}"
    )


ENTRIES = "\n".join(
    [
        entry("add", "thread", "add", "thread: true"),
        entry("fail", "thread", "fail", "thread: true"),
        entry("who", "thread", "who", "thread: true"),
        entry("lone", "thread", "wait", "thread: true, pool: 1"),
        entry("polite", "thread", "poll", "thread: true, pool: 1"),
        entry("p-add", "sub", "add", "subprocess: true, pool: 2"),
        entry("p-fail", "sub", "fail", "subprocess: true, pool: 1"),
        entry("p-die", "sub", "die", "subprocess: true, pool: 1"),
        entry("p-spin", "sub", "spin", "subprocess: true, pool: 1"),
        entry("p-odd", "sub", "odd", "subprocess: true, pool: 1"),
        entry("p-who", "sub", "who", "subprocess: true, pool: 1"),
    ]
)
THREAD = """
    import threading
    import trio
    from echosvc import ctx, process

    def add(a, b):
        return a + b

    def fail(text):
        raise ValueError(text)

    def who():
        try:
            process.pid()
        except Exception as exc:
            refused = exc
        return threading.get_ident(), ctx.all(), refused

    def wait(gate):
        gate.wait()
        return threading.get_ident()

    def poll(started):
        started.set()
        while True:
            trio.from_thread.check_cancelled()
"""
SUB = """
    import dataclasses
    import os
    import sys

    @dataclasses.dataclass(frozen=True)
    class Sum:
        value: int

    class Odd(Exception):
        def __init__(self, a, b):
            super().__init__(f"{a} and {b}")

    def add(a, b):
        print("not for the protocol")
        return Sum(a + b), os.getpid()

    def fail(text):
        raise ValueError(text)

    def odd(what):
        if what == "result":
            return lambda: None
        raise Odd(1, 2)

    def die():
        os._exit(3)

    def spin():
        while True:
            pass

    def who():
        from echosvc import ctx
        return ctx.all()
"""


@pytest.fixture
async def runtime(application: Callable[..., Path]) -> AsyncIterator[Runtime]:
    async with open_runtime(application(ENTRIES, thread=THREAD, sub=SUB)) as runtime:
        yield runtime


# -- threads


async def test_a_thread_function_is_called_as_any_other(runtime: Runtime) -> None:
    async with runtime.attach():
        assert await funcs.call("app:add", 2, 3) == 5
        with pytest.raises(ValueError, match="as told"):
            await funcs.call("app:fail", "as told")
        with pytest.raises(Invalid, match="missing a required argument"):
            await funcs.call("app:add", 2)


async def test_a_thread_has_the_context_values_and_is_not_inside_a_process(
    runtime: Runtime,
) -> None:
    async with runtime.attach():
        thread, values, refused = await funcs.with_context({"user": 7}).call("app:who")
        assert thread != threading.get_ident()
        assert values == {"user": 7}
        assert isinstance(refused, Unavailable)
        assert ctx.all() == {}


async def test_nobody_waits_for_a_thread_that_takes_too_long(
    runtime: Runtime, records: Records
) -> None:
    gate = threading.Event()
    async with runtime.attach():
        with pytest.raises(Timeout, match="app:lone"):
            await funcs.with_timeout(0.01).call("app:lone", gate)
        # It keeps its place in the pool until it is done.
        with pytest.raises(Timeout):
            await funcs.with_timeout(0.01).call("app:lone", gate)
        gate.set()
        await funcs.call("app:lone", gate)
    (record,) = records.named("a thread ended when nobody waited")
    assert record.levelno == logging.WARNING


async def test_a_thread_may_ask_whether_it_is_still_wanted(
    runtime: Runtime, records: Records
) -> None:
    async with runtime.attach():
        for _ in range(2):  # the second has the place that the first gave back
            started = threading.Event()
            future = funcs.start("app:polite", started)
            await trio.to_thread.run_sync(started.wait)
            future.cancel()
    assert records.named("a thread ended") == []


# -- subprocesses


async def test_a_subprocess_function_is_called_as_any_other(runtime: Runtime) -> None:
    async with runtime.attach():
        total, pid = await funcs.call("app:p-add", 2, 3)
        assert (type(total).__name__, total.value) == ("Sum", 5)
        assert pid != os.getpid()
        assert (await funcs.call("app:p-add", total.value, 1))[1] == pid


async def test_what_a_subprocess_raises_comes_with_its_traceback(runtime: Runtime) -> None:
    async with runtime.attach():
        with pytest.raises(ValueError, match="as told") as info:
            await funcs.call("app:p-fail", "as told")
        (note,) = info.value.__notes__
        assert "Python process of app:p-fail" in note
        assert 'sub.py", line' in note
        with pytest.raises(ValueError, match="again"):
            await funcs.call("app:p-fail", "again")


async def test_what_cannot_leave_a_process_is_said_so(runtime: Runtime) -> None:
    async with runtime.attach():
        with pytest.raises(Invalid, match="a function cannot leave the Python process"):
            await funcs.call("app:p-odd", "result")
        with pytest.raises(Internal, match="Odd: 1 and 2"):
            await funcs.call("app:p-odd", "error")
        with pytest.raises(Invalid, match="app:p-fail: an argument cannot leave"):
            await funcs.call("app:p-fail", lambda: None)


async def test_a_subprocess_that_dies_is_an_error_and_replaced(runtime: Runtime) -> None:
    async with runtime.attach():
        for _ in range(2):
            with pytest.raises(Internal, match="ran app:p-die ended with code 3"):
                await funcs.call("app:p-die")


async def test_a_subprocess_that_takes_too_long_is_killed(runtime: Runtime) -> None:
    async with runtime.attach():
        for _ in range(2):
            with pytest.raises(Timeout, match="app:p-spin"):
                await funcs.with_timeout(0.3).call("app:p-spin")


async def test_context_values_reach_a_subprocess(runtime: Runtime) -> None:
    async with runtime.attach():
        assert await funcs.with_context({"user": 7}).call("app:p-who") == {"user": 7}


async def test_workers_end_with_the_runtime(application: Callable[..., Path]) -> None:
    async with open_runtime(application(ENTRIES, thread=THREAD, sub=SUB)) as runtime:

        async def main() -> int:
            _, pid = await funcs.call("app:p-add", 2, 3)
            assert isinstance(pid, int)
            return pid

        pid = await runtime.run(main, "app:processes")
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
