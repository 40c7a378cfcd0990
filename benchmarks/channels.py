"""Channels: handing over a value, waiting for the first of two, waiting with a timeout."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

import trio

from echosvc import channel, coroutine, process, time
from echosvc.channel import Channel

from .measure import Work
from .messages import echo_process

# -- bare: one task puts a value in and receives it


async def bare_trio(n: int) -> None:
    sender, receiver = trio.open_memory_channel[int](math.inf)
    for i in range(n):
        sender.send_nowait(i)
        await receiver.receive()


async def bare_echosvc(n: int) -> None:
    values = Channel[int](math.inf)
    for i in range(n):
        values.send_nowait(i)
        await values.receive()


async def bare_asyncio(n: int) -> None:
    queue: asyncio.Queue[int] = asyncio.Queue()
    for i in range(n):
        queue.put_nowait(i)
        await queue.get()


# -- select: a hundred tasks wait on two channels each; one task sends to one of the two of each,
#    waits until all have received, and begins again. No select finds anything ready. With one task
#    instead of the hundred it is a ping-pong, and most of what is measured is trio's scheduler.

CROWD = 100


def turns(work: Callable[[int, int], Awaitable[None]], selectors: int) -> Work:
    """Make work of n selects in all, with this many tasks that select."""

    async def of(n: int) -> None:
        await work(max(1, n // selectors), selectors)

    return of


async def select_trio(turns: int, selectors: int) -> None:
    received = 0
    all_received = trio.Event()

    async def first(
        a: trio.MemoryReceiveChannel[int], b: trio.MemoryReceiveChannel[int]
    ) -> tuple[trio.MemoryReceiveChannel[int], int]:
        winner: list[tuple[trio.MemoryReceiveChannel[int], int]] = []

        async def receive(channel: trio.MemoryReceiveChannel[int]) -> None:
            value = await channel.receive()
            winner.append((channel, value))
            race.cancel_scope.cancel()

        async with trio.open_nursery() as race:
            race.start_soon(receive, a)
            race.start_soon(receive, b)
        return winner[0]

    async def selector(
        a: trio.MemoryReceiveChannel[int], b: trio.MemoryReceiveChannel[int]
    ) -> None:
        nonlocal received
        for _ in range(turns):
            await first(a, b)
            received += 1
            if received == selectors:
                all_received.set()

    async with trio.open_nursery() as nursery:
        pairs = []
        for _ in range(selectors):
            a, b = trio.open_memory_channel[int](1), trio.open_memory_channel[int](1)
            pairs.append((a[0], b[0]))
            nursery.start_soon(selector, a[1], b[1])
        for turn in range(turns):
            received, all_received = 0, trio.Event()
            for pair in pairs:
                pair[turn % 2].send_nowait(turn)
            await all_received.wait()


async def select_echosvc(turns: int, selectors: int) -> None:
    received = 0
    all_received = trio.Event()

    async def selector(a: Channel[int], b: Channel[int]) -> None:
        nonlocal received
        for _ in range(turns):
            await channel.select(a, b)
            received += 1
            if received == selectors:
                all_received.set()

    async with trio.open_nursery() as nursery:
        pairs = []
        for _ in range(selectors):
            pair = (Channel[int](1), Channel[int](1))
            pairs.append(pair)
            nursery.start_soon(selector, *pair)
        for turn in range(turns):
            received, all_received = 0, trio.Event()
            for pair in pairs:
                pair[turn % 2].send_nowait(turn)
            await all_received.wait()


async def alone_echosvc(n: int) -> None:
    """One select at a time, between two coroutines of a process."""
    a, b, received = Channel[int](1), Channel[int](1), Channel[None](1)

    async def selector() -> None:
        for _ in range(n):
            await channel.select(a, b)
            received.send_nowait(None)

    selecting = coroutine.spawn(selector)
    for turn in range(n):
        (a, b)[turn % 2].send_nowait(turn)
        await received.receive()
    await selecting.result()


async def select_asyncio(turns: int, selectors: int) -> None:
    received = 0
    all_received = asyncio.Event()

    async def selector(a: asyncio.Queue[int], b: asyncio.Queue[int]) -> None:
        nonlocal received
        waiting = {asyncio.create_task(q.get()): q for q in (a, b)}
        for _ in range(turns):
            # A getter that has not won is kept for the next time: to cancel it could lose a value.
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for getter in done:
                queue = waiting.pop(getter)
                waiting[asyncio.create_task(queue.get())] = queue
            received += 1
            if received == selectors:
                all_received.set()
        for getter in waiting:
            getter.cancel()

    async with asyncio.TaskGroup() as group:
        pairs = []
        for _ in range(selectors):
            pair: tuple[asyncio.Queue[int], asyncio.Queue[int]] = (asyncio.Queue(), asyncio.Queue())
            pairs.append(pair)
            group.create_task(selector(*pair))
        for turn in range(turns):
            received, all_received = 0, asyncio.Event()
            for pair in pairs:
                pair[turn % 2].put_nowait(turn)
            await all_received.wait()


# -- with a timeout: an answer that comes, awaited for two seconds at most


async def timeout_trio(n: int) -> None:
    to_echo, at_echo = trio.open_memory_channel[int](1)
    to_us, at_us = trio.open_memory_channel[int](1)

    async def echo() -> None:
        async for value in at_echo:
            to_us.send_nowait(value)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(echo)
        for i in range(n):
            to_echo.send_nowait(i)
            with trio.move_on_after(2):
                await at_us.receive()
        to_echo.close()


async def timeout_echosvc(n: int) -> None:
    echo = process.spawn(echo_process)
    inbox = process.inbox()
    for i in range(n):
        process.send(echo, "ping", i)
        await channel.select(inbox, time.after("2s"))
    process.terminate(echo)


async def timeout_asyncio(n: int) -> None:
    at_echo: asyncio.Queue[int] = asyncio.Queue()
    at_us: asyncio.Queue[int] = asyncio.Queue()

    async def echo() -> None:
        while True:
            at_us.put_nowait(await at_echo.get())

    task = asyncio.create_task(echo())
    for i in range(n):
        at_echo.put_nowait(i)
        async with asyncio.timeout(2):
            await at_us.get()
    task.cancel()
