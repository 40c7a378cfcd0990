"""Random processes are killed under load, and every message is accounted for."""

from __future__ import annotations

import random
from collections import Counter

import pytest
import trio
import trio.testing

from echosvc import Pid, Runtime, channel, coroutine, open_runtime, process
from echosvc.errors import (
    CallTimeout,
    Error,
    MailboxFull,
    NameNotFound,
    ProcessNotFound,
)
from tests.runtime.helpers import HOST, Failure
from tests.schedules import schedule

WORKERS = 40
NAMES = [f"worker {n}" for n in range(WORKERS)]


class Accounts:
    """What became of each message, by its number."""

    def __init__(self) -> None:
        self.sent: set[int] = set()
        self.received: Counter[int] = Counter()
        self.refused: Counter[int] = Counter()
        self.asked: set[int] = set()
        self.answered: Counter[int] = Counter()
        self.unanswered: Counter[int] = Counter()
        self.given_back: set[int] = set()  # it came back unread
        self.given_up: set[int] = set()  # who waited for room or an answer was killed
        self.replied = 0
        self.order: dict[tuple[Pid, Pid], int] = {}
        self.next = 0

    def number(self) -> int:
        self.next += 1
        return self.next


async def worker(accounts: Accounts, seed: float) -> None:
    """Send, deliver, ask, answer, spawn, link and fail, at random."""
    dice = random.Random(seed)
    inbox, events = process.inbox(), process.events()
    while True:
        with trio.move_on_after(dice.random()):
            r = await channel.select(events, inbox)
            if r.channel is inbox:
                receive(accounts, r.value, dice)
            elif r.value.kind is process.event.CANCEL:
                return
        dest = dice.choice(NAMES)
        match dice.randrange(12):
            case 0:
                coroutine.spawn(ask, accounts, dest)
            case 1:
                coroutine.spawn(deliver, accounts, dest)
            case 2 if dice.random() < 0.1:
                raise Failure
            case 3 if dice.random() < 0.2:
                link(dest)
            case 4 if dice.random() < 0.1:
                process.set_options(trap_links=dice.random() < 0.5)
            case 5 if dice.random() < 0.05:
                return
            case 6 if dice.random() < 0.2:
                await trio.sleep(5)  # and read nothing
            case _:
                send(accounts, dest)


def receive(accounts: Accounts, message: process.Message, dice: random.Random) -> None:
    number = message.data
    accounts.received[number] += 1
    if message.is_call:
        if dice.random() < 0.8:
            message.reply(number)
            accounts.replied += 1
    elif message.topic == "sent":
        # Between any two processes messages keep their order.
        assert message.sender is not None
        pair = (message.sender, process.pid())
        assert accounts.order.get(pair, 0) < number
        accounts.order[pair] = number


def send(accounts: Accounts, dest: str) -> None:
    number = accounts.number()
    try:
        process.send(dest, "sent", number)
        accounts.sent.add(number)
    except (NameNotFound, MailboxFull) as exc:
        accounts.refused[number] += 1
        check_undelivered(exc.undelivered, number)


def check_undelivered(message: object, number: int) -> None:
    assert isinstance(message, process.Message)
    assert message.data == number


async def deliver(accounts: Accounts, dest: str) -> None:
    number = accounts.number()
    try:
        await process.deliver(dest, "delivered", number)
        accounts.sent.add(number)
    except (NameNotFound, MailboxFull, ProcessNotFound):
        accounts.refused[number] += 1
    except trio.Cancelled:
        accounts.given_up.add(number)
        raise


async def ask(accounts: Accounts, dest: str) -> None:
    number = accounts.number()
    try:
        answer = await process.call(dest, "asked", number, timeout=3)
        assert answer == number
        accounts.answered[number] += 1
        accounts.asked.add(number)
    except (CallTimeout, ProcessNotFound) as exc:
        accounts.unanswered[number] += 1
        if not isinstance(exc, ProcessNotFound) or exc.undelivered is None:
            accounts.asked.add(number)
        else:
            accounts.given_back.add(number)
    except Error:
        accounts.refused[number] += 1
    except trio.Cancelled:
        accounts.given_up.add(number)
        raise


def link(dest: str) -> None:
    try:
        process.link(dest)
    except Error:
        return


async def keep_alive(accounts: Accounts, dice: random.Random) -> None:
    """Give each name that nobody has a new worker."""
    while True:
        for name in NAMES:
            process.with_name(name).spawn(worker, HOST, accounts, dice.random())
        await trio.sleep(0.5)


async def kill(runtime: Runtime, dice: random.Random) -> None:
    """End random workers in all the ways there are."""
    while True:
        await trio.sleep(dice.expovariate(4))
        victims = [pid for pid in runtime.list() if pid.host == HOST]
        if victims:
            pid = dice.choice(victims)
            if dice.random() < 0.7:
                process.terminate(pid, "chaos")
            else:
                process.cancel(pid, "chaos")


async def chaos(seed: int, seconds: float) -> Accounts:
    dice, accounts, letters = random.Random(seed), Accounts(), 0
    async with open_runtime() as runtime:
        await runtime.start_host(HOST, mailbox=8)
        news = runtime.events("process", "*", size=10_000_000)
        with trio.move_on_after(seconds):
            async with runtime.attach():
                coroutine.spawn(kill, runtime, dice)
                await keep_alive(accounts, dice)
        for pid in runtime.list():
            runtime.terminate(pid)
        await trio.testing.wait_all_tasks_blocked()
        assert runtime.list() == ()
        letters = runtime.statistics().dead_letters
        assert runtime.statistics().names == 0
        told = Counter(event.kind for event in [news.receive_nowait() for _ in range(len(news))])
        assert told["started"] == told["ended"] == runtime.statistics().spawned
        assert told["dead_letter"] == letters
    check(accounts, letters)
    return accounts


def check(accounts: Accounts, letters: int) -> None:
    assert max(accounts.received.values()) == 1  # nothing arrived twice
    received = set(accounts.received)
    refused = set(accounts.refused)
    assert not received & (refused | accounts.given_back)  # nothing that was refused arrived
    # What was accepted and not received is a dead letter, and so is an answer that nobody got.
    # Of a question whose asker was killed, only the bus knows whether it had been accepted.
    late = accounts.replied - len(accounts.answered)
    unread = accounts.sent | accounts.asked
    fewest = len(unread - received) + late
    assert fewest <= letters <= fewest + len(accounts.given_up)
    everything = set(range(1, accounts.next + 1))
    known = unread | refused | accounts.given_back | accounts.given_up | received
    assert everything == known
    assert not accounts.sent & refused


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_every_message_is_delivered_answered_dead_lettered_or_refused(seed: int) -> None:
    with schedule(seed):
        clock = trio.testing.MockClock(autojump_threshold=0)
        accounts = trio.run(chaos, seed, 300.0, clock=clock)
    assert len(accounts.received) > 10_000
    assert len(accounts.refused) > 100
    assert len(accounts.answered) > 500
    assert len(accounts.unanswered) > 100
    assert len(accounts.given_back) > 20


def test_a_short_while_of_chaos_loses_nothing() -> None:
    clock = trio.testing.MockClock(autojump_threshold=0)
    accounts = trio.run(chaos, 0, 20.0, clock=clock)
    assert len(accounts.received) > 500
