"""Applications of a few services, in a folder of their own, on a clock that jumps."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio.testing

from echosvc import Runtime

SOURCE = '''
import trio
from echosvc import process, time

lives = {}


def live(name):
    lives[name] = lives.get(name, 0) + 1
    return lives[name]


async def obedient(name="obedient"):
    """Wait for a CANCEL, and return."""
    live(name)
    process.registry.register(name)
    async for event in process.events():
        if event.kind is process.event.CANCEL:
            return


async def fails_when_asked():
    """Hear the CANCEL, and fail."""
    await process.events().receive()
    raise ValueError("while it ended")


async def deaf():
    """Never ask for events."""
    await process.inbox().receive()


async def stubborn():
    """Hear the CANCEL, and go on."""
    async for event in process.events():
        pass


async def ready_later(seconds):
    events = process.events()
    await time.sleep(seconds)
    process.ready()
    await events.receive()


async def fail_ready_once():
    if live("fail_ready_once") == 1:
        raise ValueError("not yet")
    process.ready()
    await process.events().receive()


async def never_ready():
    await process.events().receive()
    raise AssertionError("cannot be asked")


async def crash():
    """Fail at once, each time."""
    raise ValueError(f"life {live('crash')}")


async def crash_on_message():
    process.registry.register("crash_on_message")
    message = await process.inbox().receive()
    raise ValueError(message.data)


async def final():
    from echosvc import errors
    raise errors.Invalid("the configuration is wrong")


async def done():
    return "done"
'''


class App:
    """An application that tests put together of entries."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: list[dict[str, Any]] = [
            {"name": "h", "kind": "process.host", "lifecycle": {"auto_start": True}}
        ]
        (folder / "p.py").write_text(SOURCE)

    def process(self, method: str) -> str:
        """Add a process; give its id."""
        if not any(entry["name"] == method for entry in self.entries):
            self.entries.append(
                {
                    "name": method,
                    "kind": "process.py",
                    "source": "file://p.py",
                    "method": method,
                    "modules": ["time"],
                    "host": "app:h",
                }
            )
        return f"app:{method}"

    def service(self, name: str, method: str, *args: Any, **lifecycle: Any) -> str:
        """Add a service that is started with the application; give its id."""
        self.entries.append(
            {
                "name": name,
                "kind": "process.service",
                "process": self.process(method),
                "host": "app:h",
                "args": list(args),
                "lifecycle": {"auto_start": True, **lifecycle},
            }
        )
        return f"app:{name}"

    def supervisor(self, name: str, *children: Any, **fields: Any) -> str:
        self.entries.append(
            {"name": name, "kind": "process.supervisor", "children": list(children), **fields}
        )
        return f"app:{name}"

    def write(self) -> Path:
        data = {"version": "1.0", "namespace": "app", "entries": self.entries}
        # JSON is YAML.
        (self.folder / "_index.yaml").write_bytes(msgspec.json.format(msgspec.json.encode(data)))
        return self.folder


@pytest.fixture(autouse=True)
def _virtual_time(autojump_clock: trio.testing.MockClock) -> None:
    pass


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(tmp_path)


class Lines(logging.Handler):
    """What is logged of services, a line each."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.all: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        fields = getattr(record, "fields", {})
        said = ("process", *getattr(record, "said", ()))
        words = [f"{key}={value}" for key, value in fields.items() if key not in said]
        self.all.append(" ".join([record.levelname, record.getMessage(), *words]))


@pytest.fixture
def lines() -> Iterator[list[str]]:
    handler = Lines()
    logger = logging.getLogger("echosvc")
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield handler.all
    logger.removeHandler(handler)
    logger.setLevel(level)


States = Callable[[Runtime], dict[str, str]]


def states(runtime: Runtime) -> dict[str, str]:
    return {info.id.removeprefix("app:"): info.state.value for info in runtime.services()}
