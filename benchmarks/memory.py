"""What an idle process costs: bytes of the Python's resident memory, each side in a new Python.

``python -m benchmarks.memory SIDE COUNT`` prints bytes a process.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import subprocess
import sys
from pathlib import Path

import trio
import trio.testing

import echosvc
from echosvc import process

from .measure import HOST, Side

PAGE = os.sysconf("SC_PAGESIZE")


def resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


async def idle_process() -> None:
    await process.inbox().receive()


async def of_echosvc(count: int) -> float:
    async with echosvc.open_runtime() as runtime:
        await runtime.start_host(HOST)
        before = resident()
        for _ in range(count):
            runtime.spawn(idle_process, HOST)
        await trio.testing.wait_all_tasks_blocked()
        used = resident() - before
    return used / count


async def of_trio(count: int) -> float:
    senders = []

    async def idle(receiver: trio.MemoryReceiveChannel[object]) -> None:
        await receiver.receive()

    async with trio.open_nursery() as nursery:
        before = resident()
        for _ in range(count):
            sender, receiver = trio.open_memory_channel[object](65536)
            senders.append(sender)
            nursery.start_soon(idle, receiver)
        await trio.testing.wait_all_tasks_blocked()
        used = resident() - before
        nursery.cancel_scope.cancel()
    return used / count


async def of_asyncio(count: int) -> float:
    before = resident()
    queues: list[asyncio.Queue[object]] = [asyncio.Queue(65536) for _ in range(count)]
    tasks = [asyncio.create_task(queue.get()) for queue in queues]
    await asyncio.sleep(0)
    used = resident() - before
    for task in tasks:
        task.cancel()
    return used / count


def main(side: str, count: int) -> None:
    warm_up = min(count, 100)
    if side == "asyncio":
        asyncio.run(of_asyncio(warm_up))
        result = asyncio.run(of_asyncio(count))
    else:
        work = {"trio": of_trio, "echosvc": of_echosvc}[side]
        trio.run(work, warm_up)
        result = trio.run(work, count)
    sys.stdout.write(f"{result:.1f}\n")


def in_new_python(side: str, count: int) -> float:
    """Measure a side in a Python of its own."""
    command = [sys.executable, "-m", "benchmarks.memory", side, str(count)]
    where = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=where, check=True, capture_output=True, text=True)
    return float(done.stdout)


def idle(side: str) -> Side:
    return functools.partial(in_new_python, side)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
