"""Messages between processes: ping-pong, one and a hundred producers, the echo service.

Payloads are small dicts. echosvc copies each (a snapshot), checks the mailbox's limit and says who
sent it; the others hand over a reference.
"""

from __future__ import annotations

import asyncio
import math

import trio

from echosvc import channel, process, time

PRODUCERS = 100
BURST = 100
"""After so many messages a producer lets the others run."""


# -- ping-pong: a dict goes to another process and comes back; one is under way at a time


async def ping_pong_trio(n: int) -> None:
    to_echo, at_echo = trio.open_memory_channel[dict[str, int]](1)
    to_us, at_us = trio.open_memory_channel[dict[str, int]](1)

    async def echo() -> None:
        async for value in at_echo:
            to_us.send_nowait(value)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(echo)
        for i in range(n):
            to_echo.send_nowait({"n": i})
            await at_us.receive()
        to_echo.close()


async def echo_process() -> None:
    async for msg in process.inbox():
        assert msg.sender is not None
        process.send(msg.sender, "pong", msg.data)


async def ping_pong_echosvc(n: int) -> None:
    echo = process.spawn(echo_process)
    inbox = process.inbox()
    for i in range(n):
        process.send(echo, "ping", {"n": i})
        await inbox.receive()
    process.terminate(echo)


async def ping_pong_asyncio(n: int) -> None:
    at_echo: asyncio.Queue[dict[str, int]] = asyncio.Queue()
    at_us: asyncio.Queue[dict[str, int]] = asyncio.Queue()

    async def echo() -> None:
        while True:
            at_us.put_nowait(await at_echo.get())

    task = asyncio.create_task(echo())
    for i in range(n):
        at_echo.put_nowait({"n": i})
        await at_us.get()
    task.cancel()


# -- producers and one consumer: n messages in all


async def produce_trio(n: int, producers: int) -> None:
    sender, receiver = trio.open_memory_channel[dict[str, object]](math.inf)

    async def produce(count: int) -> None:
        for i in range(count):
            sender.send_nowait({"n": i, "text": "x"})
            if i % BURST == 0:
                await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        for _ in range(producers):
            nursery.start_soon(produce, n // producers)
        for _ in range(n // producers * producers):
            await receiver.receive()


async def producer_process(consumer: process.Pid, count: int) -> None:
    for i in range(count):
        process.send(consumer, "work", {"n": i, "text": "x"})
        if i % BURST == 0:
            await trio.lowlevel.checkpoint()


async def produce_echosvc(n: int, producers: int) -> None:
    inbox = process.inbox()
    for _ in range(producers):
        process.spawn(producer_process, None, process.pid(), n // producers)
    for _ in range(n // producers * producers):
        await inbox.receive()


async def produce_asyncio(n: int, producers: int) -> None:
    queue: asyncio.Queue[dict[str, object]] = asyncio.Queue()

    async def produce(count: int) -> None:
        for i in range(count):
            queue.put_nowait({"n": i, "text": "x"})
            if i % BURST == 0:
                await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for _ in range(producers):
            group.create_task(produce(n // producers))
        for _ in range(n // producers * producers):
            await queue.get()


async def one_trio(n: int) -> None:
    await produce_trio(n, 1)


async def one_echosvc(n: int) -> None:
    await produce_echosvc(n, 1)


async def one_asyncio(n: int) -> None:
    await produce_asyncio(n, 1)


async def many_trio(n: int) -> None:
    await produce_trio(n, PRODUCERS)


async def many_echosvc(n: int) -> None:
    await produce_echosvc(n, PRODUCERS)


async def many_asyncio(n: int) -> None:
    await produce_asyncio(n, PRODUCERS)


# -- the echo service without its pauses: the client asks the relay, with a timeout of two seconds;
#    the relay starts a worker for the question, which answers the client and ends; the relay learns
#    of each worker's end and with what, and a worker that fails takes nobody along


async def echo_trio(n: int) -> None:
    to_relay, at_relay = trio.open_memory_channel[tuple[str, object]](math.inf)
    to_client, at_client = trio.open_memory_channel[dict[str, object]](1)
    ended = 0

    async def worker(number: int, text: str) -> int:
        to_client.send_nowait({"text": text.upper(), "worker": number})
        return 0

    async def watched(number: int, text: str) -> None:
        try:
            result: object = await worker(number, text)
        except Exception as exc:  # noqa: BLE001 - it is what the relay is told
            result = exc
        to_relay.send_nowait(("exit", (number, result)))

    async def relay() -> None:
        nonlocal ended
        number = 0
        async with trio.open_nursery() as workers:
            async for what, data in at_relay:
                if what == "echo":
                    number += 1
                    workers.start_soon(watched, number, data["text"])  # type: ignore[index] # a dict
                else:
                    ended += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(relay)
        for _ in range(n):
            to_relay.send_nowait(("echo", {"text": "hello world"}))
            with trio.move_on_after(2):
                await at_client.receive()
        while ended < n:
            await trio.lowlevel.checkpoint()
        to_relay.close()


async def worker_process(client: process.Pid, text: str) -> int:
    process.send(client, "echoed", {"text": text.upper(), "worker": process.pid()})
    return 0


async def relay_process(n: int) -> None:
    inbox, events = process.inbox(), process.events()
    ended = 0
    while ended < n:
        r = await channel.select(inbox, events)
        if isinstance(msg := r.value, process.Message):
            process.spawn_monitored(worker_process, None, msg.sender, msg.data["text"])
        else:
            ended += 1


async def echo_echosvc(n: int) -> None:
    relay = process.spawn_monitored(relay_process, None, n)
    inbox = process.inbox()
    for _ in range(n):
        process.send(relay, "echo", {"text": "hello world"})
        await channel.select(inbox, time.after("2s"))
    await process.events().receive()  # the relay has seen the end of the last worker


async def echo_asyncio(n: int) -> None:
    at_relay: asyncio.Queue[tuple[str, object]] = asyncio.Queue()
    at_client: asyncio.Queue[dict[str, object]] = asyncio.Queue()
    ended = 0

    async def worker(number: int, text: str) -> int:
        at_client.put_nowait({"text": text.upper(), "worker": number})
        return 0

    async def watched(number: int, text: str) -> None:
        try:
            result: object = await worker(number, text)
        except Exception as exc:  # noqa: BLE001 - it is what the relay is told
            result = exc
        at_relay.put_nowait(("exit", (number, result)))

    async def relay() -> None:
        nonlocal ended
        number = 0
        async with asyncio.TaskGroup() as workers:
            while ended < n:
                what, data = await at_relay.get()
                if what == "echo":
                    number += 1
                    workers.create_task(watched(number, data["text"]))  # type: ignore[index] # a dict
                else:
                    ended += 1

    async with asyncio.TaskGroup() as group:
        group.create_task(relay())
        for _ in range(n):
            at_relay.put_nowait(("echo", {"text": "hello world"}))
            async with asyncio.timeout(2):
                await at_client.get()
