"""Processes that hand over to each other see what they see when everything goes through trio.

A driver gives one order a second to one of a few processes, and whatever follows from it, near and
far, goes on meanwhile: forwarding, calls, timeouts, children, links, ends, upgrades. What each of
them saw, when and how often, must be the same in all ways of running it; only the order of what
happens in one moment may be another.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from echosvc import Runtime, channel, coroutine, errors, open_runtime, process, time
from echosvc._channel import seats
from echosvc._channel.run import Run, SeededRun
from tests.handing import needs_handover
from tests.runtime.helpers import HOST, Failure

NAMES = ("p0", "p1", "p2", "p3")
KINDS = (
    *("note", "forward", "flood", "ask", "slow", "listen", "coroutine", "spawn", "crash_child"),
    *("monitor", "link", "unlink", "crash", "return", "terminate", "upgrade", "revive"),
)
# In seconds; no sum of a few of these is another, or whole: what comes in one and the same moment
# comes in any order.
IDLE, PATIENCE, LATE = 2.71003, 1.30007, 0.30101

Order = tuple[str, int, int, int]
Seen = Counter[tuple[float, str, str]]

orders = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "note",
                "forward",
                "flood",
                "ask",
                "slow",
                "spawn",
                "crash_child",
                "link",
                "unlink",
                "monitor",
                "listen",
                "coroutine",
                "crash",
                "return",
                "terminate",
                "upgrade",
                "revive",
            ]
        ),
        st.integers(0, len(NAMES) - 1),
        st.integers(0, len(NAMES) - 1),
        st.integers(0, 5),
    ),
    max_size=25,
)


class World:
    """What the processes of one run see."""

    def __init__(self) -> None:
        self.seen: Seen = Counter()

    def see(self, who: str, what: str) -> None:
        self.seen[round(time.now(), 6), who, what] += 1

    async def live(self, name: str, age: int = 0) -> None:
        """Be one of the processes: do what comes, and see what is told."""
        process.registry.register(name)
        process.set_options(trap_links=age % 2 == 1)
        self.see(name, f"lives {age}")
        inbox, events = process.inbox(), process.events()
        while True:
            idle = time.after(IDLE)
            selected = await channel.select(inbox, events, idle)
            if selected.channel is idle:
                self.see(name, "was idle")
            elif selected.channel is events:
                event = selected.value
                error = None if event.result is None else type(event.result.error).__name__
                self.see(name, f"{event.kind.name} {error}")
                if event.kind is process.event.CANCEL:
                    return
            else:
                await self.do(name, age, selected.value)

    async def do(self, name: str, age: int, message: Any) -> None:
        topic, (other, number) = message.topic, message.data
        try:
            match topic:
                case "note":
                    self.see(name, f"note {number}")
                case "forward":
                    self.see(name, f"forward {number}")
                    if number:
                        process.send(other, "forward", name, number - 1)
                case "flood":
                    for each in range(number * 20):
                        process.send(other, "note", name, each)
                case "ask" | "slow":
                    topic = "answer" if topic == "ask" else "answer late"
                    answer = await process.call(other, topic, name, number, timeout=PATIENCE)
                    self.see(name, f"answer {answer}")
                case "answer":
                    message.reply(number)
                case "answer late":
                    await time.sleep(LATE * number)
                    message.reply(number)
                case "spawn" | "crash_child":
                    for each in range(number):
                        process.spawn_monitored(self.child, None, name, each, topic)
                case "link" | "unlink" | "monitor":
                    getattr(process, topic)(process.registry.lookup(other))
                case "listen":
                    topics = process.listen("extra")
                    for each in range(number):
                        process.send(process.pid(), "extra", each)
                    for _ in range(number):
                        self.see(name, f"extra {await topics.receive()}")
                    process.unlisten(topics)
                case "coroutine":
                    results = channel.new(number)
                    for each in range(number):
                        coroutine.spawn(self.part, name, results, each)
                    for _ in range(number):
                        self.see(name, f"part {await results.receive()}")
                case "crash":
                    raise Failure(name)
                case "return":
                    process.send(other, "note", name, 99)
                    process.cancel(process.pid())
                case "upgrade":
                    await process.upgrade(self.live, name, age + 1)
        except (errors.NotFound, errors.CallTimeout, errors.Invalid) as error:
            self.see(name, f"{topic}: {type(error).__name__}")

    async def child(self, parent: str, number: int, how: str) -> None:
        process.send(parent, "note", parent, number)
        if number % 2:
            await time.sleep(0.10709 * number)
        if how == "crash_child":
            raise Failure(parent)

    async def part(self, name: str, results: Any, number: int) -> None:
        await time.sleep(0.05303 * (number % 2))
        await results.send(number)


async def play(world: World, todo: list[Order]) -> None:
    async with open_runtime() as runtime:
        await runtime.start_host(HOST)
        for name in NAMES:
            runtime.spawn(world.live, HOST, name)
        for order, who, other, number in todo:
            await trio.sleep(1)
            give(world, runtime, order, NAMES[who], NAMES[other], number)
        await trio.sleep(20)
        living = {name for name in NAMES if runtime.names.get(name) is not None}
        world.see("all", f"{sorted(living)} {runtime.statistics().dead_letters}")


def give(world: World, runtime: Runtime, order: str, who: str, other: str, number: int) -> None:
    try:
        if order == "revive":
            if runtime.names.get(who) is None:
                runtime.spawn(world.live, HOST, who)
        elif order == "terminate":
            runtime.terminate(runtime.names.lookup(who))
        else:
            runtime.send(who, order, other, number)
    except errors.NotFound as error:
        world.see("driver", f"{order} {who}: {type(error).__name__}")


def run(todo: list[Order]) -> Seen:
    world = World()
    trio.run(play, world, todo, clock=trio.testing.MockClock(autojump_threshold=0))
    return world.seen


@needs_handover
@settings(max_examples=60)
@given(todo=orders, seed=st.integers(0, 2**16))
def test_who_hands_over_sees_what_is_seen_when_all_goes_through_trio(
    todo: list[Order], seed: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seats, "make_run", Run)
        handed_over = run(todo)
        patch.setattr(seats, "make_run", lambda *args: SeededRun(*args, random=Random(seed)))
        in_any_order = run(todo)
        patch.setattr(seats, "HANDS_OVER", False)
        patch.setattr(seats, "make_run", Run)
        through_trio = run(todo)
    assert handed_over == through_trio
    assert in_any_order == through_trio
    assert handed_over
