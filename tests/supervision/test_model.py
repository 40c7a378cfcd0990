"""Random trees, random kills, orders and clock steps, against a model without tasks."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from echosvc.errors import GaveUp, StartFailed, Unavailable
from echosvc.supervision import ChildSpec, RestartPolicy, Supervisor, open_supervisor
from tests.schedules import schedule
from tests.supervision.helpers import Failure, settle
from tests.supervision.model import Model, Node, RootGaveUp

WITHIN = 4.0
STRATEGIES = ("one_for_one", "one_for_all", "rest_for_one")
RESTARTS = ("permanent", "permanent", "transient", "temporary")


def make_leaf(number: int, restart: str, delayed: bool, says_ready: bool, attempts: int) -> Node:
    # Different for each, so that no two restarts are due at one moment: which is first is not said.
    delay = 1.5 + number / 64 if delayed else 0.0
    return Node(f"l{number}", restart, delay, attempts, says_ready)


LEAVES = st.tuples(
    st.sampled_from(RESTARTS), st.booleans(), st.booleans(), st.sampled_from((0, 0, 2))
)


@st.composite
def trees(draw: st.DrawFn, depth: int = 2) -> Node:
    numbers = itertools.count()

    def supervisor(depth: int) -> Node:
        kids = [
            supervisor(depth - 1)
            if depth and draw(st.booleans())
            else make_leaf(next(numbers), *draw(LEAVES))
            for _ in range(draw(st.integers(1, 3)))
        ]
        return Node(
            f"s{next(numbers)}",
            strategy=draw(st.sampled_from(STRATEGIES)),
            max_restarts=draw(st.integers(0, 4)),
            kids=kids,
        )

    root = supervisor(depth)
    root.max_restarts += 2
    return root


Action = tuple[str, int, int, float, tuple[str, bool, bool, int]]

ENDS = ("kill", "kill", "kill", "finish", "cancel")
ORDERS = ("stop", "restart", "remove", "start")

ACTIONS = st.lists(
    st.tuples(
        st.sampled_from((*ENDS, *ORDERS, "child stops", "child restarts", "fail starts", "pass")),
        st.integers(0, 50),
        st.integers(0, 3),
        st.sampled_from((0.5, 1.0, 2.0, 4.0, 4.5, 6.0)),
        LEAVES,
    ),
    min_size=1,
    max_size=25,
)


class Real:
    """The same tree, of tasks."""

    def __init__(self, root: Node, nursery: trio.Nursery) -> None:
        self.root = root
        self.nursery = nursery
        self.runs: dict[str, int] = dict.fromkeys([leaf.name for leaf in root.leaves()], 0)
        self.failing: dict[str, int] = {}
        self.tasks: dict[str, trio.lowlevel.Task] = {}
        self.inboxes: dict[str, trio.MemorySendChannel[Any]] = {}
        self.supervisors: dict[str, Supervisor] = {}

    def spec(self, node: Node) -> ChildSpec:
        fn: Any = self.supervise if node.strategy else self.leaf
        if node.says_ready:
            fn = self.ready_leaf
        backoff = None
        if node.delay:
            backoff = RestartPolicy(
                initial_delay=node.delay,
                max_delay=node.delay,
                jitter=0,
                max_attempts=node.max_attempts,
            )
        return ChildSpec(node.name, fn, (node,), restart=node.restart, backoff=backoff)  # type: ignore[arg-type]  # a str of the model

    async def ready_leaf(self, node: Node, *, task_status: trio.TaskStatus[None]) -> None:
        await self.leaf(node, task_status)

    async def leaf(self, node: Node, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
        self.runs[node.name] = self.runs.get(node.name, 0) + 1
        assert node.name not in self.tasks, "it runs already"
        if node.says_ready and self.failing.get(node.name):
            self.failing[node.name] -= 1
            raise Failure(f"{node.name} does not start")
        self.tasks[node.name] = trio.lowlevel.current_task()
        self.inboxes[node.name], inbox = trio.open_memory_channel[Any](1)
        task_status.started()
        try:
            while callable(word := await inbox.receive()):
                await word()
            if not word:
                raise Failure(node.name)
        finally:
            del self.tasks[node.name]

    async def supervise(self, node: Node) -> None:
        for kid in node.kids:
            self.failing.pop(kid.name, None)
        async with open_supervisor(
            node.strategy,  # type: ignore[arg-type]  # a str of the model
            children=[self.spec(kid) for kid in node.kids],
            max_restarts=node.max_restarts,
            within=WITHIN,
            name=node.name,
        ) as sup:
            self.supervisors[node.name] = sup
            await trio.sleep_forever()

    async def order(self, order: Callable[..., Awaitable[object]], *args: Any) -> None:
        """Give an order, which may be refused, or wait for its turn."""
        with contextlib.suppress(StartFailed, Unavailable):
            await order(*args)

    def do(self, action: str, above: Node, node: Node, actor: Node | None) -> None:
        sup = self.supervisors[above.name]
        match action:
            case "kill" | "finish":
                self.inboxes[node.name].send_nowait(action == "finish")
            case "cancel":
                sup._children[node.name].cancel()
            case "fail starts":
                self.failing[node.name] = node.failing
            case "start":
                self.nursery.start_soon(self.order, sup.start, self.spec(node))
            case "stop" | "restart" | "remove":
                self.nursery.start_soon(self.order, getattr(sup, action), node.name)
            case "child stops" | "child restarts":
                assert actor is not None
                order = sup.stop if action == "child stops" else sup.restart

                async def give() -> None:
                    await self.order(order, node.name)

                self.inboxes[actor.name].send_nowait(give)


def foresee(model: Model, action: str, above: Node, node: Node, failing: int) -> None:
    match action:
        case "kill" | "cancel":
            model.end(node, normally=False)
        case "finish":
            model.end(node, normally=True)
        case "fail starts":
            node.failing = failing
        case "start":
            model.order_start(above, node)
        case "remove":
            model.order_stop(node, forget=True)
        case "stop" | "child stops":
            model.order_stop(node)
        case "restart" | "child restarts":
            model.order_restart(node)


class Game:
    """Everything is done to both, and compared after each step."""

    def __init__(self, root: Node, nursery: trio.Nursery) -> None:
        clock = trio.lowlevel.current_clock()
        assert isinstance(clock, trio.testing.MockClock)
        self.clock = clock
        self.root = root
        self.model, self.real = Model(root, WITHIN), Real(root, nursery)
        self.numbers = itertools.count(40)

    async def pass_time(self, seconds: float) -> None:
        until = self.model.now + seconds
        while self.model.now < until:
            step = min(self.model.next_due(), until) - self.model.now
            self.model.pass_time(step)
            self.clock.jump(step)
            await settle()

    def choose(self, action: str, pick: int, other: int, new: Any) -> tuple[Any, Any, Any] | None:
        """To whom it is done, by whom; None where there is nobody."""
        model = self.model
        if action == "start":
            alive = [each for each in self.root.supervisors() if model.alive(each)]
            return alive[pick % len(alive)], make_leaf(next(self.numbers), *new), None
        leaves = [each for each in model.leaves() if each.parent and model.alive(each.parent)]
        leaves = [each for each in leaves if each.parent and each in each.parent.present]
        if action in ENDS or action == "fail starts":
            leaves = [each for each in leaves if model.alive(each)]
        if not leaves:
            return None
        node = leaves[pick % len(leaves)]
        assert node.parent is not None
        actor = None
        if action.startswith("child"):
            present = node.parent.present
            actors = [each for each in present if not each.strategy and model.alive(each)]
            if not actors:
                return None
            actor = actors[other % len(actors)]
        return node.parent, node, actor

    def compare(self, before: dict[str, trio.lowlevel.Task], runs: dict[str, int]) -> None:
        model, real = self.model, self.real
        assert real.runs == {leaf.name: leaf.runs for leaf in model.leaves() if leaf.runs}
        alive = {leaf.name for leaf in model.leaves() if model.alive(leaf)}
        assert set(real.tasks) == alive
        for leaf in model.leaves():
            if leaf.name in alive and leaf.runs == runs.get(leaf.name):
                assert real.tasks[leaf.name] is before[leaf.name], "untouched, yet not the same"
        for above in self.root.supervisors():
            if model.alive(above):
                assert [
                    (child.name, child.state, child.restarts, child.next_restart)
                    for child in real.supervisors[above.name].children()
                ] == model.children(above)


async def play(root: Node, actions: list[Action]) -> bool:
    """Do it to both, and compare after each step. Returns whether the root gave up."""
    gave_up = False

    async def run(scope: trio.CancelScope) -> None:
        nonlocal gave_up
        try:
            with scope:
                await game.real.supervise(root)
        except GaveUp:
            gave_up = True

    async with trio.open_nursery() as nursery:
        game = Game(root, nursery)
        scope = trio.CancelScope()
        nursery.start_soon(run, scope)
        await settle()
        for action, pick, other, seconds, new in actions:
            before = dict(game.real.tasks)
            runs = {leaf.name: leaf.runs for leaf in game.model.leaves()}
            if action == "pass":
                await game.pass_time(seconds)
            elif chosen := game.choose(action, pick, other, new):
                above, node, actor = chosen
                try:
                    foresee(game.model, action, above, node, other)
                except RootGaveUp:
                    game.real.do(action, above, node, actor)
                    await settle()
                    assert gave_up
                    assert not game.real.tasks
                    return True
                game.real.do(action, above, node, actor)
            await settle()
            assert not gave_up
            game.compare(before, runs)
        scope.cancel()
    assert not game.real.tasks
    return False


@settings(max_examples=200, deadline=None)
@given(tree=trees(), actions=ACTIONS, seed=st.integers(0, 2**16))
def test_tree_does_what_the_model_says(tree: Node, actions: list[Action], seed: int) -> None:
    with schedule(seed):
        trio.run(play, tree, actions, clock=trio.testing.MockClock())
