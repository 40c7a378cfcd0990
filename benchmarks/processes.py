"""Processes: starting them, learning of their end, starting them again when they fail."""

from __future__ import annotations

import asyncio
import logging

import trio

from echosvc import process
from echosvc.supervision import ChildSpec, open_supervisor

log = logging.getLogger("benchmarks")


async def nothing() -> None:
    pass


# -- spawn one, wait for its end, and again


async def spawn_trio(n: int) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(n):
            ended = trio.Event()

            async def child(ended: trio.Event = ended) -> None:
                await nothing()
                ended.set()

            nursery.start_soon(child)
            await ended.wait()


async def spawn_echosvc(n: int) -> None:
    events = process.events()
    for _ in range(n):
        process.spawn_monitored(nothing)
        await events.receive()


async def spawn_asyncio(n: int) -> None:
    for _ in range(n):
        await asyncio.create_task(nothing())


# -- spawn all at once, and wait until all have ended


async def crowd_trio(n: int) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(n):
            nursery.start_soon(nothing)


async def crowd_echosvc(n: int) -> None:
    for _ in range(n - 1):
        process.spawn(nothing)
    process.spawn_monitored(nothing)
    await process.events().receive()
    # The scheduler takes those of one pass in any order, so that others may not have run yet.
    while len(process.list()) > 1:
        await trio.lowlevel.checkpoint()


async def crowd_asyncio(n: int) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(n):
            group.create_task(nothing())


# -- a child that fails at once, and is started again until it has been n times; each failure is
#    logged with its traceback, which nothing writes anywhere


class ChildFailed(Exception):
    pass


async def restart_trio(n: int) -> None:
    runs = 0

    async def child() -> None:
        nonlocal runs
        runs += 1
        if runs <= n:
            raise ChildFailed

    while True:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(child)
        except* ChildFailed as group:
            log.error("child failed, and is restarted", exc_info=group.exceptions[0])
        else:
            return


async def restart_echosvc(n: int) -> None:
    runs = 0
    done = trio.Event()

    async def child() -> None:
        nonlocal runs
        runs += 1
        if runs <= n:
            raise ChildFailed
        done.set()

    async with open_supervisor(max_restarts=None) as supervisor:
        await supervisor.start(ChildSpec("child", child, restart="transient"))
        await done.wait()


async def restart_asyncio(n: int) -> None:
    runs = 0

    async def child() -> None:
        nonlocal runs
        runs += 1
        if runs <= n:
            raise ChildFailed

    while True:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(child())
        except* ChildFailed as failures:
            log.error("child failed, and is restarted", exc_info=failures.exceptions[0])
        else:
            return
