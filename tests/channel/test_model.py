"""Random programs, step by step against a pure model: the same outcomes, the same waiters."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import trio
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from echosvc import channel
from echosvc.channel import Channel, Selected
from tests.channel.model import Case, Model, Outcome
from tests.schedules import schedule

CHANNELS = 3

cases = st.lists(
    st.builds(lambda number, sends: (number, sends), st.integers(0, CHANNELS - 1), st.booleans()),
    min_size=1,
    max_size=4,
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("start"), cases),
        st.tuples(st.just("start"), cases),
        st.tuples(st.just("start"), cases),
        st.tuples(st.just("try"), cases),
        st.tuples(st.just("nowait"), cases.map(lambda several: several[:1])),
        st.tuples(st.just("nowait"), cases.map(lambda several: several[:1])),
        st.tuples(st.just("cancel"), st.integers(0, 20)),
        st.tuples(st.just("close"), st.integers(0, CHANNELS - 1)),
        st.tuples(st.just("settle"), st.none()),
    ),
    min_size=8,
    max_size=60,
)
sizes = st.lists(st.sampled_from([0, 0, 1, 2, math.inf]), min_size=CHANNELS, max_size=CHANNELS)


@dataclass
class Real:
    """The real channels, with each operation in a task of its own."""

    nursery: trio.Nursery
    channels: list[Channel[int]]
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    scopes: dict[int, trio.CancelScope] = field(default_factory=dict)

    def case(self, case: Case) -> channel.Case:
        c = self.channels[case.channel]
        if case.value is None:
            return c.case_receive()
        return c.case_send(case.value)

    def outcome(self, r: Selected[Any]) -> Outcome:
        what = "closed" if not r.ok else "sent" if r.sent else "received"
        return (self.channels.index(r.channel), what, r.value)

    async def start(self, number: int, several: list[Case]) -> None:
        with trio.CancelScope() as self.scopes[number]:
            if len(several) > 1:
                r = await channel.select(*map(self.case, several))
                self.outcomes[number] = self.outcome(r)
            else:
                self.outcomes[number] = await self.plain(several[0])

    async def plain(self, case: Case) -> Outcome:
        c = self.channels[case.channel]
        try:
            if case.value is None:
                return (case.channel, "received", await c.receive())
            await c.send(case.value)
        except (trio.EndOfChannel, trio.ClosedResourceError):
            return (case.channel, "closed", None)
        return (case.channel, "sent", None)

    def nowait(self, number: int, case: Case) -> None:
        c = self.channels[case.channel]
        try:
            if case.value is None:
                self.outcomes[number] = (case.channel, "received", c.receive_nowait())
            else:
                c.send_nowait(case.value)
                self.outcomes[number] = (case.channel, "sent", None)
        except (trio.EndOfChannel, trio.ClosedResourceError):
            self.outcomes[number] = (case.channel, "closed", None)
        except trio.WouldBlock:
            pass


@given(sizes, steps, st.integers(0, 2**32))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_outcome_and_every_waiter_is_the_models(
    sizes: list[float], steps: list[tuple[str, Any]], seed: int
) -> None:
    async def main() -> None:
        model = Model(sizes)
        async with trio.open_nursery() as nursery:
            real = Real(nursery, [Channel(size) for size in sizes])
            for number, (step, argument) in enumerate(steps):
                await perform(model, real, number, step, argument)
            await compare(model, real)
            event(f"waiting at the end: {min(len(model.waiting), 3)}")
            nursery.cancel_scope.cancel()

    with schedule(seed):
        trio.run(main)


async def perform(model: Model, real: Real, number: int, step: str, argument: Any) -> None:
    """Take one step in both. Only those that start a task let tasks run: the rest share a tick."""
    if step in ("start", "try", "nowait"):
        several = [
            Case(c, 10 * number + position if sends else None)
            for position, (c, sends) in enumerate(argument)
        ]
        model.start(number, several, wait=step == "start")
        if step == "start":
            real.nursery.start_soon(real.start, number, several)
            await wait_all_tasks_blocked()
        elif step == "try":
            r = await channel.select(*map(real.case, several), default=True)
            if not r.default:
                real.outcomes[number] = real.outcome(r)
        else:
            real.nowait(number, several[0])
    elif step == "cancel":
        model.cancel(argument)
        if argument in real.scopes:
            real.scopes[argument].cancel()
    elif step == "close":
        model.close(argument)
        real.channels[argument].close()
    else:
        await compare(model, real)


async def compare(model: Model, real: Real) -> None:
    await wait_all_tasks_blocked()
    assert real.outcomes == model.outcomes
    for number, (queue, c) in enumerate(zip(model.queues, real.channels, strict=True)):
        assert c.statistics() == channel.ChannelStatistics(
            size=queue.size,
            buffered=len(queue.buffer),
            waiting_receivers=len(model.waiters(number, sends=False)),
            waiting_senders=len(model.waiters(number, sends=True)),
            closed=queue.closed,
        )
