"""What follows from the end of a child's run: who is restarted, when, and when it is too much."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

import trio
from trio.lowlevel import enable_ki_protection

from echosvc._exceptions import text_of
from echosvc._supervision.child import Child
from echosvc._supervision.events import Decision, What
from echosvc._supervision.intensity import Intensity
from echosvc._supervision.runs import Runs
from echosvc._supervision.spec import Strategy
from echosvc.errors import Error, GaveUp
from echosvc.time import parse_duration

OUT_OF_PLAY: Final = ("stopped", "failed")
"""States of children that stay as they are when others are restarted: stopped on purpose, or
failed for good. One that has returned is started again with its group, as in OTP."""


class Recovery:
    """One failure, and the children that wait to be started after it."""

    __slots__ = ("child", "delay", "halted", "scope", "waiting")

    def __init__(self, child: Child, delay: float) -> None:
        self.child = child
        self.delay = delay
        self.halted = False  # those who are to be restarted with it have ended
        self.scope = trio.CancelScope()  # of the delay
        self.waiting: dict[Child, None] = {}


class Recoveries:
    """Decides what follows from the ends of runs, and does it.

    A decision is made and told at once. A restart that is not immediate, or concerns several, is
    done by a task of its own.
    """

    def __init__(
        self,
        strategy: Strategy,
        intensity: Intensity,
        rng: random.Random,
        runs: Runs,
        lock: trio.Lock,
    ) -> None:
        self._strategy = strategy
        self._intensity = intensity
        self._rng = rng
        self._runs = runs
        self._children = runs.children
        self._lock = lock  # of all children together, where they restart together
        self._open: dict[Recovery, None] = {}

    def decide(self, child: Child, error: BaseException | None, lived: float) -> Decision:
        """Decide what follows from the end of a run that nobody asked for, and begin to do it."""
        what: What = "exited" if error is None else "failed"
        if child.spec.restart == "temporary":
            self._runs.news.tell(child.name, what, error, "leave")
            self._runs.forget(child)
            return "leave"
        if self._is_left(child, error, lived):
            self._runs.news.tell(child.name, what, error, "leave")
            return "leave"
        if (joined := self._about_to_restart(child)) is not None:
            # Two at once: it would have been stopped and restarted anyway. One restart, as in OTP.
            self._enter(child, joined)
            self._runs.news.tell(child.name, what, error, "restart", joined.delay)
            return "restart"
        cause = error if error is not None else Error(f"child {child.name} returned")
        if not self._intensity.allows(trio.current_time(), cause):
            self._runs.news.tell(child.name, what, error, "give_up")
            self._give_up(child, cause)
            return "give_up"
        policy = child.spec.backoff
        child._attempt += 1
        delay = 0.0 if policy is None else policy.delay(child._attempt, self._rng)
        names = tuple(each.name for each in self._affected(child))
        self._runs.news.tell(child.name, what, error, "restart", delay, names)
        if self._strategy == "one_for_one" and not delay:
            self._begin_again(child)
        else:
            recovery = Recovery(child, delay)
            self._open[recovery] = None
            self._enter(child, recovery)
            self._runs.start_task(self._recover, recovery)
        return "restart"

    def call_off(self, child: Child) -> None:
        """Take a child out of what would restart it."""
        for recovery in tuple(self._open):
            recovery.waiting.pop(child, None)
            if recovery.halted and not recovery.waiting:
                recovery.scope.cancel("nobody waits for it any more")
        child._next_restart = None
        if child.state == "backoff":
            child.state = "stopped"

    def close(self) -> None:
        """Restart nothing any more."""
        for recovery in self._open:
            recovery.scope.cancel("the supervisor stops")

    # -- deciding

    def _is_left(self, child: Child, error: BaseException | None, lived: float) -> bool:
        """Whether it stays as it is. Notes in passing when it has proved stable."""
        policy = child.spec.backoff
        if policy is not None and lived > parse_duration(policy.stable_threshold):
            child._attempt = 0
        if self._runs.closing.is_set() or (child.spec.restart == "transient" and error is None):
            return True
        if policy is None:
            return False
        if error is not None and policy.final is not None and policy.final(error):
            return True
        return bool(policy.max_attempts) and child._attempt >= policy.max_attempts

    def _about_to_restart(self, child: Child) -> Recovery | None:
        """Give the recovery of others that is still to stop and restart this child too."""
        if self._strategy == "one_for_one":
            return None
        for recovery in self._open:
            if not recovery.halted and self._reaches(recovery.child, child):
                return recovery
        return None

    def _is_overtaken(self, recovery: Recovery) -> bool:
        """Whether another recovery that has not begun yet is to restart the same child too."""
        return any(
            other is not recovery
            and not other.halted
            and self._reaches(other.child, recovery.child)
            for other in self._open
        )

    def _reaches(self, failed: Child, other: Child) -> bool:
        """Whether the group that is restarted when one fails has the other in it."""
        if self._strategy == "one_for_all":
            return True
        every = list(self._children.values())
        return failed in every and every.index(other) > every.index(failed)

    def _affected(self, child: Child) -> list[Child]:
        """Whom the strategy restarts when this child has failed, left to right."""
        if self._strategy == "one_for_one":
            return [child]
        every = list(self._children.values())
        if self._strategy == "rest_for_one" and child in every:
            every = every[every.index(child) :]
        return [each for each in every if each is child or self._takes_part(each)]

    def _takes_part(self, child: Child) -> bool:
        return child._wanted and not child._ordered and child.state not in OUT_OF_PLAY

    def _give_up(self, child: Child, cause: BaseException) -> None:
        name, intensity = self._runs.name, self._intensity
        failure = GaveUp(
            f"{name} gave up: more than {intensity.max_restarts} restarts within "
            f"{intensity.within:g}s, the last for {child.name}: {text_of(cause)}",
            causes=intensity.causes(),
        )
        failure.__cause__ = cause
        self._runs.failures.append(failure)
        self._runs.news.tell(child.name, "gave_up", cause)
        self._runs.closing.set()

    # -- doing

    def _begin_again(self, child: Child) -> None:
        child.restarts += 1
        self._runs.begin(child)

    @enable_ki_protection
    async def _recover(self, recovery: Recovery) -> None:
        """Restart what is to be restarted after one failure."""
        try:
            if self._strategy != "one_for_one":
                async with self._lock:
                    await self._halt_others(recovery)
                    recovery.halted = True
                    # In one go, so that no start slips in between; but not what another failure of
                    # the same moment is about to restart as well: that would be twice.
                    if not recovery.delay and not self._is_overtaken(recovery):
                        await self._start_waiting(recovery)
                        return
            recovery.halted = True
            with recovery.scope:
                if recovery.waiting and recovery.delay:
                    await trio.sleep(recovery.delay)
            if self._strategy == "one_for_one":
                if recovery.child in recovery.waiting and not self._runs.closing.is_set():
                    self._begin_again(recovery.child)
            elif recovery.waiting:
                async with self._lock:
                    await self._start_waiting(recovery)
        finally:
            del self._open[recovery]

    async def _halt_others(self, recovery: Recovery) -> None:
        """Stop the others that the strategy restarts, right to left, and let them wait too."""

        def ended(other: Child) -> None:
            if other.spec.restart == "temporary":
                self._runs.forget(other)
            elif other._wanted:
                self._enter(other, recovery)

        reason = f"restarted together with {recovery.child.name}"
        await self._runs.halt_in_order(self._called_off(recovery), ended, reason)

    def _called_off(self, recovery: Recovery) -> Iterator[Child]:
        """Yield whom to stop for a recovery, right to left, each when its turn has come."""
        for other in reversed(self._affected(recovery.child)):
            if other is not recovery.child and self._takes_part(other):
                self.call_off(other)
                yield other

    async def _start_waiting(self, recovery: Recovery) -> None:
        """Start those who wait for this recovery, left to right, each when the one before is up."""
        for child in [each for each in self._children.values() if each in recovery.waiting]:
            if self._runs.closing.is_set() or child not in recovery.waiting:
                continue
            del recovery.waiting[child]
            child.restarts += 1
            life = await self._runs.launch(child)
            if life.is_up or life.stopping:
                continue
            # The failure of a start is one more failure, by the same rules. Those to the right of
            # it wait for what follows from it; without a restart of it they go on without it.
            if self.decide(child, life.error, 0.0) == "restart":
                self._pass_on(recovery, child)
                return

    def _pass_on(self, recovery: Recovery, failed: Child) -> None:
        """Let those who still wait for a recovery that has failed wait for the next one."""
        following = next(each for each in self._open if failed in each.waiting)
        left = list(recovery.waiting)
        recovery.waiting.clear()
        for child in left:
            self._enter(child, following)

    def _enter(self, child: Child, recovery: Recovery) -> None:
        recovery.waiting[child] = None
        child.state = "backoff"
        child._next_restart = trio.current_time() + recovery.delay
