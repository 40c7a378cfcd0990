"""Random programs under a supervisor, and what must be so in each of them at any moment.

A program is data: children, what each of their runs does, and what orders are given by whom and
when. Nothing foresees what comes of it; what is checked are the rules that hold whatever comes.
All times are multiples of a quarter of a second, so that much happens at one moment, and between
two such moments everything is at rest and can be looked at.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import trio

from echosvc.errors import (
    AlreadyExists,
    Conflict,
    GaveUp,
    NotFound,
    StartFailed,
    Unavailable,
)
from echosvc.supervision import (
    ChildInfo,
    ChildSpec,
    RestartPolicy,
    SupervisorEvent,
    open_supervisor,
)
from tests.supervision.helpers import Failure

TICK = 0.25
SELF = -1
TOO_MANY_RUNS = 5000
"""So many at one moment, and it is going round in circles."""


@dataclass(frozen=True)
class Order:
    verb: str
    whom: int
    """A child, by its place among the plans; or `SELF`."""
    patience: float = math.inf
    """After so long whoever gave it does not wait any more."""


@dataclass(frozen=True)
class Run:
    """What one run of a child does."""

    before: float = 0.0
    """So long until it says that it is up, if it says so."""
    start: str = "up"
    lasts: float = math.inf
    ends: str = "fails"
    order: Order | None = None
    """What it orders then, instead of ending."""
    shielded: bool = False
    """So that no cancellation gets at it while it orders."""
    cleanup: float = 0.0


@dataclass(frozen=True)
class Plan:
    """A child."""

    restart: str = "permanent"
    delay: float = 0.0
    max_attempts: int = 0
    says_ready: bool = False
    stop_timeout: float = 5.0
    runs: Sequence[Run] = ()
    """One for each start; after that it is simply there."""


@dataclass(frozen=True)
class Program:
    strategy: str
    plans: Sequence[Plan]
    max_restarts: int | None = None
    within: float = 4.0
    first: int = 0
    """So many of the children are started at the beginning."""
    drivers: Sequence[Iterable[tuple[float, Order]]] = ()
    """Tasks from outside: pauses, and the order that is given after each. They end when the block
    has been left."""
    lasts: float = 20.0
    cancelled: bool = False
    """Whether the block is cancelled then, or left."""

    @property
    def is_quiet(self) -> bool:
        """Nobody gives an order."""
        return not any(self.drivers) and not any(run.order for p in self.plans for run in p.runs)


@dataclass(eq=False)
class Body:
    """What is known of a child without asking its supervisor."""

    name: str
    plan: Plan
    runs: int = 0
    inside: bool = False
    is_up: bool = False
    told: bool = False
    """It was cancelled, and cleans up."""
    cancelled: bool = False
    """By an order to cancel, which for its supervisor is a failure."""
    asks: bool = False
    """It gives an order, which may have to undo something when it is cancelled."""
    shielded: bool = False
    """It gives an order, shielded from being cancelled."""
    how: str = ""
    """It ended last."""


@dataclass(eq=False)
class World:
    """A program that runs, and the faults that were found in it."""

    program: Program
    next_run: Callable[[Body], Run]
    faults: list[str] = field(default_factory=list)
    journal: list[tuple[str, Any]] = field(default_factory=list)
    bodies: dict[str, Body] = field(default_factory=dict)
    inside: set[str] = field(default_factory=set)
    begun: int = 0
    at_once: tuple[float, int] = (0.0, 0)
    ended: int = 0
    told: int = 0
    """Ends of runs that the supervisor told of."""
    restarts: list[float] = field(default_factory=list)
    last_word: dict[str, str] = field(default_factory=dict)
    open_orders: dict[str, int] = field(default_factory=dict)
    orders: int = 0
    gave_up: bool = False
    left: bool = False
    """The block has been left."""

    def fault(self, *words: object) -> None:
        self.faults.append(f"{trio.current_time():g}s: " + " ".join(map(str, words)))

    def note(self, what: str, about: Any) -> None:
        if self.program.is_quiet:
            self.journal.append((what, about))

    @property
    def together(self) -> bool:
        return self.program.strategy != "one_for_one"

    # -- children

    def spec(self, body: Body) -> ChildSpec:
        async def live() -> None:
            await self.live(body, trio.TASK_STATUS_IGNORED)

        async def live_and_say_so(*, task_status: trio.TaskStatus[None]) -> None:
            await self.live(body, task_status)

        plan = body.plan
        backoff = None
        if plan.delay:
            backoff = RestartPolicy(
                initial_delay=plan.delay,
                max_delay=plan.delay,
                jitter=0,
                max_attempts=plan.max_attempts,
            )
        return ChildSpec(
            body.name,
            live_and_say_so if plan.says_ready else live,
            restart=plan.restart,  # type: ignore[arg-type]  # a str of the program
            stop_timeout=plan.stop_timeout,
            backoff=backoff,
        )

    async def live(self, body: Body, task_status: trio.TaskStatus[None]) -> None:
        """Be a run of a child."""
        name = body.name
        if name in self.inside:
            self.fault(name, "runs twice")
        self.inside.add(name)
        self.begun += 1
        at, count = self.at_once
        now = trio.current_time()
        self.at_once = (now, count + 1 if at == now else 1)
        assert self.at_once[1] < TOO_MANY_RUNS, "it goes round in circles"
        body.runs += 1
        body.inside, body.is_up, body.told, body.cancelled = True, False, False, False
        run = self.next_run(body)
        body.how = "failed"
        self.note("begin", name)
        try:
            await self.be(body, run, task_status)
        except trio.Cancelled:
            body.told, body.how = True, "cancelled"
            self.note("told", name)
            with trio.CancelScope(shield=True):
                await trio.sleep(run.cleanup)
            raise
        finally:
            body.inside = False
            self.inside.discard(name)
            self.ended += 1
            self.note("end", name)

    async def be(self, body: Body, run: Run, task_status: trio.TaskStatus[None]) -> None:
        if body.plan.says_ready:
            await trio.sleep(run.before)
            if run.start == "fails":
                raise Failure(f"{body.name} does not start")
            if run.start == "returns":
                body.how = "returned"
                return
            task_status.started()
        body.is_up = True
        self.note("up", body.name)
        await trio.sleep(run.lasts)
        if run.order is not None:
            body.asks, body.shielded = True, run.shielded
            try:
                with trio.CancelScope(shield=run.shielded):
                    await self.give(run.order, body)
            finally:
                body.asks = body.shielded = False
            await trio.sleep_forever()
        if run.ends == "fails":
            raise Failure(body.name)
        body.how = "returned"

    # -- orders

    async def give(self, order: Order, by: Body | None = None) -> None:
        """Give an order, and see that it is refused where it must be and nowhere else."""
        if by is not None and order.whom == SELF:
            name = by.name
        else:
            name = f"c{order.whom % len(self.program.plans)}"
        with trio.move_on_after(order.patience):
            await trio.lowlevel.checkpoint_if_cancelled()
            self.orders += 1
            self.open_orders[name] = self.open_orders.get(name, 0) + 1
            try:
                await self.give_now(order.verb, name, by)
            finally:
                self.open_orders[name] -= 1

    async def give_now(self, verb: str, name: str, by: Body | None) -> None:
        sup = self.sup
        infos = {info.name: info for info in sup.children()}
        there = infos.get(name)
        others = self.open_orders[name] > 1
        waits_for_it = (
            self.together
            and by is not None
            and verb in ("start", "restart")
            and infos[by.name].state in ("starting", "stopping")
            and (by.name != name or verb == "start")
        )
        if verb == "cancel":
            if there is not None and self.bodies[name].inside:
                self.bodies[name].cancelled = there.state != "stopping"
                sup._children[name].cancel()
            return
        refused: Exception | None = None
        order: Callable[[], Awaitable[object]]
        if verb == "start":
            body = Body(name, self.program.plans[int(name[1:])])
            spec = self.spec(body)
            if there is None and not waits_for_it:
                self.bodies[name] = body
            order = functools.partial(sup.start, spec)
        else:
            order = functools.partial(getattr(sup, verb), name)
        if not waits_for_it and not sup.stopping and (there is None) == (verb == "start"):
            self.last_word[name] = verb
        try:
            await order()
        except (AlreadyExists, Conflict, NotFound, StartFailed, Unavailable) as exc:
            refused = exc
        match refused:
            case AlreadyExists():
                expected = verb == "start" and there is not None
            case NotFound():
                expected = there is None or (
                    verb == "restart" and (there.state == "stopping" or others)
                )
            case Conflict():
                expected = waits_for_it or (self.together and by is not None and by.shielded)
            case Unavailable():
                expected = sup.stopping
            case StartFailed():
                expected = verb in ("start", "restart")
            case None:
                expected = not waits_for_it or sup.stopping
                expected = expected and (there is None) == (verb == "start")
        if not expected:
            self.fault(f"to {verb} {name} gave {refused!r}, and it was {there}")

    # -- looking

    def heard(self, event: SupervisorEvent) -> None:
        """Count what the supervisor tells of."""
        if event.what in ("exited", "failed", "stopped"):
            self.told += 1
        if event.what not in ("exited", "failed"):
            return
        if event.decision == "give_up" or event.affected:
            children = self.sup.children()
            alive = {child.name for child in children if child.state in ("starting", "running")}
            self.note("decision", (event, alive - self.inside))
            self.restarts.append(event.at)
            counted = [at for at in self.restarts if at + self.program.within >= event.at]
            most = self.program.max_restarts
            if (most is not None and len(counted) > most) != (event.decision == "give_up"):
                self.fault(f"{event.decision} at {len(counted)} of {most} restarts")
        self.gave_up = self.gave_up or event.decision == "give_up"

    def look(self) -> None:
        """Compare what the supervisor says with what is so, when everything is at rest."""
        children = self.sup.children()
        names = [child.name for child in children]
        for body in self.bodies.values():
            if body.inside and body.name not in names:
                self.fault(f"{body.name} runs, and is not on the list {names}")
        for child in children:
            body = self.bodies[child.name]
            if not self.is_true(child, body, children):
                self.fault(f"{child} is not so: {body}, last told to", self.last_word)
            if child.restarts != max(body.runs - 1, 0):
                self.fault(f"{child.name} was started {body.runs} times: {child}")
            if not self.open_orders.get(child.name) and not self.sup.stopping:
                # Nobody waits for an order about it any more: then the last one is carried out.
                word = self.last_word.get(child.name)
                stopped = child.state in ("stopped", "stopping")
                if word in ("stop", "remove") and not stopped:
                    self.fault(f"{child.name} was told to {word}, and is {child.state}")
                if word in ("start", "restart") and child.state == "stopped":
                    self.fault(f"{child.name} was told to {word}, and is {child.state}")

    def is_true(self, child: ChildInfo, body: Body, every: Sequence[ChildInfo]) -> bool:
        now = trio.current_time()
        in_motion = any(
            each.state in ("starting", "stopping") and self.bodies[each.name].inside
            for each in every
        )
        wished = not body.told or body.cancelled
        if child.state != "backoff" and child.next_restart is not None:
            return False
        match child.state:
            case "running":
                return body.inside and body.is_up and wished
            case "starting":
                if body.inside:
                    return not body.is_up and wished
                if self.sup.stopping:
                    return True
                # It waits for its turn, which is somebody else's.
                waits = any(each.state == "backoff" for each in every) or in_motion
                return self.together and waits
            case "stopping":
                return body.inside and (body.told or body.asks)
            case "backoff":
                assert child.next_restart is not None
                due = child.next_restart >= now or (self.together and in_motion)
                return not body.inside and due
            case "exited":
                return not body.inside and body.how == "returned"
            case "failed":
                return not body.inside and body.how in ("failed", "cancelled", "returned")
            case "stopped":
                return not body.inside

    async def watch(self) -> None:
        await trio.sleep(TICK / 2)
        while True:
            self.look()
            await trio.sleep(TICK)

    # -- the program

    async def drive(self, script: Iterable[tuple[float, Order]]) -> None:
        for pause, order in script:
            await trio.sleep(pause)
            await self.give(order)
            if self.left:
                return

    async def run(self) -> None:
        program = self.program
        with trio.fail_after(100 * 3600):
            async with trio.open_nursery() as nursery:
                scope = trio.CancelScope()
                try:
                    with scope:
                        await self.supervise(nursery, scope)
                except GaveUp:
                    if not self.gave_up:
                        self.fault("it gave up, and told nobody")
                else:
                    if self.gave_up:
                        self.fault("it gave up, and did not raise that")
                self.left = True
                if self.inside:
                    self.fault("they run after the block:", self.inside)
                for child in self.sup.children():
                    if child.state not in ("stopped", "exited", "failed"):
                        self.fault("after the block there is", child)
        if self.told != self.ended or self.ended != self.begun:
            self.fault(f"{self.begun} runs began, {self.ended} ended, {self.told} were told of")
        if program.is_quiet:
            check_order(self)

    async def supervise(self, nursery: trio.Nursery, scope: trio.CancelScope) -> None:
        program = self.program
        async with open_supervisor(
            program.strategy,  # type: ignore[arg-type]  # a str of the program
            max_restarts=program.max_restarts,
            within=program.within,
        ) as self.sup:
            self.sup._news.listener = self.heard
            for script in program.drivers:
                nursery.start_soon(self.drive, script)
            async with trio.open_nursery() as watching:
                watching.start_soon(self.watch)
                for number in range(program.first):
                    await self.give(Order("start", number))
                await trio.sleep(program.lasts)
                self.note("closing", None)
                if program.cancelled:
                    scope.cancel()
                    await trio.sleep_forever()
                watching.cancel_scope.cancel()


def check_order(world: World) -> None:
    """See that groups, and all in the end, stop right to left and start left to right.

    Of a journal in which nobody gave orders but the first starts.
    """
    patient = all(  # none is still there when the next is stopped
        run.cleanup < plan.stop_timeout
        for plan in world.program.plans
        for run in (*plan.runs, Run())
    )
    names = [f"c{number}" for number in range(len(world.program.plans))]
    together = world.together
    inside: set[str] = set()
    up: set[str] = set()
    known: set[str] = set()
    group: list[str] = []  # that is restarted
    ending: list[str] = []  # that is stopped, before or instead
    told, begun = len(names), -1  # places of who was last told to end, and started
    again: set[str] = set()  # started since the last decision
    on_its_way: set[str] = set()  # started before it, without having come to its first step
    closing = False  # all are being stopped, though one may fail before the supervisor hears of it
    for what, about in world.journal:
        if what == "closing":
            closing, ending, told = True, names, len(names)
        elif what == "decision":
            event: SupervisorEvent
            event, on_its_way = about
            at = names.index(event.child)
            group = names if world.program.strategy == "one_for_all" else names[at:]
            ending = names if closing or event.decision == "give_up" else group
            if not set(event.affected) <= set(group):
                world.fault(f"{event.affected} are not {group}")
            told, begun, again = len(names), -1, set()
        elif what == "begin":
            place = names.index(about)
            if together and about in known and about not in on_its_way:
                if about not in group or place <= begun:
                    world.fault(f"{about} was started out of order, after {event}")
                if (inside & set(group)) - again or any(each not in up for each in again & inside):
                    world.fault(f"{about} was started while {inside} were there, {up} up")
                begun = place
                again.add(about)
            known.add(about)
            on_its_way.discard(about)
            inside.add(about)
        elif what == "up":
            up.add(about)
        elif what == "told":
            place = names.index(about)
            if together and patient:
                if about not in ending or place >= told:
                    world.fault(f"{about} was stopped out of order")
                if inside & set(names[place + 1 :]) & set(ending):
                    world.fault(f"{about} was stopped while {inside} were there")
            told = place
        elif what == "end":
            inside.discard(about)
            up.discard(about)


async def play(program: Program, next_run: Callable[[Body], Run] | None = None) -> World:
    """Run a program, and give what was found."""

    def planned(body: Body) -> Run:
        runs = body.plan.runs
        return runs[body.runs - 1] if body.runs <= len(runs) else Run()

    world = World(program, next_run or planned)
    await world.run()
    return world
