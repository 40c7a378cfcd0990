"""The supervisor: starts children in order, restarts them by its strategy, stops them in reverse.

Each run of a child is a task of its own (`_run`), which ends normally whatever happened in it. What
follows from a failure is decided at once (`_decide`) and done by another task (`_recover`), so that
a child may stop, restart or cancel anything, itself too, without waiting for itself.
"""

from __future__ import annotations

import contextvars
import logging
import random
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Final

import trio

from echosvc._supervision.child import Child, ChildInfo, Life
from echosvc._supervision.events import Decision, EventChannel, SupervisorEvent, What
from echosvc._supervision.groups import alone
from echosvc._supervision.intensity import Intensity
from echosvc._supervision.spec import STRATEGIES, ChildSpec, Strategy, parse_within
from echosvc.channel import Channel
from echosvc.errors import (
    AlreadyExists,
    Canceled,
    Error,
    GaveUp,
    Invalid,
    NotFound,
    StartFailed,
    Unavailable,
)
from echosvc.time import Duration, parse_duration

log = logging.getLogger("echosvc.supervision")

SHORTEST_REMINDER: Final = 1.0
"""Seconds between two reminders of a child that doesn't end, however short its `stop_timeout`."""


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
        self._intensity = intensity
        self._rng = rng
        # Children start with the context variables of who opened the supervisor, and not of
        # whoever happens to start or restart one.
        self._context = contextvars.copy_context()
        self._children: dict[str, Child] = {}  # left to right
        self._lock = trio.Lock()  # of all children together, where they restart together
        self._recoveries: dict[_Recovery, None] = {}
        self._nursery: trio.Nursery | None = None
        self._closing = trio.Event()
        self._failure: BaseException | None = None
        self._events: EventChannel | None = None

    def __repr__(self) -> str:
        return f"<supervisor {self.name} {self.strategy} with {len(self._children)} children>"

    # -- for users

    @property
    def events(self) -> Channel[SupervisorEvent]:
        """What happens from the first access on, for one reader.

        The channel keeps 1,024 events; those that didn't fit are counted in an event ``gap``. It
        closes with the supervisor.
        """
        if self._events is None:
            self._events = EventChannel()
        return self._events

    def children(self) -> tuple[ChildInfo, ...]:
        """Look at the children, left to right."""
        return tuple(child.info() for child in self._children.values())

    async def start(self, spec: ChildSpec) -> Child:
        """Start a child, to the right of those there are, and wait until it is up.

        Cancelled, the child is stopped again and forgotten.

        Raises:
            AlreadyExists: There is a child of this name, running or not.
            StartFailed: It ended before it was up; `__cause__` is why. It is forgotten.
            Unavailable: The supervisor is stopping.
        """
        self._check_open()
        if spec.name in self._children:
            raise AlreadyExists(f"{self.name} has a child {spec.name!r} already")
        lock = trio.Lock() if self.strategy == "one_for_one" else self._lock
        child = self._children[spec.name] = Child(spec, lock)
        try:
            async with child._lock:
                self._check_open()
                await self._launch(child)
        except BaseException:
            with trio.CancelScope(shield=True):
                await self._halt(child)
            self._forget(child)
            raise
        return child

    async def stop(self, name: str) -> None:
        """Stop a child and keep it: `restart` starts it again. One that is not running is let be.

        It is cancelled, and its cleanup waited for. A child may stop itself: it is cancelled here.

        Cancelled, the child ends all the same; only the waiting stops.

        Raises:
            NotFound: There is no such child.
        """
        child = self._child(name)
        async with child._lock:
            self._leave_recovery(child)
            await self._halt(child)

    async def restart(self, name: str) -> Child:
        """Stop a child if it runs, start it, and wait until it is up.

        This is nobody's failure: it doesn't count for `max_restarts`, and others stay as they are.
        A child may restart itself: it is cancelled here.

        Cancelled, the child is restarted all the same; only the waiting stops.

        Raises:
            NotFound: There is no such child.
            StartFailed: It ended before it was up, and is left so.
            Unavailable: The supervisor is stopping.
        """
        child = self._child(name)
        self._check_open()
        assert self._nursery is not None
        # In a task of the supervisor's own: a child that restarts itself is cancelled on the way.
        outcome: Channel[Error | None] = Channel(1)
        self._context.run(self._nursery.start_soon, self._restart, child, outcome)
        try:
            error = await outcome.receive()
        except trio.EndOfChannel:
            error = Unavailable(f"{self.name} has stopped before it restarted {name}")
        if error is not None:
            raise error
        return child

    async def _restart(self, child: Child, outcome: Channel[Error | None]) -> None:
        try:
            async with child._lock:
                self._leave_recovery(child)
                await self._halt(child)
                child.restarts += 1
                await self._launch(child)
        except Error as error:
            outcome.send_nowait(error)
        else:
            outcome.send_nowait(None)
        finally:
            outcome.close()

    async def remove(self, name: str) -> None:
        """Stop a child and forget it.

        Raises:
            NotFound: There is no such child.
        """
        child = self._child(name)
        await self.stop(name)
        self._forget(child)

    # -- one run of a child

    async def _launch(self, child: Child) -> None:
        """Start a run, and wait until it is up."""
        if child._removed:
            raise NotFound(f"{self.name} has no child {child.name!r} any more")
        life = self._begin(child)
        if not child._wants_status:
            await trio.lowlevel.checkpoint()
        else:
            await life.settled.wait()
        if not life.is_up:
            await life.ended.wait()
            cause = life.error
            why = f"{type(cause).__name__}: {cause}" if cause else "it returned before it was up"
            message = f"child {child.name} of {self.name} did not start: {why}"
            retryable = cause.retryable if isinstance(cause, Error) else None
            raise StartFailed(message, target=child.name, retryable=retryable) from cause

    def _begin(self, child: Child) -> Life:
        self._check_open()
        assert self._nursery is not None
        child._life = life = Life(child, self._is_up)
        child.state = "starting"
        child.started_at = life.began
        child._next_restart = None
        if not child._wants_status:
            life.started()
        self._context.run(self._nursery.start_soon, self._run, child, life)
        return life

    def _is_up(self, child: Child) -> None:
        self._tell(child, "started")

    async def _run(self, child: Child, life: Life) -> None:
        """Be the task of one run."""
        spec = child.spec
        error: BaseException | None = None
        returned = False
        try:
            with life.scope:
                if child._wants_status:
                    await spec.fn(*spec.args, task_status=life)
                else:
                    await spec.fn(*spec.args)
                returned = True
        except Exception as exc:  # noqa: BLE001 - it is kept, told and decided upon
            error = exc
        if error is None and not returned:
            error = Canceled(f"child {child.name} was cancelled")
        self._ended(child, life, error)

    def _ended(self, child: Child, life: Life, error: BaseException | None) -> None:
        child._life = None
        life.error = error
        was_up = life.is_up
        life.ended.set()
        life.settled.set()
        if error is not None and not (life.stopping and isinstance(error, Canceled)):
            child.last_error = error
        if life.stopping:
            child.state = "stopped"
            self._tell(child, "stopped", error=child.last_error if error else None)
        elif not was_up:
            # Whoever starts it is told, and decides.
            child.state = "failed"
            self._tell(child, "failed", error=error)
        else:
            child.state = "exited" if error is None else "failed"
            self._decide(child, error, trio.current_time() - life.began)

    # -- what follows from an end

    def _decide(self, child: Child, error: BaseException | None, lived: float) -> None:
        """Decide what follows from the end of a run that nobody asked for; done by `_recover`."""
        what: What = "exited" if error is None else "failed"
        spec = child.spec
        policy = spec.backoff
        if spec.restart == "temporary":
            self._tell(child, what, error=error, decision="leave")
            self._forget(child)
            return
        if policy is not None and lived > parse_duration(policy.stable_threshold):
            child._attempt = 0
        if (
            self._closing.is_set()
            or (spec.restart == "transient" and error is None)
            or (
                policy is not None and policy.max_attempts and child._attempt >= policy.max_attempts
            )
            or (policy is not None and error and policy.final is not None and policy.final(error))
        ):
            self._tell(child, what, error=error, decision="leave")
            return
        cause = error if error is not None else Error(f"child {child.name} returned")
        if not self._intensity.allows(trio.current_time(), cause):
            self._tell(child, what, error=error, decision="give_up")
            self._give_up(child, cause)
            return
        child._attempt += 1
        delay = 0.0 if policy is None else policy.delay(child._attempt, self._rng)
        affected = self._affected(child)
        recovery = _Recovery(child, delay)
        self._recoveries[recovery] = None
        self._enter_recovery(child, recovery)
        names = tuple(each.name for each in affected)
        self._tell(child, what, error=error, decision="restart", delay=delay, affected=names)
        assert self._nursery is not None
        self._context.run(self._nursery.start_soon, self._recover, recovery)

    def _affected(self, child: Child) -> list[Child]:
        """Whom the strategy restarts when this child has failed, left to right."""
        if self.strategy == "one_for_one":
            return [child]
        every = list(self._children.values())
        return every if self.strategy == "one_for_all" else every[every.index(child) :]

    async def _recover(self, recovery: _Recovery) -> None:
        """Restart what is to be restarted after one failure."""
        child = recovery.child
        with recovery.scope:
            if self.strategy != "one_for_one":
                async with self._lock:
                    await self._halt_others(recovery)
            if recovery.delay:
                await trio.sleep(recovery.delay)
            async with child._lock:
                await self._start_waiting(recovery)
        self._recoveries.pop(recovery, None)

    async def _halt_others(self, recovery: _Recovery) -> None:
        """Stop the others that the strategy restarts, right to left, and let them wait too."""
        for other in reversed(self._affected(recovery.child)):
            if other is recovery.child or other.state == "stopped":
                continue  # what was stopped on purpose stays so
            self._leave_recovery(other)
            await self._halt(other)
            if other.spec.restart == "temporary":
                self._forget(other)
            else:
                self._enter_recovery(other, recovery)

    async def _start_waiting(self, recovery: _Recovery) -> None:
        """Start those who wait for this recovery, left to right."""
        for child in [each for each in self._children.values() if each in recovery.waiting]:
            if self._closing.is_set() or child not in recovery.waiting:
                continue
            del recovery.waiting[child]
            child.restarts += 1
            try:
                await self._launch(child)
            except StartFailed as exc:
                # The failure of a start is one more failure, by the same rules. Who was to start
                # after it waits for that.
                self._decide(child, exc.__cause__ or exc, 0.0)
                self._pass_on(recovery, child)
                return

    def _pass_on(self, recovery: _Recovery, failed: Child) -> None:
        """Let those who still wait for a recovery that has failed wait for the next one."""
        left = list(recovery.waiting)
        recovery.waiting.clear()
        following = next((r for r in self._recoveries if failed in r.waiting), None)
        for child in left:
            if following is not None:
                following.waiting[child] = None
            else:
                child.state = "failed"

    def _enter_recovery(self, child: Child, recovery: _Recovery) -> None:
        recovery.waiting[child] = None
        child.state = "backoff"
        child._next_restart = trio.current_time() + recovery.delay

    def _leave_recovery(self, child: Child) -> None:
        """Take a child out of what would restart it; who then restarts nobody is called off."""
        for recovery in tuple(self._recoveries):
            if recovery.waiting.pop(child, "no") is None and not recovery.waiting:
                del self._recoveries[recovery]
                recovery.scope.cancel()
        child._next_restart = None
        if child.state == "backoff":
            child.state = "stopped"

    def _give_up(self, child: Child, cause: BaseException) -> None:
        intensity = self._intensity
        self._failure = GaveUp(
            f"{self.name} gave up: more than {intensity.max_restarts} restarts within "
            f"{intensity.within:g}s, the last for {child.name}: {type(cause).__name__}: {cause}",
            causes=intensity.causes(),
        )
        self._failure.__cause__ = cause
        self._tell(child, "gave_up", error=cause)
        self._closing.set()

    # -- stopping

    async def _halt(self, child: Child) -> None:
        """Cancel a child's run, and wait for its end."""
        life = child._life
        if life is None:
            if child.state == "backoff":
                child.state = "stopped"
            return
        life.stopping = True
        child.state = "stopping"
        life.scope.cancel("its supervisor stops it")
        since = trio.current_time()
        timeout = parse_duration(child.spec.stop_timeout)
        while not life.ended.is_set():
            with trio.move_on_after(max(timeout, SHORTEST_REMINDER)):
                await life.ended.wait()
                return
            # A task cannot be abandoned: it still holds what it holds. So it is waited for, and
            # named until it goes.
            self._tell(child, "stuck")
            waited = trio.current_time() - since
            fields = {"supervisor": self.name, "child": child.name, "waited": round(waited, 3)}
            log.warning("a child that was stopped does not end", extra={"fields": fields})

    def _forget(self, child: Child) -> None:
        child._removed = True
        if self._children.get(child.name) is child:
            del self._children[child.name]

    def _child(self, name: str) -> Child:
        child = self._children.get(name)
        if child is None:
            known = ", ".join(self._children) or "none"
            raise NotFound(f"{self.name} has no child {name!r} (children: {known})")
        return child

    def _check_open(self) -> None:
        if self._closing.is_set() or self._nursery is None:
            raise Unavailable(f"{self.name} is stopping; it starts nothing any more")

    def _tell(
        self,
        child: Child,
        what: What,
        *,
        error: BaseException | None = None,
        decision: Decision = "",
        delay: float = 0.0,
        affected: tuple[str, ...] = (),
    ) -> None:
        if self._events is not None:
            now = trio.current_time()
            self._events.offer(
                SupervisorEvent(self.name, child.name, what, now, error, decision, delay, affected)
            )

    # -- its own tasks

    async def _home(self, task_status: trio.TaskStatus[None]) -> None:
        """Hold the children: shielded, so that they are stopped in order and not all at once."""
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as self._nursery:
                task_status.started()
                await self._closing.wait()
                for recovery in self._recoveries:
                    recovery.scope.cancel()
                for child in reversed(list(self._children.values())):
                    await self._halt(child)
                self._nursery.cancel_scope.cancel()
        if self._events is not None:
            self._events.close()
        if self._failure is not None:
            raise self._failure

    async def _sentinel(self) -> None:
        """Notice a cancellation from outside, which the shielded children do not see."""
        try:
            await trio.sleep_forever()
        finally:
            self._closing.set()


class _Recovery:
    """One failure, and the children that wait to be started after it."""

    __slots__ = ("child", "delay", "scope", "waiting")

    def __init__(self, child: Child, delay: float) -> None:
        self.child = child
        self.delay = delay
        self.scope = trio.CancelScope()
        self.waiting: dict[Child, None] = {}


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
        within: The window.
        name: What it is called in errors, events and logs.
        rng: Where the jitter of restart delays comes from.

    Leaving the block stops the children, right to left. So does a cancellation from outside, and
    each child gets its cleanup. An exception of the block leaves it bare. Ctrl-C gets through.

    Raises:
        GaveUp: Too many restarts; the children have been stopped. `causes` has their errors.
        StartFailed: One of `children` did not come up; those before it have been stopped.
        Invalid: A strategy that there is not, or a window that is none.

    Source: Erlang/OTP's supervisor, its strategies and its defaults.
    """
    if strategy not in STRATEGIES:
        raise Invalid(f"strategy is one of {', '.join(STRATEGIES)}, not {strategy!r}")
    if max_restarts is not None and max_restarts < 0:
        raise Invalid(f"max_restarts cannot be negative: {max_restarts!r}")
    supervisor = Supervisor(
        name, strategy, Intensity(max_restarts, parse_within(within)), rng or random.Random()
    )
    error: BaseException
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(supervisor._home)
            nursery.start_soon(supervisor._sentinel)
            for spec in children:
                await supervisor.start(spec)
            yield supervisor
            nursery.cancel_scope.cancel("the supervisor's block has ended")
        return
    except BaseExceptionGroup as group:
        error = alone(group)
    raise error
