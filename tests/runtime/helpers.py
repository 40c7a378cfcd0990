"""Processes that most of these tests need."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio
import trio.testing

from echosvc import Event, Message, Pid, Runtime, process

HOST = "app:processes"


class Failure(Exception):
    """What processes fail with here."""


async def forever() -> None:
    """Wait, deaf to a CANCEL."""
    await trio.sleep_forever()


async def obedient() -> str:
    """Wait for a CANCEL, and return."""
    async for event in process.events():
        if event.kind is process.event.CANCEL:
            return "obeyed"
    return "closed"


async def fail() -> None:
    """Fail at once."""
    raise Failure("as told")


async def fail_when_told() -> None:
    """Fail with the first message."""
    await process.inbox().receive()
    raise Failure("as told")


async def give(value: Any = None) -> Any:
    """Return at once."""
    return value


async def settle() -> None:
    """Let everything happen that needs no time."""
    await trio.testing.wait_all_tasks_blocked()


def drain(channel: Any) -> list[Any]:
    """Take all that is there."""
    taken = []
    while len(channel):
        taken.append(channel.receive_nowait())
    return taken


async def as_process(runtime: Runtime, body: Callable[..., Awaitable[Any]], *args: Any) -> Any:
    """Run the body of a test in a process, and give its result."""
    return await runtime.run(body, HOST, *args)


def kinds(events: list[Event]) -> list[tuple[str, Pid | None]]:
    return [(event.kind.name, event.sender) for event in events]


def topics(messages: list[Message]) -> list[str]:
    return [message.topic for message in messages]
