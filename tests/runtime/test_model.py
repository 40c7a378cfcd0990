"""Random programs of processes under random schedules: all that they see is what the model says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from echosvc import Message, Pid, Runtime, coroutine, open_runtime, process
from echosvc._channel.native import poll
from echosvc.errors import Error, LinkDown
from tests.runtime.helpers import HOST, Failure, drain
from tests.runtime.model import CALL_TIMEOUT, Model, Op
from tests.schedules import schedule

ROOTS = 3
NAMES = ("a", "b")

index = st.integers(0, 7)  # of a process: the newest is 0
name = st.sampled_from(NAMES)
dest = index | index | index | name
spawn = st.tuples(st.just("spawn"), st.booleans(), st.booleans(), st.none() | st.none() | name)
tie = st.tuples(st.sampled_from(["monitor", "link"]), dest)
untie = st.tuples(st.sampled_from(["unmonitor", "unlink"]), index)
tell = st.tuples(st.sampled_from(["send", "send", "cancel", "terminate"]), dest)
title = st.tuples(st.just("register"), name, index) | st.tuples(st.just("unregister"), name)
trap = st.tuples(st.just("trap"), st.booleans())
read = st.sampled_from([("receive",), ("receive",), ("reply",)])
last = st.sampled_from([()] * 6 + [(("fail",),), (("return",),)])
block = st.builds(
    lambda ops, last: [*ops, *last],
    st.lists(spawn | tie | tie | untie | tell | tell | title | trap | read, min_size=1, max_size=4),
    last,
)
call = st.tuples(st.just("call"), dest).map(lambda op: [op])
look = st.just([("receive",), ("reply",)])
step = (
    st.tuples(index, block)
    | st.tuples(index, block)
    | st.tuples(index, block)
    | st.tuples(index, call)
    | st.tuples(index, look)
    | st.sampled_from([(None, 1.0), (None, CALL_TIMEOUT)])
)


Commands = trio.MemoryReceiveChannel[list[Op]]


class World:
    """A real runtime that is told the same steps."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.ends = runtime.events("process", "ended", size=1_000_000)
        self.pids: list[Pid] = []
        self.commands: list[trio.MemorySendChannel[list[Op]]] = []
        self.seen: list[list[Any]] = []
        self.outcomes: list[list[str]] = []
        self.answers: list[list[str]] = []

    def ended(self) -> list[int]:
        """Those that have ended since this was last asked, in their order."""
        return [self.pids.index(Pid(event.path)) for event in drain(self.ends)]

    def new(self) -> tuple[int, Callable[[], Commands]]:
        send, receive = trio.open_memory_channel[list[Op]](1)
        self.commands.append(send)
        for column in (self.seen, self.outcomes, self.answers):
            column.append([])
        return len(self.commands) - 1, lambda: receive

    async def live(self, me: int, commands: Callable[[], Commands]) -> str:
        """Be a process: do what the steps say."""
        questions: list[Message] = []
        async for ops in commands():
            for op in ops:
                try:
                    outcome = self.do(me, op, questions)
                except Error as exc:
                    outcome = type(exc).__name__
                self.outcomes[me].append(f"{op[0]}: {outcome}")
                if op[0] == "fail":
                    raise Failure
                if op[0] == "return":
                    return "returned"
        return "no more commands"

    def at(self, dest: Any) -> Any:
        return self.pids[dest] if isinstance(dest, int) else dest

    def do(self, me: int, op: Op, questions: list[Message]) -> str:
        match op:
            case ("spawn", monitor, link, name):
                return self.spawn(monitor, link, name)
            case ("monitor" | "link" | "unmonitor" | "unlink" | "cancel" | "terminate", dest):
                getattr(process, op[0])(self.at(dest))
            case ("send", dest, n):
                process.send(self.at(dest), "t", n)
            case ("call", dest, number):
                coroutine.spawn(self.call, me, self.at(dest), number)
            case ("reply",):
                if not questions:
                    return "nothing asked"
                questions.pop(0).reply()
            case ("receive",):
                self.receive(me, questions)
            case ("register", name, dest):
                process.registry.register(name, self.at(dest))
            case ("unregister", name):
                return str(process.registry.unregister(name))
            case ("trap", on):
                process.set_options(trap_links=on)
        return "ok"

    def spawn(self, monitor: bool, link: bool, name: str | None) -> str:
        spawner: Any = process if name is None else process.with_name(name)
        how = "_linked" * link + "_monitored" * monitor
        child, commands = self.new()
        try:
            pid = getattr(spawner, f"spawn{how}")(self.live, None, child, commands)
        except BaseException:
            self.forget_last()
            raise
        if pid in self.pids:
            self.forget_last()
            return f"is {self.pids.index(pid)}"
        self.pids.append(pid)
        return f"is {child}"

    def forget_last(self) -> None:
        for column in (self.commands, self.seen, self.outcomes, self.answers):
            column.pop()

    async def call(self, me: int, dest: Any, number: int) -> None:
        try:
            await process.call(dest, "q", number, timeout=CALL_TIMEOUT)
            self.answers[me].append(f"answer {number}")
        except Error as exc:
            self.answers[me].append(type(exc).__name__)

    def receive(self, me: int, questions: list[Message]) -> None:
        """Take all there is, as a select would, but without ever letting others run."""
        while (r := poll((process.events(), process.inbox()))) is not None:
            self.seen[me].append(r.value)
            if isinstance(r.value, Message) and r.value.is_call:
                questions.append(r.value)


def how(world: World, error: BaseException | None) -> tuple[str, int | None]:
    if error is None:
        return "return", None
    culprit = world.pids.index(Pid(error.pid)) if isinstance(error, LinkDown) else None
    return type(error).__name__, culprit


def check_seen(world: World, seen: list[Any], expected: list[tuple[Any, ...]]) -> None:
    """The same from each sender in the same order."""
    got, wanted = defaultdict(list), defaultdict(list)
    for item in seen:
        sender = world.pids.index(item.sender)
        if isinstance(item, Message):
            got[sender].append(("call" if item.is_call else "message", sender, item.data))
        elif item.kind is process.event.CANCEL:
            got[sender].append(("CANCEL", sender))
        else:
            got[sender].append((item.kind.name, sender, *how(world, item.result.error)))
    for item in expected:
        wanted[item[1]].append(item)
    assert got == wanted


def check(world: World, model: Model) -> None:
    assert world.outcomes == [proc.outcomes for proc in model.procs]
    assert [sorted(answers) for answers in world.answers] == [
        sorted(proc.answers) for proc in model.procs
    ]
    for seen, proc in zip(world.seen, model.procs, strict=True):
        check_seen(world, seen, proc.seen)
    runtime = world.runtime
    assert runtime.list() == tuple(world.pids[p.index] for p in model.procs if p.alive)
    assert {n: p.pid for n, p in runtime.names._owners.items()} == {
        n: world.pids[i] for n, i in model.names.items()
    }
    for proc in model.procs:
        if proc.alive:
            info = runtime.info(world.pids[proc.index])
            assert set(info.links) == {world.pids[i] for i in proc.links}
            assert set(info.monitors) == {world.pids[i] for i in proc.watching}
            assert set(info.monitored_by) == {world.pids[i] for i in proc.watchers}
            assert info.mailbox + info.events == len(proc.mailbox)
    assert runtime.statistics().dead_letters == model.dead_letters


def number(ops: list[Op], model: Model, counter: list[int]) -> list[Op]:
    """Let indices mean processes that there are, and give each message a number of its own."""
    numbered: list[Op] = []
    there = len(model.procs)
    for op in ops:
        counter[0] += 1
        rest = [there - 1 - a % there if type(a) is int else a for a in op[1:]]
        if op[0] in ("send", "call"):
            rest.append(counter[0])
        there += op[0] == "spawn" and op[3] is None
        numbered.append((op[0], *rest))
    return numbered


async def follow(steps: list[tuple[Any, ...]]) -> None:
    async with open_runtime() as runtime:
        await runtime.start_host(HOST)
        world, model, counter = World(runtime), Model(ROOTS), [0]
        for _ in range(ROOTS):
            me, commands = world.new()
            world.pids.append(runtime.spawn(world.live, HOST, me, commands))
        for who, what in steps:
            await trio.testing.wait_all_tasks_blocked()
            if who is None:
                await trio.sleep(what)
                model.sleep(what)
                assert world.ended() == []
            else:
                alive = [proc.index for proc in model.procs if proc.alive]
                if not alive:
                    break
                who = alive[who % len(alive)]
                ops = number(what, model, counter)
                world.commands[who].send_nowait(ops)
                await trio.testing.wait_all_tasks_blocked()
                model.block(who, ops, world.ended())
            await trio.testing.wait_all_tasks_blocked()
            check(world, model)
        for pid in runtime.list():
            runtime.terminate(pid)
        await trio.testing.wait_all_tasks_blocked()
        for proc in model.procs:
            if proc.stopped is None:
                proc.stopped = "Terminated"
        model.settle(world.ended())
        check(world, model)


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(step, min_size=8, max_size=30), seed=st.integers(0, 2**16))
def test_all_that_everybody_saw_is_what_the_model_says(
    steps: list[tuple[Any, ...]], seed: int
) -> None:
    with schedule(seed):
        trio.run(follow, steps, clock=trio.testing.MockClock(autojump_threshold=0))
