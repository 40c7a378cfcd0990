"""Ten thousand processes linked in a ring, of which one fails."""

from __future__ import annotations

import collections
import gc
import tracemalloc

import trio

from echosvc import Pid, Runtime, process
from echosvc.errors import LinkDown
from tests.runtime.helpers import HOST, Failure, settle

SIZE = 10_000


async def member(previous: Pid | None) -> None:
    if previous is not None:
        process.link(previous)
    process.registry.register(f"member of {process.pid()}")
    message = await process.inbox().receive()
    if message.topic == "close the ring":
        process.link(message.data)
        await process.inbox().receive()
    raise Failure


async def ring(runtime: Runtime, size: int) -> None:
    """Make a ring, let one of it fail, and see that all end, each once."""
    news = runtime.events("process", "ended", size=2 * size)
    first = pid = runtime.spawn(member, HOST, None)
    for _ in range(size - 1):
        pid = runtime.spawn(member, HOST, pid)
    await settle()
    runtime.send(first, "close the ring", pid)
    await settle()
    assert len(runtime.info(first).links) == len(runtime.info(pid).links) == 2
    assert runtime.statistics().names == size
    runtime.send(runtime.list()[size // 3], "fail")
    await settle()
    ends = [news.receive_nowait() for _ in range(len(news))]
    news.close()
    assert len(ends) == len({event.path for event in ends}) == size
    why = collections.Counter(type(event.data["error"]) for event in ends)
    assert why == {Failure: 1, LinkDown: size - 1}


async def test_a_ring_of_ten_thousand_ends_whole_each_once_and_leaves_nothing(
    runtime: Runtime,
) -> None:
    await ring(runtime, SIZE)
    tasks = trio.lowlevel.current_statistics().tasks_living
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    await ring(runtime, SIZE // 10)
    gc.collect()
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert trio.lowlevel.current_statistics().tasks_living == tasks
    statistics = runtime.statistics()
    assert (statistics.processes, statistics.names, statistics.dead_letters) == (0, 0, 0)
    assert runtime.hosts[HOST].processes == {}
    assert runtime.watch.due == {}
    # What is left is the room that dicts keep; one process alone is 2.7 KB.
    assert after - before < (peak - before) / 10
