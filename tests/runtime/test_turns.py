"""In a select nothing of a process's mailbox starves, and no timer beside it."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from echosvc import Runtime, channel, open_runtime, process, time
from echosvc.channel import Channel
from tests.runtime.helpers import HOST, as_process

ORDERS = list(itertools.permutations(["inbox", "ticker", "deadline"]))


def send() -> None:
    process.send(process.pid(), "more")


async def busy(order: tuple[str, ...], clock: MockClock, work: float) -> list[str]:
    """Select for two seconds; at each message comes the next one. What was taken, in its order."""
    cases = {
        "inbox": process.inbox(),
        "ticker": time.ticker("100ms").channel,
        "deadline": time.after("1s"),
    }
    began, taken = trio.current_time(), []
    send()
    while trio.current_time() < began + 2:
        r = await channel.select(*(cases[name] for name in order))
        taken.append(next(name for name in order if cases[name] is r.channel))
        if r.channel is cases["inbox"]:
            send()
        clock.jump(work)
    return taken


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
async def test_neither_timer_nor_inbox_starves_in_whatever_order_they_stand(
    runtime: Runtime, autojump_clock: MockClock, order: tuple[str, ...]
) -> None:
    async def main() -> None:
        taken = await busy(order, autojump_clock, 0.01)
        assert taken.count("ticker") in (19, 20)
        assert taken.count("deadline") == 1
        # At the second select after its time: the inbox had its turn before.
        assert 100 <= taken.index("deadline") <= 103
        assert taken.count("inbox") == len(taken) - taken.count("ticker") - 1

    await as_process(runtime, main)


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
async def test_a_ticker_that_is_always_due_and_an_inbox_that_is_never_empty_alternate(
    runtime: Runtime, autojump_clock: MockClock, order: tuple[str, ...]
) -> None:
    async def main() -> None:
        taken = await busy(order, autojump_clock, 0.1)  # each takes as long as from tick to tick
        taken.remove("deadline")
        assert abs(taken.count("ticker") - taken.count("inbox")) <= 2
        assert all(len(list(same)) <= 2 for _, same in itertools.groupby(taken))

    await as_process(runtime, main)


@pytest.mark.parametrize("first", ["inbox", "deadline"])
def test_a_deadline_comes_in_time_though_there_is_always_mail(first: str) -> None:
    """On the real clock, where a loop of selects lets the others run once in a slice."""

    async def main() -> tuple[float, int]:
        inbox, deadline = process.inbox(), time.after("5ms")
        began = trio.current_time()
        for n in range(1_000_000):
            send()
            cases = [inbox, deadline] if first == "inbox" else [deadline, inbox]
            r: Any = await channel.select(*cases)
            if r.channel is deadline:
                return trio.current_time() - began, n
        raise AssertionError("the deadline never came")

    async def run() -> None:
        async with open_runtime() as runtime:
            await runtime.start_host(HOST)
            took, messages = await runtime.run(main, HOST)
        assert took >= 0.005
        assert messages > 0

    trio.run(run)


async def test_a_ticker_of_a_nanosecond_leaves_the_inbox_every_other_turn(runtime: Runtime) -> None:
    async def main() -> list[bool]:
        inbox, ticks = process.inbox(), time.ticker("1ns").channel
        taken = []
        for _ in range(20):
            send()
            await trio.sleep(1)
            taken.append((await channel.select(ticks, inbox)).channel is inbox)
        return taken

    assert await as_process(runtime, main) == [True, False] * 10


async def test_while_the_clock_stands_still_a_ticker_is_due_once(runtime: Runtime) -> None:
    async def main() -> list[bool]:
        inbox, ticks = process.inbox(), time.ticker("1ns").channel
        for _ in range(4):
            send()
        await trio.sleep(1)
        return [(await channel.select(ticks, inbox)).channel is ticks for _ in range(5)]

    assert await as_process(runtime, main) == [False, True, False, False, False]


async def test_a_cancel_is_older_than_a_timer_that_is_due(runtime: Runtime) -> None:
    async def main() -> list[str]:
        events, due = process.events(), time.after("-1h")
        process.monitor("{gone|0x00001}")
        for sender in (runtime, process):
            sender.cancel(process.pid())  # type: ignore[attr-defined]  # both have it
        got = [(await channel.select(due, events)).value for _ in range(4)]
        return [getattr(value, "kind", process.event.EXIT).name for value in got]

    assert await as_process(runtime, main) == ["CANCEL", "CANCEL", "EXIT", "EXIT"]


async def test_a_timer_made_anew_each_time_keeps_no_message_waiting(runtime: Runtime) -> None:
    """Take what is there, and no longer: with a timeout of 0, or one that has passed."""

    async def main(timeout: float) -> list[bool]:
        inbox = process.inbox()
        for _ in range(3):
            send()
        taken = []
        while (r := await channel.select(time.after(timeout), inbox)).channel is inbox:
            taken.append(r.ok)
        return taken

    for timeout in (0.0, -1.0):
        assert await runtime.run(main, HOST, timeout) == [True, True, True]


async def test_a_timer_made_anew_each_time_keeps_no_ticker_waiting(runtime: Runtime) -> None:
    async def main() -> int:
        ticks, taken = time.ticker("1s").channel, 0
        for _ in range(10):
            await trio.sleep(1)
            taken += (await channel.select(time.after("-1h"), ticks)).channel is ticks
        return taken

    assert await as_process(runtime, main) >= 5


async def test_of_timers_the_one_that_was_due_first_goes_first(runtime: Runtime) -> None:
    async def main() -> list[float]:
        timers = [time.after(seconds) for seconds in (3, 1, 2)]
        await trio.sleep(10)
        return [(await channel.select(*timers)).value for _ in timers]

    began = trio.current_time()
    assert await as_process(runtime, main) == [began + 1, began + 2, began + 3]


async def test_among_tickers_none_is_kept_waiting_by_one_that_is_quicker(runtime: Runtime) -> None:
    async def main() -> list[bool]:
        quick, slow = time.ticker("1ns").channel, time.ticker("1s").channel
        taken = []
        for _ in range(10):
            await trio.sleep(1)
            taken.append((await channel.select(quick, slow)).channel is quick)
        return taken

    taken = await as_process(runtime, main)
    assert taken.count(True) == 5


async def test_any_other_channel_goes_by_the_order_of_arguments(runtime: Runtime) -> None:
    async def main() -> None:
        inbox, due, plain = process.inbox(), time.after("-1s"), Channel[str](math.inf)
        for _ in range(3):
            plain.send_nowait("p")
            send()
        assert [(await channel.select(plain, inbox, due)).channel for _ in range(3)] == [plain] * 3
        plain.send_nowait("p")
        assert (await channel.select(inbox, plain, due)).channel is inbox
        assert (await channel.select(due, plain, inbox)).channel is due
        assert len(plain) == 1

    await as_process(runtime, main)


async def test_a_closed_timer_is_as_ready_as_any_closed_channel(runtime: Runtime) -> None:
    async def main() -> list[bool]:
        inbox, ended = process.inbox(), time.after("1s")
        ended.close()
        send()
        return [(await channel.select(*c)).ok for c in ((inbox, ended), (ended, inbox))]

    assert await as_process(runtime, main) == [True, False]


@given(
    topics=st.lists(st.integers(1, 3), max_size=2),
    others=st.lists(st.sampled_from(["events", "ticker", "ticker", "after"]), max_size=5),
    some=st.booleans(),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=60, deadline=None)
def test_what_is_ready_for_ever_is_taken_within_so_many_selects(
    topics: list[int], others: list[str], some: bool, seed: int
) -> None:
    """Of random sources, in random order, all or some of them in each select."""

    async def main() -> None:
        dice, me = random.Random(seed), process.pid()
        backlog: dict[Channel[Any], int] = {process.inbox(): 2}  # how many wait, always
        refill: dict[Channel[Any], Any] = {process.inbox(): lambda: process.send(me, "other")}
        for number, waiting in enumerate(topics):
            listened = process.listen(f"{number}")
            backlog[listened] = waiting
            refill[listened] = lambda topic=f"{number}": process.send(me, topic)
        if "events" in others:
            backlog[process.events()] = 1
            refill[process.events()] = lambda: process.monitor("{gone|0x00001}")
        timers = [time.ticker(dice.choice(["1ns", "1s"])).channel for o in others if o == "ticker"]
        afters = [time.after(dice.randrange(100)) for o in others if o == "after"]
        for source, waiting in backlog.items():
            for _ in range(waiting):
                refill[source]()
        # One round is a turn of the mailbox and one of each timer. Before a message come those that
        # are older, and one that came while this select was not asked.
        within = (1 + len(timers) + len(afters)) * (2 + sum(backlog.values()))
        passed_over = dict.fromkeys([*backlog, *timers, *afters], 0)
        for _ in range(200):
            await trio.sleep(1)
            ready = [source for source in passed_over if len(source)]
            cases = [*backlog, *timers, *afters]
            dice.shuffle(cases)
            if some:
                cases = cases[: dice.randint(1, len(cases))]
            if not set(cases) - set(afters):
                cases.append(process.inbox())
            r: Any = await channel.select(*cases)
            for source in cases:
                if source in ready:
                    passed_over[source] = 0 if source is r.channel else passed_over[source] + 1
            if r.channel in refill:
                refill[r.channel]()
            assert max(passed_over.values()) <= within

    async def run() -> None:
        async with open_runtime() as runtime:
            await runtime.start_host(HOST)
            await runtime.run(main, HOST)

    trio.run(run, clock=MockClock(autojump_threshold=0))
