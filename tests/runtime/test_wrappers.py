"""Libraries that do things with tasks that trio does not: they work inside of processes."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import trio

from echosvc import Pid, Runtime, process
from tests.runtime.helpers import HOST, Failure, settle

greenback = pytest.importorskip("greenback")


async def echo() -> None:
    async for message in process.inbox():
        process.send(message.sender, "back", message.data)


async def busy() -> None:
    """Hand over to another for as long as it lives."""
    other = process.spawn(echo)
    for n in range(300):
        process.send(other, "there", n)
        await process.inbox().receive()
        if n % 50 == 0:
            await trio.sleep(1)
    process.terminate(other)


def ask(pid: Pid, value: Any) -> Any:
    """Send, and wait for the answer, in code that is not async."""
    process.send(pid, "there", value)
    return greenback.await_(process.inbox().receive()).data


async def with_portal() -> list[Any]:
    await greenback.ensure_portal()
    pid = process.spawn(echo)
    answers = [ask(pid, n) for n in range(50)]
    greenback.await_(trio.sleep(2))  # noqa: ASYNC105 - it is awaited there
    answers += [ask(pid, n) for n in range(50)]
    process.terminate(pid)
    return answers


async def with_portal_for_a_while() -> list[Any]:
    pid = process.spawn(echo)
    answers = [await greenback.with_portal_run_sync(ask, pid, n) for n in range(50)]
    process.send(pid, "there", 50)
    await process.inbox().receive()

    async def inner() -> list[Any]:
        return [ask(pid, n) for n in range(50)]

    answers += await greenback.with_portal_run(inner)
    process.terminate(pid)
    return answers


@pytest.mark.parametrize(
    "program", [with_portal, with_portal_for_a_while], ids=lambda f: f.__name__
)
async def test_code_that_is_not_async_waits_for_messages_with_greenback(
    program: Any, runtime: Runtime
) -> None:
    async def main() -> list[Any]:
        for target in (busy, busy, program, program):
            process.spawn_monitored(target)
        results = [(await process.events().receive()).result for _ in range(4)]
        assert [result.error for result in results] == [None] * 4
        return [result.value for result in results if result.value is not None]

    expected = [*range(50), *range(50)]
    assert await runtime.run(main, HOST) == [expected, expected]


async def test_a_portal_is_given_to_a_process_that_waits(runtime: Runtime) -> None:
    async def served() -> list[Any]:
        pid = process.spawn(echo)
        await process.inbox().receive()
        await trio.lowlevel.checkpoint()
        answers = [ask(pid, n) for n in range(20)]
        process.terminate(pid)
        return answers

    async def gives() -> Any:
        pid = process.spawn_monitored(served)
        await settle()
        for first, second in ((0, 1), (1, 0)):
            if first:
                task = runtime.processes[pid].task
                assert task is not None
                greenback.bestow_portal(task)
            if second:
                continue
            process.send(pid, "go")
        return (await process.events().receive()).result.value

    async def main() -> Any:
        process.spawn(busy)
        return await process.exec(gives)

    assert await runtime.run(main, HOST) == list(range(20))


async def test_a_failure_and_a_termination_get_through_a_portal(runtime: Runtime) -> None:
    async def fails() -> None:
        await greenback.ensure_portal()
        greenback.await_(process.inbox().receive())
        raise Failure

    async def main() -> list[str]:
        ends = []
        for how in ("send", "terminate"):
            process.spawn(busy)
            pid = process.spawn_monitored(fails)
            await settle()
            if how == "send":
                process.send(pid, "now")
            else:
                process.terminate(pid)
            ends.append(type((await process.events().receive()).result.error).__name__)
        return ends

    assert await runtime.run(main, HOST) == ["Failure", "Terminated"]


@pytest.mark.skipif(find_spec("trio_asyncio") is None, reason="trio-asyncio is not installed")
def test_asyncio_runs_inside_a_process_with_trio_asyncio() -> None:
    """In a Python of its own: to import trio-asyncio is to change what asyncio.run is."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.runtime.asyncio_inside"]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, cwd=root, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"{list(range(10))}\n"), done.stderr
