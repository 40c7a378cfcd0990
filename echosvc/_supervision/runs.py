"""The runs of a supervisor's children: how one begins, how it is ended, and how it ends."""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import trio
from trio.lowlevel import disable_ki_protection, enable_ki_protection

from echosvc._exceptions import begin_in_own_code, is_a
from echosvc._supervision.child import SHORTEST_REMINDER, Child, Life, current_life
from echosvc._supervision.events import Decision, News
from echosvc._tasks import (
    close_nurseries,
    is_cancelled,
    is_thrown_away,
    open_nurseries,
    sort_out,
)
from echosvc.errors import Canceled, Conflict, Internal, Unavailable

STOPPED: Final = "its supervisor stops it"
"""What a child is cancelled with when nobody gave another reason."""

Decide = Callable[[Child, BaseException | None, float | None], Decision]
"""Decides what follows from the end of a run that nobody asked for and that began then."""


class Runs:
    """Begins and ends the runs of children.

    Each run is a task of its own, which ends normally whatever happened in it. So a child may stop,
    restart or cancel anything, itself too, without waiting for itself.
    """

    def __init__(
        self, name: str, children: dict[str, Child], news: News, *, together: bool
    ) -> None:
        self.name = name
        self.together = together  # they are restarted together, and wait for each other's start
        self.children = children  # left to right
        self.news = news
        self.decide: Decide = _undecided
        self.nursery: trio.Nursery | None = None
        self.closing = trio.Event()  # from then on nothing is started
        self.failures: list[BaseException] = []  # what is raised when all have ended
        # Children start with the context variables of who opened the supervisor, and not of
        # whoever happens to start or restart one.
        self._context = contextvars.copy_context()

    def check_open(self) -> None:
        """Refuse to start anything while it is stopping."""
        if self.closing.is_set() or self.nursery is None:
            raise self.closed()

    def closed(self) -> Unavailable:
        """Make the error for what is not done any more because it is stopping."""
        error = Unavailable(f"{self.name} is stopping; it starts nothing any more")
        error.__cause__ = self.failures[0] if self.failures else None
        return error

    def fail(self, error: BaseException) -> None:
        """Stop all children in order, and raise this out of the block then."""
        self.failures.append(error)
        self.closing.set()

    def start_task(self, fn: Callable[..., Awaitable[object]], *args: Any) -> None:
        """Start a task with the supervisor's context variables, whoever calls this."""
        assert self.nursery is not None
        self._context.run(self.nursery.start_soon, fn, *args)

    # -- one run

    def begin(self, child: Child, *, awaited: bool = False) -> Life:
        """Start a run. Every run of every child begins here.

        With `awaited` the caller waits until it is up, and decides what follows if it isn't.
        """
        self.check_open()
        if child._life is not None:
            raise Internal(f"child {child.name} of {self.name} runs already")
        if child._order not in ("run", "restart"):
            raise Internal(f"child {child.name} of {self.name} was told to {child._order}")
        if child._has_begun:
            child.restarts += 1
        child._has_begun = True
        child._order = "run"  # a restart that was ordered is this one
        child._life = life = Life(child, self._is_up)
        life.awaited = awaited
        child.state = "starting"
        child.started_at = life.began
        if not child._wants_status:
            life.started()
        self.start_task(self._run, child, life)
        return life

    async def launch(self, child: Child) -> Life:
        """Start a run and wait until it is up, or has ended before it was.

        A restart that is ordered meanwhile is done at once.
        """
        while True:
            life = self.begin(child, awaited=True)
            if not child._wants_status:
                await trio.lowlevel.checkpoint()
                return life
            life.settled = trio.Event()
            try:
                await life.settled.wait()
            except BaseException:
                self.tell_untold(life, "leave")
                raise
            if life.is_up or child._order != "restart" or self.closing.is_set():
                return life
            self.tell_untold(life, "restart")

    def tell_untold(self, life: Life, decision: Decision) -> None:
        """Tell of a start that has failed, where whoever waited for it never hears of it."""
        if life.error is not None:
            self.news.tell(life.child.name, "failed", life.error, decision)
            life.error = None

    async def halt(self, child: Child, reason: str = STOPPED, *, go_on: bool = False) -> bool:
        """Cancel a child's run for this reason, if there is one, and wait for its end.

        With `go_on` it is waited for no longer than its `stop_timeout`. Tells whether it has ended.

        Cancelled, it ends all the same.
        """
        life = child._life
        if life is None:
            await trio.lowlevel.checkpoint()
            return True
        life.stop(reason)
        if self.is_within(child):
            await trio.lowlevel.checkpoint()  # it cannot wait for its own end
            return False
        timeout = child._stop_timeout
        patient_until = life.stopped_at + timeout
        while not life.has_ended:
            at = min(life.remind_at, patient_until) if go_on else life.remind_at
            with trio.move_on_at(at):
                await life.wait_ended()
                return True
            now = trio.current_time()
            if now >= life.remind_at:  # nobody else has just told
                # A task cannot be abandoned: it still holds what it holds. So it is waited for,
                # and named until it goes.
                life.remind_at = now + max(timeout, SHORTEST_REMINDER)
                self.news.stuck(child.name, now - life.stopped_at)
            if go_on and now >= patient_until:
                return False
        return True

    async def halt_in_order(self, children: Iterable[Child], reason: str = STOPPED) -> None:
        """Stop several, one after the other, and wait until all have ended.

        One that hangs keeps the next from being stopped for its `stop_timeout`, and no longer.

        Args:
            children: In the order in which they are stopped.
            reason: What each is cancelled with.
        """
        hanging = [child for child in children if not await self.halt(child, reason, go_on=True)]
        for child in hanging:
            await self.halt(child)

    def is_within(self, child: Child) -> bool:
        """Whether the current task is part of the current run of this child."""
        return any(life is child._life for life in _lives())

    def check_may_wait(self) -> None:
        """Refuse to wait for other children in a run for which they wait.

        Raises:
            Conflict: The current task is part of a child that is still starting, or being stopped.
        """
        for life in self._own_lives():
            if not life.is_up or life.stopping:
                raise self._conflict(life)

    @contextmanager
    def while_it_may_wait(self, refuse: Callable[[Conflict], None]) -> Iterator[None]:
        """Have something refused when others begin to wait for who waits in this block.

        That is, when a child which the current task is part of is stopped. It may be shielded from
        being cancelled, and then each would wait for the other.
        """

        def stopped(life: Life) -> None:
            refuse(self._conflict(life))

        lives = self._own_lives()
        for life in lives:
            life.waits.append(stopped)
        try:
            yield
        finally:
            for life in lives:
                life.waits.remove(stopped)

    def _conflict(self, life: Life) -> Conflict:
        how = "is being stopped" if life.stopping else "is still starting"
        return Conflict(
            f"{self.name} waits for a child: {life.child.name} {how}, and can start no other"
        )

    def _own_lives(self) -> list[Life]:
        """Give the runs of this supervisor's children that the current task is part of.

        None where children don't wait for each other.
        """
        if not self.together:
            return []
        return [life for life in _lives() if self.children.get(life.child.name) is life.child]

    def forget(self, child: Child) -> None:
        """Take a child that has ended off the list."""
        child._order = "forget"
        if self.children.get(child.name) is child:
            del self.children[child.name]

    def _is_up(self, child: Child) -> None:
        self.news.tell(child.name, "started")

    @enable_ki_protection
    async def _run(self, child: Child, life: Life) -> None:
        """Be the task of one run."""
        task = trio.lowlevel.current_task()
        raised: BaseException | None = None
        left_open: BaseException | None = None
        life.outer = current_life.get()
        current_life.set(life)
        try:
            with life.scope:
                try:
                    await _call(child, life)
                except BaseException as exc:  # noqa: BLE001 - it is kept, told and decided upon
                    begin_in_own_code(exc)
                    raised = exc
        except BaseException as exc:  # noqa: BLE001 - it has left a scope open in ours
            left_open = exc
        is_plain = raised is None or is_a(raised, Exception)  # what most are, and nobody else's
        if raised is not None and not is_plain and _goes_through(raised, task):
            raise raised  # the supervisor is cancelled itself, and decides nothing any more
        if nurseries := open_nurseries(task):
            await close_nurseries(nurseries)
        try:
            if not is_plain or left_open is not None:
                raised = self._error(child, life, raised, left_open)
            self._ended(child, life, raised)
        except Exception as exc:  # noqa: BLE001 - raised when all have been stopped in order
            self.fail(exc)  # somebody else's code: a policy's `final`, say
        finally:
            life.end()
            del raised, left_open  # their tracebacks hold this frame

    def _error(
        self, child: Child, life: Life, *raised: BaseException | None
    ) -> BaseException | None:
        """Give what a run has failed with; Ctrl-C and the like end the supervisor, too."""
        found: BaseException | None = None
        for error in raised:
            if error is None:
                continue
            ended = sort_out(error, cancelled=life.scope.cancel_called or is_cancelled())
            if ended.through is not None:
                # Not for a supervisor to keep: raised when all have been stopped in order.
                self.fail(ended.through)
            if found is None:
                found = ended.own if ended.own is not None else ended.through
            if found is None:
                found = Canceled(f"child {child.name} was cancelled")
        return found

    def _ended(self, child: Child, life: Life, error: BaseException | None) -> None:
        child._life = None
        if error is not None and not (life.stopping and is_a(error, Canceled)):
            child.last_error = error
        if life.stopping:
            child._rest()
            is_kept = child._order != "forget" and not child._is_new
            if child._order != "restart" and (not is_kept or child.spec.restart == "temporary"):
                self.forget(child)
            self.news.tell(child.name, "stopped", None if is_a(error, Canceled) else error)
        elif life.is_up or not life.awaited:
            child.state = "exited" if error is None else "failed"
            if life.is_up:
                self.decide(child, error, life.began)
            else:
                self.decide(child, not_up(child) if error is None else error, None)
        else:
            child.state = "failed"
            life.error = not_up(child) if error is None else error


def not_up(child: Child) -> BaseException:
    """Say of a child that returned without a word that this is no way to start."""
    return Canceled(f"child {child.name} returned before it was up")


def _goes_through(error: BaseException, task: trio.lowlevel.Task) -> bool:
    """Whether a run was thrown away, or cancelled by what is around it, and nothing else."""
    if is_thrown_away(error, task):
        return True
    ended = sort_out(error, cancelled=True)
    return is_cancelled() and ended.own is None and ended.through is None


def _undecided(child: Child, error: BaseException | None, began: float | None) -> Decision:
    raise AssertionError("nobody decides")


def _lives() -> list[Life]:
    """The runs that the current task is part of, innermost first.

    A task that a child has started elsewhere outlives its run, and is then no part of it.
    """
    found = []
    life = current_life.get()
    while life is not None:
        if not life.has_ended:
            found.append(life)
        life = life.outer
    return found


@disable_ki_protection
async def _call(child: Child, life: Life) -> None:
    spec = child.spec
    if child._wants_status:
        await spec.fn(*spec.args, task_status=life)
    else:
        await spec.fn(*spec.args)
