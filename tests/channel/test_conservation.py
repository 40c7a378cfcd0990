"""Random programs under random schedules: every value is received once or still there."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from echosvc import channel, time
from echosvc._channel import run as runs
from echosvc.channel import Channel
from tests.schedules import schedule

CHANNELS = 4

operation = st.one_of(
    st.tuples(st.just("send"), st.integers(0, CHANNELS - 1)),
    st.tuples(st.just("receive"), st.integers(0, CHANNELS - 1)),
    st.tuples(st.just("select"), st.integers(0, 3**CHANNELS - 1)),
    st.tuples(st.just("select"), st.integers(0, 3**CHANNELS - 1)),
    st.tuples(st.just("poll"), st.integers(0, 3**CHANNELS - 1)),
    st.tuples(st.just("race"), st.integers(0, 3**CHANNELS - 1)),
    st.tuples(st.just("sleep"), st.integers(0, 3)),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("close"), st.integers(0, 4 * CHANNELS - 1)),
)
# What a task does, and for each operation how long its patience is: 0 is for ever.
task = st.lists(st.tuples(operation, st.integers(0, 3)), min_size=2, max_size=10)
sizes = st.lists(st.sampled_from([0, 0, 1, 3, math.inf]), min_size=CHANNELS, max_size=CHANNELS)


@dataclass
class World:
    channels: list[Channel[Any]]
    sent: list[tuple[int, int, int]] = field(default_factory=list)  # (channel, task, number)
    got: list[tuple[int, int, tuple[int, int, int]]] = field(default_factory=list)  # (channel, by)

    scopes: dict[int, trio.CancelScope] = field(default_factory=dict)

    async def operate(self, me: int, number: int, what: str, argument: int) -> None:
        if what == "send":
            value = (argument, me, number)
            await self.channels[argument].send(value)
            self.sent.append(value)
        elif what == "receive":
            value = await self.channels[argument].receive()
            self.got.append((argument, me, value))
        elif what == "sleep":
            await trio.sleep(argument)
        elif what == "cancel":
            if argument in self.scopes:  # what that task is doing just now
                self.scopes[argument].cancel()
        elif what == "close":
            if argument < CHANNELS:  # now and then
                self.channels[argument].close()
        else:
            await self.select(me, number, what, argument)

    async def select(self, me: int, number: int, what: str, argument: int) -> None:
        several: list[channel.Case] = [time.after(2)] if argument % 2 else []
        for position, c in enumerate(self.channels):
            argument, way = divmod(argument, 3)
            if way == 1:
                several.append(c)
            elif way == 2:
                several.append(c.case_send((position, me, number)))
        if what == "race":
            several.insert(0, channel.case_call(trio.sleep, 1 + argument % 3))
        elif not several:
            return
        r = await channel.select(*several, default=what == "poll")
        if r.ok and r.channel in self.channels:
            position = self.channels.index(r.channel)
            if r.sent:
                self.sent.append((position, me, number))
            else:
                self.got.append((position, me, r.value))


@given(
    sizes,
    st.lists(task, min_size=2, max_size=10),
    st.integers(0, 2**32),
    st.sampled_from([1, 2, 1024]),
)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_value_is_received_once_or_still_there(
    sizes: list[float], tasks: list[Any], seed: int, operations: int
) -> None:
    async def main() -> World:
        world = World([Channel(size) for size in sizes])

        async def run(me: int, plan: list[tuple[tuple[str, int], int]]) -> None:
            for number, ((what, argument), patience) in enumerate(plan):
                with trio.move_on_after(patience or math.inf) as world.scopes[me]:
                    try:
                        await world.operate(me, number, what, argument)
                    except (trio.ClosedResourceError, trio.EndOfChannel):
                        continue

        with trio.move_on_after(50):
            async with trio.open_nursery() as nursery:
                for me, plan in enumerate(tasks):
                    nursery.start_soon(run, me, plan)
        return world

    before = runs.SLICE_OPERATIONS
    runs.SLICE_OPERATIONS = operations  # type: ignore[misc]  # so that it yields more often
    try:
        with schedule(seed):
            world = trio.run(main, clock=MockClock(autojump_threshold=0))
    finally:
        runs.SLICE_OPERATIONS = before  # type: ignore[misc]

    left = {number: list(c._buffer) for number, c in enumerate(world.channels)}
    received = [value for _, _, value in world.got]
    assert sorted([*received, *chain.from_iterable(left.values())]) == sorted(world.sent)
    for place, _, value in world.got:
        assert place == value[0]
    order: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    for place, by, (_, sender, number) in world.got:
        order[place, by, sender].append(number)
    for place, values in left.items():
        for _, sender, number in values:
            order[place, -1, sender].append(number)
    for numbers in order.values():
        assert numbers == sorted(numbers)
    for c in world.channels:
        stats = c.statistics()
        assert (stats.waiting_receivers, stats.waiting_senders) == (0, 0)
