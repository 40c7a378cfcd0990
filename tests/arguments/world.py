"""A running application in which everything public can be called, and what can be seen of it."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from echosvc import (
    Runtime,
    channel,
    open_runtime,
    process,
    registry,
    store,
    testing,
)
from echosvc._manifest.registry import Registry
from echosvc._runtime.host import OWN
from echosvc.testing import FakeTerminal, Faults, Probe

MANIFEST: Final = """\
version: "1.0"
namespace: app
entries:
  - {name: processes, kind: process.host, lifecycle: {auto_start: true}}
  - {name: spare, kind: process.host, lifecycle: {auto_start: true}}
  - {name: terminal, kind: terminal.host, lifecycle: {auto_start: true}}
  - {name: waiter, kind: process.py, source: file://source.py, method: waiter}
  - {name: double, kind: function.py, source: file://source.py, method: double}
  - {name: memory, kind: store.memory}
  - {name: port, kind: env.variable, variable: ECHOSVC_TEST_PORT, default: "7"}
  - name: service
    kind: process.service
    process: app:waiter
    host: app:processes
    lifecycle: {auto_start: true}
"""
SOURCE: Final = """\
from echosvc import process


async def waiter():
    async for message in process.inbox():
        if message.is_call:
            message.reply("alive")


async def double(number=0):
    return number
"""


async def waiter() -> None:
    """Answer every question, until it is ended."""
    async for message in process.inbox():
        if message.is_call:
            message.reply("alive")


async def nothing(*args: Any) -> None:
    """Do nothing."""


@dataclass
class World:
    """What calls are made with; all of it is there, and works."""

    folder: Path
    runtime: Runtime
    terminal: FakeTerminal
    probe: Probe
    faults: Faults
    other: str
    """A process that answers."""
    full: channel.Channel[int]
    """With one value in it."""

    def seen(self) -> dict[str, Any]:
        """Give all that a refused call must not have changed."""
        runtime = self.runtime
        me = process.info()
        return {
            "processes": runtime.list(),
            "hosts": sorted(runtime.hosts.keys() - OWN),
            "names": sorted(runtime.names._owners),
            "wanted names": sorted(runtime.names._wanted),
            "subscribers": len(runtime.bus._subscribers),
            "groups": [scope.names() for scope in runtime.groups.values()],
            "group monitors": [len(scope._monitors) for scope in runtime.groups.values()],
            "dead letters": runtime.dead_letters.count,
            "services": [(info.id, info.state, info.starts) for info in runtime.services()],
            "waiting": {p.pid: p.mailbox.waiting for p in runtime.processes.values()},
            "relations": (me.links, me.monitors, me.monitored_by, me.names, me.coroutines),
            "sent": me.messages_out,
            "trap_links": me.trap_links,
            "topics": sorted(runtime.processes[me.pid].mailbox.topics or ()),
            "rules": len(self.faults._rules),
            "crashes": dict(self.faults._crashes),
            "stand-ins": sorted(self.faults._stand_ins),
            "version": registry.version(),
            "screen": self.terminal.screen,
            "full": len(self.full),
            "opened stores": sorted(runtime.stores),
            "running terminals": self.terminal.statistics().reading,
        }


@functools.lru_cache(maxsize=1)
def _registry(folder: Path) -> Registry:
    """Read the application once for all that run it: a registry never changes."""
    (folder / "_index.yaml").write_text(MANIFEST)
    (folder / "source.py").write_text(SOURCE)
    return Registry.load(folder)


async def in_world(folder: Path, body: Callable[[World], Awaitable[None]]) -> None:
    """Run something in the process at the terminal of such an application, and leave in order.

    Raises:
        AssertionError: Whoever had nothing to do with it does not live any more.
    """
    terminal = FakeTerminal()
    async with open_runtime(_registry(folder), terminal=terminal) as runtime:
        await runtime.start_host("app:bystander")
        bystander = runtime.spawn(waiter, "app:bystander")
        other = runtime.spawn(waiter, "app:processes")

        async def main() -> None:
            full = channel.Channel[int](2)
            full.send_nowait(1)
            await process.call(other, "are you there?")
            await store.has("app:memory", "k")  # it is open from now on
            async with testing.open_probe(runtime) as probe:
                with Faults(runtime) as faults:
                    await body(World(folder, runtime, terminal, probe, faults, other, full))

        await runtime.run(main, "app:terminal")
        assert await runtime.call(bystander, "are you there?") == "alive"
