"""Ping-pong, one producer and spawning with the actor libraries that are installed.

They are other things than echosvc: pykka gives each actor a thread, thespian's simple system runs
all in the calling thread, xoscar talks through asyncio, ray through processes and sockets. Each row
does what the library's own documentation does for this work.

Each measurement is made in a Python of its own, for some of them change the logging, the signals or
the event loop of whoever uses them: ``python -m benchmarks.actors LIBRARY WORK OPERATIONS`` prints
seconds.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .measure import Side, plainly

SLOW = 20
"""What goes through threads or sockets is measured with so many times fewer operations."""


WORKS = {
    "ping_pong": ("pykka", "thespian", "xoscar", "ray"),
    "produce": ("pykka",),
    "spawn": ("pykka", "thespian", "xoscar"),
}


def sides(work: str) -> dict[str, Side]:
    """Give the sides that do this work and are installed."""
    return {
        library: functools.partial(_in_new_python, library, work)
        for library in WORKS[work]
        if importlib.util.find_spec(library) is not None
    }


def _in_new_python(library: str, work: str, n: int) -> float:
    command = [sys.executable, "-m", "benchmarks.actors", library, work, str(n)]
    where = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory() as home:  # ray would write into the real one
        env = {**os.environ, "HOME": home}
        done = subprocess.run(
            command, cwd=where, env=env, check=True, capture_output=True, text=True
        )
    return float(done.stdout.split()[-1])


def _fewer(side: Side) -> Side:
    """Do a part of the operations, and count as if it had been all."""

    def run(n: int) -> float:
        part = max(1, n // SLOW)
        return side(part) * n / part

    return run


def _pykka() -> dict[str, Side]:
    import pykka

    class Echo(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> Any:
            return message

    def ping_pong(n: int) -> None:
        echo = Echo.start()
        for i in range(n):
            echo.ask({"n": i})
        echo.stop()

    def produce(n: int) -> None:
        consumer = Echo.start()
        for i in range(n):
            consumer.tell({"n": i, "text": "x"})
        consumer.ask("all received")
        consumer.stop()

    def spawn(n: int) -> None:
        for _ in range(n):
            Echo.start().stop()

    return {
        "ping_pong": _fewer(plainly(ping_pong)),
        "produce": plainly(produce),
        "spawn": _fewer(plainly(spawn)),
    }


def _thespian() -> dict[str, Side]:
    from thespian.actors import Actor, ActorExitRequest, ActorSystem

    class Echo(Actor):  # type: ignore[misc] # the library is untyped
        def receiveMessage(self, message: Any, sender: Any) -> None:  # noqa: N802 - its name
            if not isinstance(message, ActorExitRequest):
                self.send(sender, message)

    def with_system(work: Callable[[Any, int], None]) -> Side:
        def run(n: int) -> float:
            system = ActorSystem("simpleSystemBase")
            try:
                return plainly(lambda count: work(system, count))(n)
            finally:
                system.shutdown()

        return run

    def ping_pong(system: Any, n: int) -> None:
        echo = system.createActor(Echo)
        for i in range(n):
            system.ask(echo, {"n": i})

    def spawn(system: Any, n: int) -> None:
        for _ in range(n):
            system.tell(system.createActor(Echo), ActorExitRequest())

    return {
        "ping_pong": _fewer(with_system(ping_pong)),
        "spawn": _fewer(with_system(spawn)),
    }


def _xoscar() -> dict[str, Side]:
    import xoscar

    class Echo(xoscar.Actor):  # type: ignore[misc] # the library is untyped
        def echo(self, message: Any) -> Any:
            return message

    def with_pool(work: Callable[[str, int], Any]) -> Side:
        def run(n: int) -> float:
            async def main(n: int) -> float:
                pool = await xoscar.create_actor_pool("127.0.0.1", n_process=0)
                async with pool:
                    loop = asyncio.get_running_loop()
                    start = loop.time()
                    await work(pool.external_address, n)
                    return loop.time() - start

            return asyncio.run(main(n))

        return run

    async def ping_pong(address: str, n: int) -> None:
        echo = await xoscar.create_actor(Echo, address=address, uid="echo")
        for i in range(n):
            await echo.echo({"n": i})

    async def spawn(address: str, n: int) -> None:
        for i in range(n):
            await xoscar.destroy_actor(
                await xoscar.create_actor(Echo, address=address, uid=f"echo-{i}")
            )

    return {
        "ping_pong": _fewer(with_pool(ping_pong)),
        "spawn": _fewer(with_pool(spawn)),
    }


def _ray() -> dict[str, Side]:
    import ray

    class Echo:
        def echo(self, message: Any) -> Any:
            return message

    def ping_pong(n: int) -> float:
        ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
        echo = ray.remote(Echo).remote()
        ray.get(echo.echo.remote(0))  # it takes seconds to start, which are not counted

        def work(count: int) -> None:
            for i in range(count):
                ray.get(echo.echo.remote({"n": i}))

        try:
            return plainly(work)(n)
        finally:
            ray.shutdown()

    return {"ping_pong": _fewer(ping_pong)}


_LIBRARIES: dict[str, Callable[[], dict[str, Side]]] = {
    "pykka": _pykka,
    "thespian": _thespian,
    "xoscar": _xoscar,
    "ray": _ray,
}


if __name__ == "__main__":
    side = _LIBRARIES[sys.argv[1]]()[sys.argv[2]]
    sys.stdout.write(f"{side(int(sys.argv[3]))}\n")
