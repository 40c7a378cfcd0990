"""The supervisor: what it does when it is told to, and the tasks of its own."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Literal

import trio
from trio.lowlevel import enable_ki_protection

from echosvc._checks import (
    check_count,
    check_in_trio,
    check_instance,
    check_text,
    check_word,
    expected,
)
from echosvc._exceptions import is_a, text_of
from echosvc._supervision.child import Child, ChildInfo
from echosvc._supervision.events import News, SupervisorEvent
from echosvc._supervision.groups import raise_as_it_came, what_comes_out
from echosvc._supervision.intensity import Intensity
from echosvc._supervision.outcome import Outcome
from echosvc._supervision.recovery import Recoveries
from echosvc._supervision.runs import STOPPED, Runs
from echosvc._supervision.spec import STRATEGIES, ChildSpec, Strategy, parse_within
from echosvc._supervision.turns import Turn, Turns
from echosvc.channel import Channel
from echosvc.errors import AlreadyExists, Canceled, Error, NotFound, StartFailed, Unavailable
from echosvc.time import Duration


class Supervisor:
    """Keeps its children running; made by `open_supervisor`."""

    def __init__(
        self,
        name: str,
        strategy: Strategy,
        intensity: Intensity,
        rng: random.Random,
    ) -> None:
        self.name = name
        self.strategy = strategy
        self._children: dict[str, Child] = {}  # left to right
        self._opened = trio.Event()
        self._started = 0  # children, ever
        self._news = News(name)
        together = strategy != "one_for_one"
        self._runs = Runs(name, self._children, self._news, together=together)
        self._outcomes: dict[Outcome, None] = {}  # that somebody waits for
        self._recoveries = Recoveries(strategy, intensity, rng, self._runs)
        self._runs.decide = self._recoveries.decide

    def __repr__(self) -> str:
        return f"<supervisor {self.name} {self.strategy} with {len(self._children)} children>"

    @property
    def events(self) -> Channel[SupervisorEvent]:
        """What happens from the first access on, for one reader.

        The channel keeps 1,024 events; those that didn't fit are counted in an event ``gap``, in
        their place. It closes when all children have ended.
        """
        return self._news.open()

    @property
    def stopping(self) -> bool:
        """Whether it has begun to stop its children, and starts nothing any more."""
        return self._runs.closing.is_set()

    def children(self) -> tuple[ChildInfo, ...]:
        """Look at the children, left to right."""
        return tuple(child.info() for child in self._children.values())

    def child(self, name: str) -> ChildInfo | None:
        """Look at one child; `None` if there is none of this name."""
        child = self._children.get(name)
        return None if child is None else child.info()

    @enable_ki_protection
    async def start(self, spec: ChildSpec) -> Child:
        """Start a child, to the right of those there are, and wait until it is up.

        While a group is being restarted, and for the delay of that, this waits for its turn.

        Cancelled, the child is stopped again and forgotten.

        Raises:
            AlreadyExists: There is a child of this name, running or not.
            StartFailed: It ended before it was up; `__cause__` is why. It is forgotten.
            Unavailable: The supervisor is stopping.
            Conflict: A child of a group wants to start another one while it is itself starting or
                being stopped: each would wait for the other.
            Invalid: This is no `ChildSpec`.
        """
        check_instance(f"a child of {self.name}", spec, ChildSpec, "a ChildSpec")
        await self._check_open()
        if spec.name in self._children:
            raise AlreadyExists(f"{self.name} has a child {spec.name!r} already")
        self._runs.check_may_wait()
        child = self._children[spec.name] = Child(spec, self._started, self._turns())
        self._started += 1
        turn = Turn(child._turns, child, is_new=True)
        try:
            with self._runs.while_it_may_wait(turn.refuse):
                async with turn:
                    await self._bring_up(child)
        except BaseException:
            self._dismiss(child, "forget")
            with trio.CancelScope(shield=True):
                await self._runs.halt(child)
            raise
        return child

    @enable_ki_protection
    async def stop(self, name: str) -> None:
        """Stop a child and keep it: `restart` starts it again. Its state is ``stopped`` then.

        It is cancelled, and its cleanup waited for; one that is just starting too. One that has
        ended stays down when its group is restarted. A child may stop itself: it is cancelled
        here. A temporary child is forgotten, as in OTP, and so is one that has never been up.

        Cancelled, the child ends all the same; only the waiting stops.

        Raises:
            NotFound: There is no such child.
        """
        child = self._child(name)
        self._dismiss(child, "stop")
        await self._runs.halt(child)

    @enable_ki_protection
    async def restart(self, name: str) -> Child:
        """Stop a child if it runs, start it, and wait until it is up.

        This is nobody's failure: it doesn't count for `max_restarts`, others stay as they are, and
        the child's backoff begins anew. A child whose group is just being restarted is restarted
        with it, in its place. A child may restart itself: it is cancelled here.

        Cancelled, the child is restarted all the same; only the waiting stops.

        Raises:
            NotFound: There is no such child.
            StartFailed: It ended before it was up, and is left so. It is forgotten if it is a
                temporary child, or has never been up.
            Unavailable: The supervisor is stopping.
            Conflict: A child of a group wants to restart another one while it is itself starting
                or being stopped: each would wait for the other. If it is stopped only while it
                waits, the other is restarted all the same.
        """
        await self._check_open()
        child = self._child(name)
        if child._order == "forget":
            raise NotFound(f"{self.name} is removing its child {name!r}")
        is_within = self._runs.is_within(child)
        if not is_within:
            self._runs.check_may_wait()
        child._order = "restart"
        child._attempt = 0
        if child._life is not None:
            child._life.stop("its supervisor restarts it")
        else:
            child._rest()
        # In a task of the supervisor's own: a child that restarts itself is cancelled on the way.
        self._outcomes[outcome := Outcome()] = None
        self._runs.start_task(self._restart, child, outcome)
        if is_within:
            await trio.lowlevel.checkpoint()  # it cannot wait for its own end
            return child
        with self._runs.while_it_may_wait(outcome.settle):
            await outcome.wait()
        return child

    @enable_ki_protection
    async def _restart(self, child: Child, outcome: Outcome) -> None:
        error: Error | None = None
        try:
            async with Turn(child._turns, child, is_new=child._is_new):
                await self._start_again(child)
        except Error as exc:
            error = exc
        except trio.Cancelled:
            error = self._runs.closed()
            raise
        finally:
            if child._order == "restart" and self.stopping:  # nothing will come of it
                child._order = "stop"
                if child._life is None:
                    child._rest()
            outcome.settle(error)
            del self._outcomes[outcome]

    async def _start_again(self, child: Child) -> None:
        life = child._life
        if child._order == "run" and life is not None and life.is_up:
            return  # its group was restarted, or somebody else has ordered the same
        if child._recovery is not None:
            child._recovery.leave(child)
        await self._runs.halt(child, "its supervisor restarts it")
        try:
            await self._bring_up(child)
        except StartFailed:
            if child._life is None and child.spec.restart == "temporary":
                self._runs.forget(child)
            raise

    @enable_ki_protection
    async def remove(self, name: str) -> None:
        """Stop a child and forget it. A child may remove itself: it is cancelled here.

        Cancelled, the child ends all the same, and is forgotten then.

        Raises:
            NotFound: There is no such child.
        """
        child = self._child(name)
        self._dismiss(child, "forget")
        await self._runs.halt(child)

    def _dismiss(
        self, child: Child, order: Literal["stop", "forget"], why: BaseException | None = None
    ) -> None:
        """Tell a child to end, and whoever is about to start it that it is not to be started."""
        if child._order != "forget":  # after that no order counts
            child._order = order
        if child._recovery is not None:
            child._recovery.leave(child)
        child._turns.refuse(child, lambda: self._start_failed(child, why))
        if child._life is not None:
            child._life.stop(STOPPED)
            return
        child._rest()
        if child._order == "forget" or child._is_new or child.spec.restart == "temporary":
            self._runs.forget(child)

    def _turns(self) -> Turns:
        return Turns() if self.strategy == "one_for_one" else self._recoveries.turns

    async def _bring_up(self, child: Child) -> None:
        """Start a child whose turn it is, and wait until it is up."""
        await self._check_open()
        life = None
        if child._order in ("run", "restart"):
            life = await self._runs.launch(child)
            if life.is_up:
                return
        if life is None or life.error is None:
            await self._check_open()
            raise self._start_failed(child, None)
        cause, life.error = life.error, None
        self._news.tell(child.name, "failed", cause)
        if child._is_new:  # before it is anybody else's turn, so that all are told the same
            self._dismiss(child, "forget", cause)
        raise self._start_failed(child, cause)

    def _start_failed(self, child: Child, cause: BaseException | None) -> StartFailed:
        if cause is None:
            cause = Canceled("it was stopped while it was starting")
        message = f"child {child.name} of {self.name} did not start: {text_of(cause)}"
        retryable = cause.retryable if is_a(cause, Error) else None
        error = StartFailed(message, target=child.name, retryable=retryable)
        error.__cause__ = cause
        return error

    def _child(self, name: str) -> Child:
        child = self._children.get(name)
        if child is None:
            known = ", ".join(self._children) or "none"
            raise NotFound(f"{self.name} has no child {name!r} (children: {known})")
        return child

    async def _check_open(self) -> None:
        # A cancellation from outside closes the supervisor, and must not be told as a refusal.
        await trio.lowlevel.checkpoint_if_cancelled()
        self._runs.check_open()

    # -- its own tasks

    @enable_ki_protection
    async def _home(self, block: trio.CancelScope) -> None:
        """Hold the children: shielded, so that they are stopped in order and not all at once.

        Then end the block, if it is for a failure that they were stopped.
        """
        runs = self._runs
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as runs.nursery:
                self._opened.set()
                await runs.closing.wait()
                # Who waits for something that will not come is told before those are stopped for
                # whom it may be holding out.
                self._recoveries.close()
                self._recoveries.turns.refuse_all(runs.closed)
                for outcome in self._outcomes:
                    outcome.settle(runs.closed())
                await runs.halt_in_order(reversed(list(self._children.values())))
                runs.nursery.cancel_scope.cancel()
        self._news.close()
        if runs.failures:
            block.cancel("its supervisor has failed")

    @enable_ki_protection
    async def _sentinel(self) -> None:
        """Notice a cancellation from outside, which the shielded children do not see."""
        try:
            await trio.sleep_forever()
        finally:
            self._runs.closing.set()

    def _failure(
        self, own: BaseException | None, group: BaseException | None
    ) -> BaseException | None:
        """Give what the block raises: its own error, or what the supervisor failed of."""
        failures = self._runs.failures
        if is_a(own, Unavailable) and any(own.__cause__ is each for each in failures):
            own = None  # it was refused something because of a failure, which says more
        return what_comes_out(f"{self.name} has failed", own, group, failures)


def open_supervisor(
    strategy: Strategy = "one_for_one",
    *,
    children: Iterable[ChildSpec] = (),
    max_restarts: int | None = 3,
    within: Duration = "5s",
    name: str = "supervisor",
    rng: random.Random | None = None,
) -> AbstractAsyncContextManager[Supervisor]:
    """Keep tasks running for the time of the block.

    Args:
        strategy: Whom the failure of a child restarts. one_for_one: that child. one_for_all: all.
            rest_for_one: it and those started after it.
        children: What to start, left to right, before the block is entered.
        max_restarts: More restarts than this within the window, and the supervisor gives up; `None`
            for any number.
        within: The window. A restart exactly this long ago still counts.
        name: What it is called in errors, events and logs.
        rng: Where the jitter of restart delays comes from.

    Leaving the block stops the children, right to left. So does a cancellation from outside, and
    each child gets its cleanup. An exception of the block leaves it bare. Ctrl-C, in a child too,
    gets through when the children have been stopped.

    Raises:
        Invalid: An argument cannot be meant: a strategy that there is not, say, or a window that
            is none. At once, before the block.
        GaveUp: Too many restarts; the children have been stopped. `causes` has their errors.
        StartFailed: One of `children` did not come up; those before it have been stopped.
        Unavailable: It is entered where trio doesn't run, under asyncio say.

    Source: Erlang/OTP's supervisor, its strategies and their rules.
    """
    check_word("strategy", strategy, STRATEGIES)
    if max_restarts is not None:
        check_count("max_restarts", max_restarts)
    seconds = parse_within(within)
    check_text("name", name)
    if rng is not None:
        check_instance("rng", rng, random.Random, "a random.Random")
    try:
        specs = tuple(children)
    except TypeError:
        raise expected("children", "a list of ChildSpec", children) from None
    for spec in specs:
        check_instance("children", spec, ChildSpec, "a list of ChildSpec")
    return _opened(strategy, specs, Intensity(max_restarts, seconds), name, rng)


@asynccontextmanager
async def _opened(
    strategy: Strategy,
    children: tuple[ChildSpec, ...],
    intensity: Intensity,
    name: str,
    rng: random.Random | None,
) -> AsyncGenerator[Supervisor]:
    check_in_trio("open_supervisor")
    supervisor = Supervisor(name, strategy, intensity, rng or random.Random())
    own: BaseException | None = None
    group: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            # Not by `nursery.start`: cancelled there, the shielded home would never be told.
            nursery.start_soon(supervisor._home, nursery.cancel_scope)
            nursery.start_soon(supervisor._sentinel)
            try:
                await supervisor._opened.wait()
                for spec in children:
                    await supervisor.start(spec)
                yield supervisor
            except BaseException as exc:  # noqa: BLE001 - raised when the nursery is closed
                own = exc
            nursery.cancel_scope.cancel("the supervisor's block has ended")
    except BaseException as exc:  # noqa: BLE001 - raised below
        group = exc
    error = supervisor._failure(own, group)
    own = group = None
    if error is not None:
        raise_as_it_came(error)
