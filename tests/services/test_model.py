"""Random services and trees, of which several people want something at once."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable, Iterator

import pytest
import trio
import trio.testing
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from echosvc import open_runtime, registry
from echosvc.errors import Conflict, Error, GaveUp, NotFound, StartFailed, Timeout, Unavailable
from tests.runtime.helpers import settle
from tests.schedules import schedule
from tests.services.model import CLOSED, DOWN, Life, Node, World, registry_of

LIMIT = 400
"""Seconds that nothing takes that somebody waits for."""

CALM = 100
"""Seconds in which all that has been begun comes to its end."""

HOUR = 3600

LOOK = 0.37
"""Seconds between two looks at all states."""

REFUSED: dict[str, tuple[type[Error], ...]] = {
    "start": (GaveUp, Unavailable),
    "stop": (NotFound,),
    "restart": (NotFound, StartFailed, Unavailable),
    "wait": (NotFound, Timeout),
    "change": (GaveUp, Unavailable, Conflict),
}
"""What each may raise, as its docstring says."""

WHAT = ("start", "start", "start", "stop", "stop", "restart", "restart", "wait", "change")

Op = tuple[str, int, float, float | None]
"""What to do to which node, after how many seconds, and when to stop waiting for it."""


@st.composite
def applications(draw: st.DrawFn) -> list[Node]:
    names = iter(range(1000))
    life = st.builds(
        Life,
        ready=st.sampled_from((0.0, 0.0, 0.3, 1.0, 3.0)),
        lasts=st.sampled_from((1e9, 1e9, 0.0, 0.2, 2.0)),
        fails=st.sampled_from((True, True, False)),
        stops=st.sampled_from((0.0, 0.0, 0.5)),
        deaf=st.sampled_from((False, False, True)),
    )
    restarts = st.fixed_dictionaries(
        {
            "initial_delay": st.sampled_from((0, 0.5)),
            "max_delay": st.just(1),
            "jitter": st.just(0),
            "max_attempts": st.sampled_from((0, 0, 1)),
        }
    )
    lifecycles = st.fixed_dictionaries(
        {
            "start_timeout": st.just(2),
            "stop_timeout": st.just(1),
            "stable_threshold": st.just(1),
            "startup": st.sampled_from(("required", "required", "optional")),
            "restart": restarts,
        }
    )
    as_child = st.fixed_dictionaries(
        {"restart": st.sampled_from(("permanent", "permanent", "transient", "temporary"))}
    )

    def leaf(kind: str) -> Node:
        node = Node(f"{kind[0]}{next(names)}", kind, draw(st.lists(life, max_size=3)))
        if kind == "service":
            ready = {"ready": draw(st.sampled_from(("started", "explicit")))}
            node.lifecycle = draw(lifecycles) | ready
        return node

    def tree(depth: int) -> Node:
        kids = [
            tree(depth - 1)
            if depth and draw(st.integers(0, 3)) == 0
            else leaf(draw(st.sampled_from(("service", "process"))))
            for _ in range(draw(st.integers(1, 3)))
        ]
        for kid in kids:
            kid.as_child = draw(as_child)
        fields = {
            "strategy": draw(st.sampled_from(("one_for_one", "one_for_all", "rest_for_one"))),
            "max_restarts": draw(st.sampled_from((0, 2, 100))),
        }
        return Node(f"t{next(names)}", "supervisor", [], (), kids, draw(lifecycles), fields)

    roots: list[Node] = []
    for _ in range(draw(st.integers(1, 4))):
        root = tree(1) if draw(st.booleans()) else leaf("service")
        before = [each.name for each in roots]
        root.needs = tuple(name for name in before if draw(st.booleans()))
        roots.append(root)
    return roots


def ops(cancels: st.SearchStrategy[float | None]) -> st.SearchStrategy[list[Op]]:
    pause = st.sampled_from((0.0, 0.0, 0.1, 0.5, 3.0))
    op = st.tuples(st.sampled_from(WHAT), st.integers(0, 50), pause, cancels)
    return st.lists(op, min_size=1, max_size=8)


at_once = st.lists(ops(st.none() | st.sampled_from((0.0, 0.1, 1.0))), min_size=1, max_size=3)
one_by_one = ops(st.none()).map(lambda client: [client])


class Client:
    """Somebody who does one thing after another."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.nodes = list(world.nodes.values())

    async def run(self, todo: list[Op]) -> None:
        for what, place, pause, patience in todo:
            await trio.sleep(pause)
            node = self.nodes[place % len(self.nodes)]
            with trio.move_on_after(LIMIT) as limit:
                with trio.move_on_after(patience if patience is not None else 1e9):
                    await self.ask(what, node)
            self.world.check(not limit.cancelled_caught, f"{what} {node.id} hangs")

    async def ask(self, what: str, node: Node) -> None:
        """Do one thing, and see whether it is so when that returns."""
        world = self.world
        seen, before = world.catch_up(), world.states().get(node.id, "unknown")
        unit = world.runtime.units.get(node.id)
        # Of a start that is still under way it may be told already that it came up, and that what
        # it started has ended again: who joins it now was told of neither.
        came_up = world.last[node.id, "running"] > world.last[node.id, "starting"]
        joined = unit is not None and unit.coming and came_up
        try:
            await getattr(self, what)(node)
        except REFUSED[what] as error:
            outcome: str = type(error).__name__
        except Exception as error:
            world.check(False, f"{what} {node.id} raised {error!r}")
            return
        else:
            outcome = "done"
        world.catch_up()
        after = world.states().get(node.id, "unknown")
        since = {state for id, state in world.told[seen:] if id == node.id}
        text = f"{what} {node.id}: {outcome}, from {before} through {since} to {after}"
        match what, outcome:
            case "start", "done" if node.required:
                came = before == "running" or joined or bool(since & {"running", "exited"})
                world.check(came, text)
            case "start", "GaveUp" if world.strict:
                world.check(after != "running", text)
            case "restart", "done":
                world.check("running" in since, text)
            case "restart", "StartFailed":
                world.check(bool(since) or after in DOWN, text)
            case "stop", "done":
                world.check(before in DOWN or after in DOWN or bool(since & set(DOWN)), text)
                if world.strict:
                    world.check(after in DOWN and not world.alive[node.name], text)

    async def start(self, node: Node) -> None:
        await self.world.runtime.start(node.id)

    async def stop(self, node: Node) -> None:
        states, units = self.world.states(), self.world.runtime.units
        for each in node.above:
            unit = units.get(each.id)
            if unit is not None and (unit.coming or states[each.id] == "starting"):
                self.world.left_out.add(node.name)
        await self.world.runtime.stop_service(node.id)

    async def restart(self, node: Node) -> None:
        await self.world.runtime.restart_service(node.id)

    async def wait(self, node: Node) -> None:
        await self.world.runtime.wait_service(node.id, timeout=1)

    async def change(self, node: Node) -> None:
        """Give a service other arguments."""
        if node.kind != "service":
            return
        async with self.world.runtime.attach():
            name, version = registry.get(node.id).data["args"]
            await registry.changes().update(node.id, {"args": [name, version + 1]}).apply()


async def look(world: World) -> None:
    """Look at all states again and again, whenever nothing happens."""
    while True:
        await trio.testing.wait_all_tasks_blocked()
        world.check_states()
        await trio.sleep(LOOK)


async def play(
    roots: list[Node], use: Callable[[World], Awaitable[object]], *, strict: bool
) -> None:
    """Open an application, use it, and leave it."""
    entries = registry_of(roots)
    world: World | None = None
    with trio.move_on_after(3 * HOUR) as limit:
        try:
            async with open_runtime(entries) as runtime:
                world = World(roots, runtime, strict=strict)
                with world.entered():
                    await use(world)
                    began = trio.current_time()
                    await runtime.stop(CLOSED)
                    world.check(trio.current_time() - began < LIMIT, "it does not stop")
        except GaveUp:
            pass  # of a tree that is required
    assert world is not None
    world.check(not limit.cancelled_caught, "the block is not left")
    world.check(not +world.alive, f"there are left {+world.alive}")
    assert not world.wrong, "\n".join(world.wrong)


async def use(world: World, clients: list[list[Op]]) -> None:
    """Let clients do all they want; after that everything can be started."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(look, world)
        async with trio.open_nursery() as all_clients:
            for todo in clients:
                all_clients.start_soon(Client(world).run, todo)
        nursery.cancel_scope.cancel()
    world.calm = True
    await trio.sleep(CALM)
    await settle()
    world.check_states()
    with trio.move_on_after(LIMIT) as limit:
        await world.runtime.start(*(node.id for node in world.nodes.values()))
    world.check(not limit.cancelled_caught, "the last start hangs")
    await settle()
    world.check_states()
    world.check_all_is_up()


@settings(max_examples=60)
@given(roots=applications(), clients=one_by_one, seed=st.integers(0, 2**16))
def test_what_is_asked_of_services_one_by_one_is_so_when_it_returns(
    roots: list[Node], clients: list[list[Op]], seed: int
) -> None:
    with schedule(seed):
        run(roots, lambda world: use(world, clients), strict=True)


@settings(max_examples=120)
@given(roots=applications(), clients=at_once, seed=st.integers(0, 2**16))
def test_whatever_is_asked_of_services_at_once_nothing_hangs_and_nothing_runs_twice(
    roots: list[Node], clients: list[list[Op]], seed: int
) -> None:
    with schedule(seed):
        run(roots, lambda world: use(world, clients), strict=False)


@pytest.mark.slow
@settings(max_examples=5, phases=(Phase.generate,))
@given(roots=applications(), seed=st.integers(0, 2**16))
def test_an_hour_of_all_that_can_be_asked_of_services(roots: list[Node], seed: int) -> None:
    for root in roots:
        root.lifecycle["startup"] = "optional"  # a required tree that gives up ends all
    dice = random.Random(seed)

    async def use_for_an_hour(world: World) -> None:
        world.lives = {name: lives(dice) for name in world.nodes}
        await use(world, [program(dice, HOUR) for _ in range(3)])

    with schedule(seed):
        run(roots, use_for_an_hour, strict=False)


def lives(dice: random.Random) -> Iterator[Life]:
    while True:
        yield Life(
            ready=dice.choice((0.0, 0.0, 0.3, 1.0, 3.0)),
            lasts=dice.choice((0.0, 0.2, 2.0, 20.0, 200.0)),
            fails=dice.random() < 0.7,
            stops=dice.choice((0.0, 0.0, 0.5)),
            deaf=dice.random() < 0.2,
        )


def program(dice: random.Random, seconds: float) -> list[Op]:
    """What somebody does all the time, with pauses that take so long together."""
    todo: list[Op] = []
    while seconds > 0:
        pause = dice.choice((0.0, 0.0, 0.1, 1.0, 10.0))
        patience = dice.choice((None, None, 0.0, 0.1, 1.0))
        todo.append((dice.choice(WHAT), dice.randrange(50), pause, patience))
        seconds -= pause
    return todo


def run(roots: list[Node], use: Callable[[World], Awaitable[object]], *, strict: bool) -> None:
    async def main() -> None:
        await play(roots, use, strict=strict)

    log = logging.getLogger("echosvc")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)  # hundreds of failures, all of them meant
    try:
        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    finally:
        log.setLevel(level)
