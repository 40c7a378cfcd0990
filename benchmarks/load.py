"""Throughput, latency and memory against the number of processes, for trio, echosvc and asyncio."""

from __future__ import annotations

import asyncio
import gc
import math
import statistics
from collections.abc import Callable
from time import perf_counter
from typing import Any

import trio
import trio.testing
from rich.console import Console
from rich.table import Table

import echosvc
from echosvc import process

from .measure import HOST
from .memory import in_new_python

PROCESSES = (1, 10, 100, 1000, 10_000, 100_000)
MESSAGES = 100_000
CLIENTS = (1, 10, 100, 1000)
QUESTIONS = 20_000
MEMORY = (100, 1000, 10_000, 100_000)
BURST = 100

Load = dict[str, dict[str, list[float]]]
"""Numbers by what was measured and by side, one for each size."""


# -- throughput: one sender gives out 100,000 messages in turn to so many receivers, and lets the
#    others run after each hundred; from the first message to the last receive


async def throughput_trio(receivers: int) -> float:
    each = MESSAGES // receivers

    async def receive(channel: trio.MemoryReceiveChannel[dict[str, int]]) -> None:
        for _ in range(each):
            await channel.receive()

    senders = []
    async with trio.open_nursery() as nursery:
        for _ in range(receivers):
            sender, receiver = trio.open_memory_channel[dict[str, int]](math.inf)
            senders.append(sender)
            nursery.start_soon(receive, receiver)
        await trio.testing.wait_all_tasks_blocked()
        gc.collect()
        start = perf_counter()
        for i in range(each * receivers):
            senders[i % receivers].send_nowait({"n": i})
            if i % BURST == 0:
                await trio.lowlevel.checkpoint()
    return each * receivers / (perf_counter() - start)


async def receive_process(count: int) -> None:
    inbox = process.inbox()
    for _ in range(count):
        await inbox.receive()


async def throughput_echosvc(receivers: int) -> float:
    each = MESSAGES // receivers

    async def main() -> float:
        pids = [process.spawn(receive_process, None, each) for _ in range(receivers)]
        await trio.testing.wait_all_tasks_blocked()
        gc.collect()
        start = perf_counter()
        for i in range(each * receivers):
            process.send(pids[i % receivers], "work", {"n": i})
            if i % BURST == 0:
                await trio.lowlevel.checkpoint()
        while len(process.list()) > 1:
            await trio.lowlevel.checkpoint()
        return each * receivers / (perf_counter() - start)

    async with echosvc.open_runtime() as runtime:
        await runtime.start_host(HOST, mailbox=0)
        rate: float = await runtime.run(main, HOST)
        return rate


async def throughput_asyncio(receivers: int) -> float:
    each = MESSAGES // receivers

    async def receive(queue: asyncio.Queue[dict[str, int]]) -> None:
        for _ in range(each):
            await queue.get()

    queues: list[asyncio.Queue[dict[str, int]]] = [asyncio.Queue() for _ in range(receivers)]
    async with asyncio.TaskGroup() as group:
        for queue in queues:
            group.create_task(receive(queue))
        await asyncio.sleep(0)
        gc.collect()
        start = perf_counter()
        for i in range(each * receivers):
            queues[i % receivers].put_nowait({"n": i})
            if i % BURST == 0:
                await asyncio.sleep(0)
    return each * receivers / (perf_counter() - start)


# -- latency: so many clients ask one server, each again when it has its answer


async def latency_trio(clients: int) -> list[float]:
    each = QUESTIONS // clients
    took: list[float] = []
    ask, asked = trio.open_memory_channel[tuple[trio.MemorySendChannel[int], int]](math.inf)

    async def server() -> None:
        async for reply, value in asked:
            reply.send_nowait(value)

    async def client() -> None:
        reply, answers = trio.open_memory_channel[int](1)
        for i in range(each):
            start = perf_counter()
            ask.send_nowait((reply, i))
            await answers.receive()
            took.append(perf_counter() - start)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(server)
        async with trio.open_nursery() as all_clients:
            for _ in range(clients):
                all_clients.start_soon(client)
        ask.close()
    return took


async def server_process() -> None:
    async for msg in process.inbox():
        assert msg.sender is not None
        process.send(msg.sender, "answer", msg.data)


async def latency_echosvc(clients: int) -> list[float]:
    each = QUESTIONS // clients
    took: list[float] = []

    async def client(server: process.Pid) -> None:
        inbox = process.inbox()
        for i in range(each):
            start = perf_counter()
            process.send(server, "question", i)
            await inbox.receive()
            took.append(perf_counter() - start)

    async def main() -> None:
        server = process.spawn(server_process)
        for _ in range(clients):
            process.spawn_monitored(client, None, server)
        for _ in range(clients):
            await process.events().receive()

    async with echosvc.open_runtime() as runtime:
        await runtime.start_host(HOST)
        await runtime.run(main, HOST)
    return took


async def latency_asyncio(clients: int) -> list[float]:
    each = QUESTIONS // clients
    took: list[float] = []
    asked: asyncio.Queue[tuple[asyncio.Queue[int], int]] = asyncio.Queue()

    async def server() -> None:
        while True:
            reply, value = await asked.get()
            reply.put_nowait(value)

    async def client() -> None:
        answers: asyncio.Queue[int] = asyncio.Queue()
        for i in range(each):
            start = perf_counter()
            asked.put_nowait((answers, i))
            await answers.get()
            took.append(perf_counter() - start)

    task = asyncio.create_task(server())
    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client())
    task.cancel()
    return took


def _percentiles(took: list[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(took, n=100)
    return cuts[49] * 1e6, cuts[98] * 1e6


def measure(console: Console) -> dict[str, Any]:
    """Measure everything."""
    throughput: dict[str, Callable[[int], float]] = {
        "trio": lambda n: trio.run(throughput_trio, n),
        "echosvc": lambda n: trio.run(throughput_echosvc, n),
        "asyncio": lambda n: asyncio.run(throughput_asyncio(n)),
    }
    latency: dict[str, Callable[[int], list[float]]] = {
        "trio": lambda n: trio.run(latency_trio, n),
        "echosvc": lambda n: trio.run(latency_echosvc, n),
        "asyncio": lambda n: asyncio.run(latency_asyncio(n)),
    }
    found: Load = {"throughput": {}, "p50": {}, "p99": {}, "memory": {}}
    with console.status("throughput"):
        for name, rate in throughput.items():
            found["throughput"][name] = [max(rate(n) for _ in range(2)) for n in PROCESSES]
    with console.status("latency"):
        for name, times in latency.items():
            both = [_percentiles(times(n)) for n in CLIENTS]
            found["p50"][name] = [p50 for p50, _ in both]
            found["p99"][name] = [p99 for _, p99 in both]
    with console.status("memory"):
        for name in throughput:
            found["memory"][name] = [in_new_python(name, n) for n in MEMORY]
    return {
        "sizes": {
            "throughput": PROCESSES,
            "p50": CLIENTS,
            "p99": CLIENTS,
            "memory": MEMORY,
        },
        **found,
    }


TITLES = {
    "throughput": "messages a second, to so many processes",
    "p50": "µs from question to answer, so many clients: half are quicker",
    "p99": "the same: 99 of 100 are quicker",
    "memory": "bytes of an idle process, of so many",
}


def show(loads: dict[str, Any], console: Console) -> None:
    """Print all of it."""
    for what, title in TITLES.items():
        sizes = loads["sizes"][what]
        table = Table(title=title)
        table.add_column("")
        for size in sizes:
            table.add_column(f"{size:,}", justify="right")
        for side, values in loads[what].items():
            table.add_row(side, *[f"{value:,.0f}" for value in values])
        console.print(table)
