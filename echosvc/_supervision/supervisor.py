"""The supervisor: what it does when it is told to, and the tasks of its own."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager

import trio
from trio.lowlevel import enable_ki_protection

from echosvc._exceptions import is_a, text_of
from echosvc._supervision.child import Child, ChildInfo, Life
from echosvc._supervision.events import News, SupervisorEvent
from echosvc._supervision.groups import raise_as_it_came, what_comes_out
from echosvc._supervision.intensity import Intensity
from echosvc._supervision.recovery import Recoveries
from echosvc._supervision.runs import Runs
from echosvc._supervision.spec import STRATEGIES, ChildSpec, Strategy, parse_within
from echosvc.channel import Channel
from echosvc.errors import (
    AlreadyExists,
    Canceled,
    Conflict,
    Error,
    Invalid,
    NotFound,
    StartFailed,
    Unavailable,
)
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
        self._lock = trio.Lock()  # of all children together, where they restart together
        self._news = News(name)
        self._runs = Runs(name, self._children, self._news)
        self._recoveries = Recoveries(strategy, intensity, rng, self._runs, self._lock)
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

    async def start(self, spec: ChildSpec) -> Child:
        """Start a child, to the right of those there are, and wait until it is up.

        While a group is being restarted this waits for its turn.

        Cancelled, the child is stopped again and forgotten.

        Raises:
            AlreadyExists: There is a child of this name, running or not.
            StartFailed: It ended before it was up; `__cause__` is why. It is forgotten.
            Unavailable: The supervisor is stopping.
            Conflict: A child of a group wants to start another one while it is itself starting or
                being stopped: each would wait for the other.
        """
        await self._check_open()
        if spec.name in self._children:
            raise AlreadyExists(f"{self.name} has a child {spec.name!r} already")
        if self.strategy != "one_for_one":
            self._check_waiting_is_safe()
        lock = trio.Lock() if self.strategy == "one_for_one" else self._lock
        child = self._children[spec.name] = Child(spec, lock)
        child._ordered = True
        try:
            async with child._lock:
                child._ordered = False
                await self._start_now(child)
        except BaseException:
            child._forget = True
            child._wanted = False
            with trio.CancelScope(shield=True):
                await self._runs.halt(child)
            self._runs.forget(child)
            raise
        return child

    async def stop(self, name: str) -> None:
        """Stop a child and keep it: `restart` starts it again. One that is not running is let be.

        It is cancelled, and its cleanup waited for; one that is just starting too. A child may
        stop itself: it is cancelled here. A temporary child is forgotten, as in OTP.

        Cancelled, the child ends all the same; only the waiting stops.

        Raises:
            NotFound: There is no such child.
        """
        child = self._child(name)
        child._wanted = False
        self._recoveries.call_off(child)
        await self._runs.halt(child)

    async def restart(self, name: str) -> Child:
        """Stop a child if it runs, start it, and wait until it is up.

        This is nobody's failure: it doesn't count for `max_restarts`, others stay as they are, and
        the child's backoff begins anew. A child may restart itself: it is cancelled here.

        Cancelled, the child is restarted all the same; only the waiting stops.

        Raises:
            NotFound: There is no such child.
            StartFailed: It ended before it was up, and is left so.
            Unavailable: The supervisor is stopping.
            Conflict: A child of a group wants to restart another one while it is itself starting
                or being stopped: each would wait for the other.
        """
        child = self._child(name)
        await self._check_open()
        if not self._runs.is_within(child) and self.strategy != "one_for_one":
            self._check_waiting_is_safe()
        child._wanted = True
        child._attempt = 0
        self._recoveries.call_off(child)
        if child._life is not None:
            child._life.stop("its supervisor restarts it")
        # In a task of the supervisor's own: a child that restarts itself is cancelled on the way.
        outcome: Channel[Error | None] = Channel(1)
        self._runs.start_task(self._restart, child, outcome)
        if self._runs.is_within(child):
            await trio.lowlevel.checkpoint()  # it cannot wait for its own end
            return child
        try:
            error = await outcome.receive()
        except trio.EndOfChannel:
            await self._check_open()
            raise
        if error is not None:
            raise error
        return child

    @enable_ki_protection
    async def _restart(self, child: Child, outcome: Channel[Error | None]) -> None:
        try:
            async with child._lock:
                self._recoveries.call_off(child)
                await self._runs.halt(child)
                child.restarts += 1
                await self._start_now(child)
        except Error as error:
            outcome.send_nowait(error)
        else:
            outcome.send_nowait(None)
        finally:
            outcome.close()

    async def remove(self, name: str) -> None:
        """Stop a child and forget it. A child may remove itself: it is cancelled here.

        Cancelled, the child ends all the same, and is forgotten then.

        Raises:
            NotFound: There is no such child.
        """
        child = self._child(name)
        child._forget = True
        if child._life is None:
            self._recoveries.call_off(child)
            self._runs.forget(child)
            await trio.lowlevel.checkpoint()
        else:
            await self.stop(name)

    async def _start_now(self, child: Child) -> None:
        """Start a child and wait until it is up, for somebody who wants to know."""
        if child._forget:
            raise NotFound(f"{self.name} has no child {child.name!r} any more")
        await self._check_open()
        life = await self._runs.launch(child) if child._wanted else None
        if life is None or not life.is_up:
            await self._check_open()
            raise self._start_failed(child, life)

    def _start_failed(self, child: Child, life: Life | None) -> StartFailed:
        if life is None or life.error is None:
            cause: BaseException = Canceled("it was stopped while it was starting")
        else:
            cause, life.error = life.error, None
            self._news.tell(child.name, "failed", cause)
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

    def _check_waiting_is_safe(self) -> None:
        if why := self._runs.holds_up():
            raise Conflict(f"{self.name} waits for a child: {why}, and can start no other")

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
                self._recoveries.close()
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


@asynccontextmanager
async def open_supervisor(
    strategy: Strategy = "one_for_one",
    *,
    children: Iterable[ChildSpec] = (),
    max_restarts: int | None = 3,
    within: Duration = "5s",
    name: str = "supervisor",
    rng: random.Random | None = None,
) -> AsyncGenerator[Supervisor]:
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
        GaveUp: Too many restarts; the children have been stopped. `causes` has their errors.
        StartFailed: One of `children` did not come up; those before it have been stopped.
        Invalid: A strategy that there is not, or a window that is none.

    Source: Erlang/OTP's supervisor, its strategies and their rules.
    """
    if strategy not in STRATEGIES:
        raise Invalid(f"strategy is one of {', '.join(STRATEGIES)}, not {strategy!r}")
    if max_restarts is not None and max_restarts < 0:
        raise Invalid(f"max_restarts cannot be negative: {max_restarts!r}")
    supervisor = Supervisor(
        name, strategy, Intensity(max_restarts, parse_within(within)), rng or random.Random()
    )
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
