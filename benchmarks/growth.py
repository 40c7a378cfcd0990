"""How costs grow: each thing at several sizes, and what one operation costs there."""

from __future__ import annotations

import gc
import math
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import trio
from rich.console import Console
from rich.table import Table
from trio.testing import wait_all_tasks_blocked

import echosvc
from echosvc import channel, process, time
from echosvc.channel import Channel

from .measure import HOST
from .startup import until

REPEAT = 2
"""The best of so many runs is shown."""


@dataclass(frozen=True)
class Growth:
    """One thing at several sizes."""

    name: str
    sizes: list[int]
    costs: list[float]
    unit: str = "µs"


class Stopwatch:
    """Adds up the seconds of the blocks that are timed."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def timed(self) -> Iterator[None]:
        start = perf_counter()
        yield
        self.seconds += perf_counter() - start


Measure = Callable[[int, Stopwatch], Awaitable[int]]
"""Measures at one size; gives the number of operations that were timed."""


def _in_process(work: Measure, size: int) -> float:
    async def main() -> float:
        watch = Stopwatch()
        async with echosvc.open_runtime() as runtime:
            await runtime.start_host(HOST, mailbox=0)
            gc.collect()
            operations: int = await runtime.run(work, HOST, size, watch)
        return watch.seconds / operations * 1e6

    return min(trio.run(main) for _ in range(REPEAT))


# -- processes


async def forever() -> None:
    await process.inbox().receive()


async def spawn_among(size: int, watch: Stopwatch) -> int:
    """Spawn one and learn of its end, among so many that are idle."""
    for _ in range(size):
        process.spawn(forever)
    await wait_all_tasks_blocked()
    events = process.events()

    async def nothing() -> None:
        pass

    gc.collect()
    with watch.timed():
        for _ in range(1000):
            process.spawn_monitored(nothing)
            await events.receive()
    return 1000


async def echo() -> None:
    async for msg in process.inbox():
        assert msg.sender is not None
        process.send(msg.sender, "pong", msg.data)


async def ask_among(size: int, watch: Stopwatch) -> int:
    """A round trip with one process, among so many that are idle."""
    for _ in range(size):
        process.spawn(forever)
    other = process.spawn(echo)
    inbox = process.inbox()
    await wait_all_tasks_blocked()
    gc.collect()
    with watch.timed():
        for i in range(1000):
            process.send(other, "ping", i)
            await inbox.receive()
    return 1000


# -- mailboxes


async def receive_from(size: int, watch: Stopwatch) -> int:
    """Send one message to oneself and receive one, with so many in the mailbox."""
    inbox = process.inbox()
    me = process.pid()
    for i in range(size):
        process.send(me, "work", i)
    gc.collect()
    with watch.timed():
        for i in range(1000):
            process.send(me, "work", i)
            await inbox.receive()
    return 1000


async def listen_behind(size: int, watch: Stopwatch) -> int:
    """Send to a topic that is listened to, and receive it, with so many in the inbox."""
    process.inbox()
    urgent = process.listen("urgent")
    me = process.pid()
    for i in range(size):
        process.send(me, "work", i)
    gc.collect()
    with watch.timed():
        for i in range(1000):
            process.send(me, "urgent", i)
            await urgent.receive()
    return 1000


# -- select


async def select_ready(size: int, watch: Stopwatch) -> int:
    """Select over so many channels, the last of which is ready."""
    channels = [Channel[int](1) for _ in range(size)]
    count = max(10, 20_000 // size)
    with watch.timed():
        for i in range(count):
            channels[-1].send_nowait(i)
            await channel.select(*channels)
    return count


async def select_waiting(size: int, watch: Stopwatch) -> int:
    """Select over so many channels, none of which is ready."""
    channels = [Channel[int](1) for _ in range(size)]
    count = max(10, 20_000 // size)

    async def send() -> None:
        for i in range(count):
            channels[i % size].send_nowait(i)
            await wait_all_tasks_blocked()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        with watch.timed():
            for _ in range(count):
                await channel.select(*channels)
    return count


# -- timers


async def timers_pending(size: int, watch: Stopwatch) -> int:
    """Wait for a message with a timeout, while so many others wait with theirs."""

    async def wait() -> None:
        await channel.select(Channel[int](), time.after("1h"))

    async with trio.open_nursery() as nursery:
        for _ in range(size):
            nursery.start_soon(wait)
        other = process.spawn(echo)
        inbox = process.inbox()
        await wait_all_tasks_blocked()
        gc.collect()
        with watch.timed():
            for i in range(1000):
                process.send(other, "ping", i)
                await channel.select(inbox, time.after("2s"))
        nursery.cancel_scope.cancel()
    return 1000


async def timers_made(size: int, watch: Stopwatch) -> int:
    """Make a timer and let it go, with so many kept."""
    kept = [time.after("1h") for _ in range(size)]
    gc.collect()
    with watch.timed():
        for _ in range(1000):
            time.after("1h")
    del kept
    return 1000


# -- monitors


async def monitored_by(size: int, watch: Stopwatch) -> int:
    """End a process that has so many monitors; for each of them."""
    told = 0
    all_told = trio.Event()

    async def observer(other: process.Pid) -> None:
        nonlocal told
        process.monitor(other)
        await process.events().receive()
        told += 1
        if told == size:
            all_told.set()

    other = process.spawn(forever)
    for _ in range(size):
        process.spawn(observer, None, other)
    await wait_all_tasks_blocked()
    gc.collect()
    with watch.timed():
        process.terminate(other)
        await all_told.wait()
    return size


# -- a registry


def _write_entries(folder: Path, size: int) -> None:
    (folder / "work.py").write_text("async def main() -> None:\n    pass\n")
    lines = ['version: "1.0"', "namespace: app", "entries:"]
    lines += ["  - {name: h, kind: process.host, lifecycle: {auto_start: true}}"]
    for number in range(size):
        lines += [
            f"  - name: entry{number}",
            "    kind: process.py",
            "    source: file://work.py",
            "    method: main",
        ]
    (folder / "_index.yaml").write_text("\n".join(lines) + "\n")


def registry_load(size: int) -> float:
    """Milliseconds to load so many entries."""
    from echosvc._manifest.registry import Registry

    with tempfile.TemporaryDirectory() as name:
        _write_entries(Path(name), size)
        best = math.inf
        for _ in range(2):
            start = perf_counter()
            Registry.load(Path(name))
            best = min(best, perf_counter() - start)
    return best * 1e3


def registry_start(size: int) -> float:
    """Milliseconds from the command to the end of an entry that does nothing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_entries(folder, size)
        (folder / "work.py").write_text("async def main() -> None:\n    print('begun')\n")
        return until(["run", "--src", name, "-x", "app:h/app:entry0"], b"begun") * 1e3


IN_PROCESS: list[tuple[str, list[int], Measure]] = [
    ("spawn one and its EXIT, among idle processes", [10, 1000, 100_000], spawn_among),
    ("round trip, among idle processes", [10, 1000, 100_000], ask_among),
    ("send and receive, with so many in the mailbox", [1, 1000, 1_000_000], receive_from),
    (
        "send to a listened topic and receive, so many in the inbox",
        [1, 1000, 1_000_000],
        listen_behind,
    ),
    ("select, the last of so many cases ready", [2, 10, 100, 1000], select_ready),
    ("select that waits on so many cases", [2, 10, 100, 1000], select_waiting),
    ("receive with a timeout, among waiting timers", [1, 1000, 100_000], timers_pending),
    ("make a timer and let it go, with so many kept", [1, 1000, 100_000], timers_made),
    ("tell one monitor of an end, of so many", [10, 100, 10_000], monitored_by),
]
OUTSIDE: list[tuple[str, list[int], Callable[[int], float]]] = [
    ("load a registry of so many entries", [10, 100, 1000, 10_000], registry_load),
    ("start an entry with -x, of so many", [10, 100, 1000, 10_000], registry_start),
]


def measure(console: Console) -> list[dict[str, Any]]:
    """Measure everything."""
    grown = []
    for name, sizes, work in IN_PROCESS:
        with console.status(name):
            grown.append(Growth(name, sizes, [_in_process(work, size) for size in sizes]))
    for name, sizes, outside in OUTSIDE:
        with console.status(name):
            grown.append(Growth(name, sizes, [outside(size) for size in sizes], "ms"))
    return [asdict(each) for each in grown]


def show(grown: list[dict[str, Any]], console: Console) -> None:
    """Print how costs grow."""
    table = Table(title="how costs grow: one operation at each size")
    table.add_column("work")
    table.add_column("sizes and costs")
    for each in grown:
        steps = [
            f"{size:,}: {cost:,.2f}" if cost < 100 else f"{size:,}: {cost:,.0f}"
            for size, cost in zip(each["sizes"], each["costs"], strict=True)
        ]
        table.add_row(each["name"], f"{'   '.join(steps)}   {each['unit']}")
    console.print(table)
