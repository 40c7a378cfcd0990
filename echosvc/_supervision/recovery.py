"""What follows from the end of a child's run: who is restarted, when, and when it is too much."""

from __future__ import annotations

import random
from collections.abc import Iterator

import trio
from trio.lowlevel import enable_ki_protection

from echosvc._exceptions import text_of
from echosvc._supervision.child import Child, Recovery
from echosvc._supervision.events import Decision, What
from echosvc._supervision.intensity import Intensity
from echosvc._supervision.runs import Runs
from echosvc._supervision.spec import RestartPolicy, Strategy
from echosvc._supervision.turns import Turn, Turns
from echosvc.errors import Error, GaveUp
from echosvc.time import parse_duration


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
    ) -> None:
        self._strategy = strategy
        self._intensity = intensity
        self._rng = rng
        self._runs = runs
        self._children = runs.children
        self._open: dict[Recovery, None] = {}
        self.turns = Turns(self._is_whole)  # of all children together, where they restart together

    def decide(self, child: Child, error: BaseException | None, began: float | None) -> Decision:
        """Decide what follows from the end of a run that nobody asked for, and begin to do it.

        The run began at that time; None if it never was up.
        """
        what: What = "exited" if error is None else "failed"
        if child.spec.restart == "temporary":
            self._runs.news.tell(child.name, what, error, "leave")
            self._runs.forget(child)
            return "leave"
        if self._is_left(child, error, began):
            self._runs.news.tell(child.name, what, error, "leave")
            return "leave"
        if (joined := self._about_to_restart(child)) is not None:
            # Two at once: it would have been stopped and restarted anyway. One restart, as in OTP.
            joined.enter(child)
            delay = max(0.0, joined.due - trio.current_time())
            self._runs.news.tell(child.name, what, error, "restart", delay)
            return "restart"
        cause = error if error is not None else Error(f"child {child.name} returned")
        if not self._allows(cause):
            self._runs.news.tell(child.name, what, error, "give_up")
            self._give_up(child, cause)
            return "give_up"
        policy = child.spec.backoff
        child._attempt += 1
        delay = 0.0 if policy is None else policy.delay(child._attempt, self._rng)
        names: tuple[str, ...] = ()
        if self._runs.news.is_heard:
            names = tuple(each.name for each in self._affected(child))
        self._runs.news.tell(child.name, what, error, "restart", delay, names)
        if self._strategy == "one_for_one" and not delay:
            self._runs.begin(child)
        else:
            recovery = Recovery(child, delay, is_alone=self._strategy == "one_for_one")
            self._open[recovery] = None
            recovery.enter(child)
            self._runs.start_task(self._recover, recovery)
        return "restart"

    def close(self) -> None:
        """Restart nothing any more."""
        for recovery in self._open:
            _release(recovery)

    # -- deciding

    def _is_left(self, child: Child, error: BaseException | None, began: float | None) -> bool:
        """Whether it stays as it is. Notes in passing when it has proved stable."""
        policy = child.spec.backoff
        if policy is not None and began is not None:
            stable = parse_duration(policy.stable_threshold)
            if trio.current_time() - began > stable:
                child._attempt = 0
        if self._runs.closing.is_set() or (child.spec.restart == "transient" and error is None):
            return True
        if policy is None:
            return False
        if error is not None and self._is_final(policy, error):
            return True
        return bool(policy.max_attempts) and child._attempt >= policy.max_attempts

    def _allows(self, cause: BaseException) -> bool:
        """Count a restart, where they are counted; False if it is one too many."""
        intensity = self._intensity
        return intensity.max_restarts is None or intensity.allows(trio.current_time(), cause)

    def _is_final(self, policy: RestartPolicy, error: BaseException) -> bool:
        if policy.final is None:
            return False
        try:
            return bool(policy.final(error))
        except Exception as exc:  # noqa: BLE001 - raised when all have been stopped in order
            self._runs.fail(exc)  # who cannot decide can keep nothing running
            return True

    def _about_to_restart(self, child: Child) -> Recovery | None:
        """Give the recovery of others that is still to stop and restart this child too."""
        for recovery in self._open:
            if not recovery.halted and self._reaches(recovery.child, child):
                return recovery
        return None

    def _reaches(self, failed: Child, other: Child) -> bool:
        """Whether the group that is restarted when one fails has the other in it."""
        if self._strategy == "one_for_one":
            return other is failed
        return self._strategy == "one_for_all" or other._number >= failed._number

    def _affected(self, child: Child) -> list[Child]:
        """Whom the strategy restarts when this child has failed, left to right."""
        if self._strategy == "one_for_one":
            return [child]
        every = [each for each in self._children.values() if self._reaches(child, each)]
        return [each for each in every if each is child or self._takes_part(each)]

    def _takes_part(self, child: Child) -> bool:
        """Whether a child is restarted with its group.

        One that was told to stop, or that has failed for good, stays as it is; one that has
        returned is started again, as in OTP. A new one whose turn has not come is none of the
        group's yet.
        """
        if child._order not in ("run", "restart") or child.state == "failed":
            return False
        return child._life is not None or not child._is_new

    def _is_whole(self) -> bool:
        """Whether nobody is down only because its group is being restarted."""
        return not any(recovery.has_begun for recovery in self._open)

    def _give_up(self, child: Child, cause: BaseException) -> None:
        name, intensity = self._runs.name, self._intensity
        failure = GaveUp(
            f"{name} gave up: more than {intensity.max_restarts} restarts within "
            f"{intensity.within:g}s, the last for {child.name}: {text_of(cause)}",
            causes=intensity.causes(),
        )
        failure.__cause__ = cause
        self._runs.news.tell(child.name, "gave_up", cause)
        self._runs.fail(failure)

    # -- doing

    @enable_ki_protection
    async def _recover(self, recovery: Recovery) -> None:
        """Restart what is to be restarted after one failure."""
        try:
            if self._strategy == "one_for_one":
                await self._wait_until_due(recovery)
                if recovery.waiting and not self._runs.closing.is_set():
                    recovery.leave(recovery.child)
                    self._runs.begin(recovery.child)
                return
            async with Turn(self.turns):
                recovery.has_begun = True
                await self._runs.halt_in_order(
                    self._others(recovery), f"restarted together with {recovery.child.name}"
                )
                recovery.halted = True
                if recovery.due <= trio.current_time():  # in one go: all else comes after it
                    await self._start_waiting(recovery)
                    return
            await self._wait_until_due(recovery)
            async with Turn(self.turns):
                await self._start_waiting(recovery)
        finally:
            _release(recovery)  # the supervisor stops, if there is still anybody
            del self._open[recovery]
            self.turns.look()

    async def _wait_until_due(self, recovery: Recovery) -> None:
        with recovery.scope:
            if recovery.waiting:
                await trio.sleep_until(recovery.due)

    def _others(self, recovery: Recovery) -> Iterator[Child]:
        """Yield whom to stop for a recovery, right to left, each when its turn has come.

        Each is claimed by it first: whatever ends or tells it from then on finds that it waits.
        """
        for other in reversed(self._affected(recovery.child)):
            if self._runs.closing.is_set():
                return  # all are stopped, and nobody waits for anything
            if other is not recovery.child and self._takes_part(other):
                if other.spec.restart != "temporary" or other._order == "restart":
                    recovery.enter(other)
                yield other

    async def _start_waiting(self, recovery: Recovery) -> None:
        """Start those who wait for this recovery, left to right, each when the one before is up."""
        for child in [each for each in self._children.values() if each in recovery.waiting]:
            if self._runs.closing.is_set() or child not in recovery.waiting:
                continue
            if (next_one := self._about_to_restart(child)) is not None:
                # It would be stopped again at once. All to its right wait with it.
                self._pass_on(recovery, next_one)
                return
            recovery.leave(child)
            life = await self._runs.launch(child)
            if life.is_up or life.stopping:
                continue
            if child._order != "run":  # it was told to stop, after it had failed and before this
                self._runs.tell_untold(life, "leave")
                continue
            # The failure of a start is one more failure, by the same rules. Those to the right of
            # it wait for what follows from it; without a restart of it they go on without it.
            self.decide(child, life.error, None)
            if child._recovery is not None:
                self._pass_on(recovery, child._recovery)
                return

    def _pass_on(self, recovery: Recovery, following: Recovery) -> None:
        """Let those who still wait for a recovery wait for the next one."""
        following.has_begun = True
        for child in tuple(recovery.waiting):
            following.enter(child)


def _release(recovery: Recovery) -> None:
    """Let nobody wait for this any more."""
    for child in tuple(recovery.waiting):
        recovery.leave(child)
        if child._life is None:
            child._rest()
