"""Random trees, random kills, orders and clock steps, against a model without tasks."""

from __future__ import annotations

import itertools
from typing import Any

import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from echosvc.errors import GaveUp
from echosvc.supervision import ChildSpec, RestartPolicy, Supervisor, open_supervisor
from tests.schedules import schedule
from tests.supervision.helpers import Failure, settle
from tests.supervision.model import Model, Node, RootGaveUp

WITHIN = 4.0
STRATEGIES = ("one_for_one", "one_for_all", "rest_for_one")


@st.composite
def trees(draw: st.DrawFn, depth: int = 2) -> Node:
    numbers = itertools.count()

    def supervisor(depth: int) -> Node:
        kids = [
            supervisor(depth - 1) if depth and draw(st.booleans()) else leaf()
            for _ in range(draw(st.integers(1, 3)))
        ]
        return Node(
            f"s{next(numbers)}",
            strategy=draw(st.sampled_from(STRATEGIES)),
            max_restarts=draw(st.integers(0, 4)),
            kids=kids,
        )

    def leaf() -> Node:
        restart = draw(st.sampled_from(("permanent", "permanent", "transient", "temporary")))
        return Node(f"l{next(numbers)}", restart=restart, delay=draw(st.sampled_from((0, 0, 1.5))))

    root = supervisor(depth)
    root.max_restarts += 2
    return root


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(("kill", "kill", "kill", "finish", "cancel", "stop", "restart", "pass")),
        st.integers(0, 50),
        st.sampled_from((0.5, 1.0, 2.0, 4.0, 4.5)),
    ),
    min_size=1,
    max_size=25,
)


class Real:
    """The same tree, of tasks."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self.runs: dict[str, int] = dict.fromkeys([leaf.name for leaf in root.leaves()], 0)
        self.tasks: dict[str, trio.lowlevel.Task] = {}
        self.orders: dict[str, Any] = {}
        self.supervisors: dict[str, Supervisor] = {}

    def spec(self, node: Node) -> ChildSpec:
        fn = self.supervise if node.strategy else self.leaf
        backoff = None
        if node.delay:
            backoff = RestartPolicy(initial_delay=node.delay, max_delay=node.delay, jitter=0)
        return ChildSpec(node.name, fn, (node,), restart=node.restart, backoff=backoff)  # type: ignore[arg-type]  # a str of the model

    async def leaf(self, node: Node) -> None:
        self.runs[node.name] += 1
        self.tasks[node.name] = trio.lowlevel.current_task()
        send, receive = trio.open_memory_channel[bool](1)
        self.orders[node.name] = send
        try:
            if not await receive.receive():
                raise Failure(node.name)
        finally:
            del self.tasks[node.name]

    async def supervise(self, node: Node) -> None:
        async with open_supervisor(
            node.strategy,  # type: ignore[arg-type]  # a str of the model
            children=[self.spec(kid) for kid in node.kids],
            max_restarts=node.max_restarts,
            within=WITHIN,
            name=node.name,
        ) as sup:
            self.supervisors[node.name] = sup
            await trio.sleep_forever()

    async def do(self, action: str, node: Node) -> None:
        assert node.parent is not None
        sup = self.supervisors[node.parent.name]
        match action:
            case "kill" | "finish":
                self.orders[node.name].send_nowait(action == "finish")
            case "cancel":
                sup._children[node.name].cancel()
            case "stop":
                await sup.stop(node.name)
            case "restart":
                await sup.restart(node.name)


def fitting(model: Model, action: str) -> list[Node]:
    """The leaves to which this can be done."""
    leaves = [leaf for leaf in model.root.leaves() if leaf.parent and model.alive(leaf.parent)]
    if action in ("stop", "restart"):
        return [leaf for leaf in leaves if leaf.parent and leaf in leaf.parent.present]
    return [leaf for leaf in leaves if model.alive(leaf)]


def foresee(model: Model, action: str, node: Node) -> None:
    match action:
        case "kill" | "cancel":
            model.end(node, normally=False)
        case "finish":
            model.end(node, normally=True)
        case "stop":
            model.order_stop(node)
        case "restart":
            model.order_restart(node)


async def play(root: Node, actions: list[tuple[str, int, float]]) -> bool:
    """Do it to both, and compare after each step. Returns whether the root gave up."""
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, trio.testing.MockClock)
    model, real = Model(root, WITHIN), Real(root)
    gave_up = False

    async def run(scope: trio.CancelScope) -> None:
        nonlocal gave_up
        try:
            with scope:
                await real.supervise(root)
        except GaveUp:
            gave_up = True

    async with trio.open_nursery() as nursery:
        scope = trio.CancelScope()
        nursery.start_soon(run, scope)
        await settle()
        for action, pick, seconds in actions:
            before = dict(real.tasks)
            runs = {leaf.name: leaf.runs for leaf in root.leaves()}
            if action == "pass":
                model.pass_time(seconds)
                clock.jump(seconds)
            elif found := fitting(model, action):
                node = found[pick % len(found)]
                try:
                    foresee(model, action, node)
                except RootGaveUp:
                    await real.do(action, node)
                    await settle()
                    assert gave_up
                    assert not real.tasks
                    return True
                await real.do(action, node)
            await settle()
            assert not gave_up
            assert real.runs == {leaf.name: leaf.runs for leaf in root.leaves()}
            alive = {leaf.name for leaf in root.leaves() if model.alive(leaf)}
            assert set(real.tasks) == alive
            for leaf in root.leaves():
                if leaf.name in alive and leaf.runs == runs[leaf.name]:
                    assert real.tasks[leaf.name] is before[leaf.name], "untouched, yet not the same"
        scope.cancel()
    assert not real.tasks
    return False


@settings(max_examples=150, deadline=None)
@given(tree=trees(), actions=ACTIONS, seed=st.integers(0, 2**16))
def test_tree_does_what_the_model_says(
    tree: Node, actions: list[tuple[str, int, float]], seed: int
) -> None:
    with schedule(seed):
        trio.run(play, tree, actions, clock=trio.testing.MockClock())
