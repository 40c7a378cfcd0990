"""What a plain trio neighbour pays for busy processes beside it: sockets, and an httpx client.

``python -m benchmarks.neighbours`` prints this table alone: a latency is no ratio of a budget.
"""

from __future__ import annotations

import contextlib
import http.server
import importlib.util
import statistics
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from time import perf_counter
from typing import Any
from unittest import mock

import trio
import trio.socket
from rich.console import Console
from rich.table import Table

import echosvc
from echosvc import process
from echosvc._channel import seats

from .measure import HOST
from .messages import echo_process

TURNS = 5000
"""Round trips in all, shared by the sockets."""

REQUESTS = 300

Beside = Callable[[trio.Event], Awaitable[object]]
"""Keeps the run busy until the event."""


async def _idle(over: trio.Event) -> None:
    await over.wait()


async def _trio_pair(over: trio.Event) -> None:
    to_echo, at_echo = trio.open_memory_channel[int](1)
    to_us, at_us = trio.open_memory_channel[int](1)

    async def echo() -> None:
        async for value in at_echo:
            to_us.send_nowait(value)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(echo)
        while not over.is_set():
            to_echo.send_nowait(1)
            await at_us.receive()
        to_echo.close()


async def _process_pair(over: trio.Event) -> None:
    async def ping() -> None:
        echo = process.spawn(echo_process)
        inbox = process.inbox()
        while not over.is_set():
            process.send(echo, "ping", 1)
            await inbox.receive()
        process.terminate(echo)

    async with echosvc.open_runtime() as runtime:
        await runtime.start_host(HOST)
        await runtime.run(ping, HOST)


async def _round_trips(beside: Beside, sockets: int) -> list[float]:
    took: list[float] = []
    over = trio.Event()

    async def echo(server: trio.socket.SocketType) -> None:
        while data := await server.recv(64):
            await server.send(data)

    async def client(turns: int) -> None:
        ours, its = trio.socket.socketpair()
        with ours, its:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(echo, its)
                for _ in range(turns):
                    start = perf_counter()
                    await ours.send(b"ping")
                    await ours.recv(64)
                    took.append(perf_counter() - start)
                nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(beside, over)
        async with trio.open_nursery() as clients:
            for _ in range(sockets):
                clients.start_soon(client, TURNS // sockets)
        over.set()
    return took


async def _requests(beside: Beside, port: int) -> list[float]:
    """Ask a server of another thread, one request after another."""
    import httpx

    took: list[float] = []
    over = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(beside, over)
        async with httpx.AsyncClient() as client:
            for _ in range(REQUESTS):
                start = perf_counter()
                response = await client.get(f"http://127.0.0.1:{port}/")
                response.raise_for_status()
                took.append(perf_counter() - start)
        over.set()
    return took


class _Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # in one piece: the kernel would keep the second back for 40 ms

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args: object) -> None:
        pass


@contextlib.contextmanager
def _server() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answer) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


SIDES: dict[str, tuple[Beside, bool]] = {
    "nothing": (_idle, True),
    "a busy pair of trio's tasks": (_trio_pair, True),
    "a busy pair of processes, through trio": (_process_pair, False),
    "a busy pair of processes": (_process_pair, True),
}


def measure(console: Console) -> dict[str, Any]:
    """Measure all of it: µs that half are quicker than, and 99 of 100, for each neighbour."""
    neighbours: dict[str, Callable[[Beside], list[float]]] = {
        "1 socket": lambda beside: trio.run(_round_trips, beside, 1),
        "100 sockets": lambda beside: trio.run(_round_trips, beside, 100),
    }
    found: dict[str, list[tuple[float, float]]] = {}
    with contextlib.ExitStack() as stack:
        if importlib.util.find_spec("httpx") is not None:
            port = stack.enter_context(_server())
            neighbours["an httpx client"] = lambda beside: trio.run(_requests, beside, port)
        stack.enter_context(console.status("neighbours"))
        for name, (beside, hands_over) in SIDES.items():
            # What a program chooses by its environment, when it starts.
            with mock.patch.object(seats, "HANDS_OVER", hands_over and seats.HANDS_OVER):
                cuts = [statistics.quantiles(run(beside), n=100) for run in neighbours.values()]
            found[name] = [(each[49] * 1e6, each[98] * 1e6) for each in cuts]
    return {"neighbours": list(neighbours), "beside": found}


def show(measured: dict[str, Any], console: Console) -> None:
    """Print it."""
    table = Table(title="µs of a round trip: half are quicker / 99 of 100 are")
    table.add_column("beside")
    for name in measured["neighbours"]:
        table.add_column(name, justify="right")
    for name, row in measured["beside"].items():
        table.add_row(name, *[f"{half:,.0f} / {most:,.0f}" for half, most in row])
    console.print(table)


def main() -> int:
    """Measure and print."""
    console = Console(width=None if sys.stdout.isatty() else 140)
    show(measure(console), console)
    return 0


if __name__ == "__main__":
    sys.exit(main())
