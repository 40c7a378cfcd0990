"""Children that do what a test tells them, and a journal of what they did."""

from __future__ import annotations

import math
from typing import Any

import trio
import trio.testing

from echosvc.channel import Channel
from echosvc.supervision import ChildSpec, Supervisor


class Failure(Exception):
    """What children fail with here."""


class Puppet:
    """A child that waits for orders."""

    def __init__(self, name: str, journal: list[str] | None = None) -> None:
        self.name = name
        self.journal = [] if journal is None else journal
        self.runs = 0
        self.cleanup = 0.0
        """Seconds that it takes to clean up when it is cancelled."""
        self.orders: Channel[BaseException | None] = Channel(math.inf)

    def spec(self, **fields: Any) -> ChildSpec:
        return ChildSpec(self.name, self.run, **fields)

    async def run(self) -> None:
        self.runs += 1
        orders = self.orders = Channel(math.inf)
        self.journal.append(f"+{self.name}")
        try:
            order = await orders.receive()
        except trio.Cancelled:
            with trio.CancelScope(shield=True):
                await trio.sleep(self.cleanup)
            raise
        finally:
            self.journal.append(f"-{self.name}")
        if order is not None:
            raise order

    def fail(self, error: BaseException | None = None) -> BaseException:
        error = error or Failure(self.name)
        self.orders.send_nowait(error)
        return error

    def finish(self) -> None:
        self.orders.send_nowait(None)


class Starter:
    """A child that says itself when it is up; each start goes by the next of its plans."""

    def __init__(self, name: str, *plans: str, journal: list[str] | None = None) -> None:
        self.name = name
        self.plans = list(plans)
        self.journal = [] if journal is None else journal
        self.starts = 0
        self.puppet = Puppet(name, self.journal)

    def spec(self, **fields: Any) -> ChildSpec:
        return ChildSpec(self.name, self.run, **fields)

    async def run(self, *, task_status: trio.TaskStatus[int]) -> None:
        self.starts += 1
        plan = self.plans.pop(0) if self.plans else "up"
        self.journal.append(f"?{self.name}")
        match plan:
            case "fail":
                raise Failure(f"{self.name} does not start")
            case "return":
                return
            case "hang":
                await trio.sleep_forever()
            case "slow":
                await trio.sleep(1)
        task_status.started(self.starts)
        await self.puppet.run()


def runs(*puppets: Puppet) -> list[int]:
    return [puppet.runs for puppet in puppets]


def states(sup: Supervisor) -> dict[str, str]:
    return {child.name: child.state for child in sup.children()}


async def settle() -> None:
    """Let everything happen that needs no time."""
    await trio.testing.wait_all_tasks_blocked()


def told(sup: Supervisor) -> list[Any]:
    """The events that are there."""
    found = []
    while len(sup.events):
        found.append(sup.events.receive_nowait())
    return found


def whats(events: list[Any]) -> list[tuple[str, str, str]]:
    return [(event.child, event.what, event.decision) for event in events]
