"""Functions in threads and in Python processes: on the real clock, as nobody moves theirs."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import subprocess
import sys
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
        entry("p-end", "sub", "end", "subprocess: true, pool: 1"),
        entry("p-fork", "sub", "fork", "subprocess: true, pool: 1"),
        entry("p-speak", "sub", "speak", "subprocess: true, pool: 1"),
        entry("p-busy", "sub", "busy", "subprocess: true, pool: 3"),
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
    import argparse
    import asyncio
    import dataclasses
    import gc
    import io
    import os
    import pickle
    import signal
    import struct
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

    def end(how):
        if how == "exit":
            sys.exit(4)
        if how == "argparse":
            argparse.ArgumentParser(prog="it").parse_args(["--no"])
        if how == "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
            while True:
                pass
        if how == "cancelled":
            raise asyncio.CancelledError
        if how == "group":
            raise BaseExceptionGroup("both", [SystemExit(4), ValueError("x")])
        return os.getpid()

    def fork(how):
        child = os.fork()
        if child == 0 and how == "exit":
            sys.exit(7)
        if child == 0 and how == "raise":
            raise ValueError("in the child")
        if child == 0:
            return "child"
        return os.getpid(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def speak(number):
        if number is not None:
            for thing in gc.get_objects():
                if isinstance(thing, io.BufferedWriter) and thing.fileno() > 2:
                    data = pickle.dumps(("not yours", None, ""))
                    thing.write(struct.pack("!QQ", number, len(data)) + data)
                    thing.flush()
        return os.getpid()

    def busy(how):
        os.write(2, f"{os.getpid()};".encode())  # as one: others write there, too
        if how == "deaf":
            sum(range(10**13))  # without letting go of the GIL
        while how == "python":
            pass
"""
EMBEDDING = """
import sys
import trio
from echosvc import funcs, open_runtime

async def main():
    async with open_runtime(sys.argv[1]) as runtime, runtime.attach():
        for how in ("python", "deaf"):
            funcs.start("app:p-busy", how)
        await funcs.call("app:p-busy", "idle")
        await trio.sleep_forever()

trio.run(main)
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


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("exit", "SystemExit: 4"),
        ("argparse", "SystemExit: 2"),
        ("interrupt", "KeyboardInterrupt"),
        ("cancelled", "asyncio.exceptions.CancelledError"),
        ("group", "BaseExceptionGroup: both (2 sub-exceptions)"),
    ],
)
async def test_what_would_end_a_program_is_the_error_of_its_call(
    runtime: Runtime, how: str, said: str
) -> None:
    async with runtime.attach():
        worker = await funcs.call("app:p-end", "not at all")
        with pytest.raises(Internal) as info:
            await funcs.call("app:p-end", how)
        assert info.value.message == said
        assert "in the Python process of app:p-end" in info.value.__notes__[0]
        assert await funcs.call("app:p-end", "not at all") == worker


@pytest.mark.parametrize(("how", "code"), [("return", 1), ("raise", 1), ("exit", 7)])
async def test_a_child_that_a_function_forks_answers_nothing(
    runtime: Runtime, how: str, code: int
) -> None:
    async with runtime.attach():
        worker, ended = await funcs.call("app:p-fork", how)
        assert ended == code
        assert await funcs.call("app:p-fork", how) == (worker, code)


async def test_an_answer_that_nobody_asked_for_is_nobodys_and_its_process_ends(
    runtime: Runtime, records: Records
) -> None:
    async with runtime.attach():
        worker = await funcs.call("app:p-speak", None)
        with pytest.raises(Internal, match="ran app:p-speak gave another call's answer"):
            await funcs.call("app:p-speak", 1)
        (record,) = records.named("a Python process gave an answer that nobody asked for")
        assert record.levelno == logging.ERROR
        assert record.fields["process"] == worker
        assert await funcs.call("app:p-speak", None) != worker


async def test_a_second_answer_to_one_call_is_not_the_next_ones(
    runtime: Runtime, records: Records
) -> None:
    async with runtime.attach():
        assert await funcs.call("app:p-speak", 1) == "not yours"  # it has the right number
        (worker,) = runtime.functions["app:p-speak"].close.__self__._idle
        if not worker.unasked():  # both may have come at once, or the second is on its way
            await trio.lowlevel.wait_readable(worker.process.stdout)
        assert await funcs.call("app:p-speak", None) != worker.process.pid
    assert len(records.named("a Python process gave an answer that nobody asked for")) == 1


async def test_nothing_of_workers_is_left(application: Callable[..., Path]) -> None:
    folder = application(ENTRIES, thread=THREAD, sub=SUB)

    async def once() -> int:
        async with open_runtime(folder) as runtime, runtime.attach():
            await funcs.call("app:p-add", 2, 3)
            with pytest.raises(Internal, match="ended with code 3"):
                await funcs.call("app:p-die")
        return len(os.listdir("/dev/fd"))  # noqa: PTH208  # what it costs to ask is nothing here

    assert await once() == await once()


def test_no_worker_outlives_an_application_that_is_killed(
    application: Callable[..., Path],
) -> None:
    folder = application(ENTRIES, thread=THREAD, sub=SUB)
    command = [sys.executable, "-c", EMBEDDING, str(folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as app:
        assert app.stderr is not None
        said = b""
        while said.count(b";") < 3 and select.select([app.stderr], [], [], 10)[0]:
            said += os.read(app.stderr.fileno(), 4096)
        app.kill()
        workers = [int(pid) for pid in said.split(b";")[:-1]]
        # The workers have this pipe, too: it ends with the last of them.
        ended, _, _ = select.select([app.stderr], [], [], 10)
        for worker in () if ended else workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        assert ended
        assert len(workers) == 3
        assert app.stderr.read() == b""
