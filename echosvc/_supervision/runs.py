"""The runs of a supervisor's children: how one begins, how it is ended, and how it ends."""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import trio
from trio.lowlevel import disable_ki_protection, enable_ki_protection

from echosvc._exceptions import begin_in_own_code, is_a
from echosvc._supervision.child import Child, Life, current_life
from echosvc._supervision.events import Decision, News
from echosvc._tasks import (
    close_nurseries,
    is_cancelled,
    is_thrown_away,
    open_nurseries,
    sort_out,
)
from echosvc.errors import Canceled, Unavailable
from echosvc.time import parse_duration

STOPPED: Final = "its supervisor stops it"
"""What a child is cancelled with when nobody gave another reason."""

SHORTEST_REMINDER: Final = 1.0
"""Seconds between two reminders of a child that doesn't end, however short its `stop_timeout`."""

Decide = Callable[[Child, BaseException | None, float], Decision]
"""Decides what follows from the end of a run that nobody asked for and that has lasted so long."""


class Runs:
    """Begins and ends the runs of children.

    Each run is a task of its own, which ends normally whatever happened in it. So a child may stop,
    restart or cancel anything, itself too, without waiting for itself.
    """

    def __init__(self, name: str, children: dict[str, Child], news: News) -> None:
        self.name = name
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
            why = self.failures[0] if self.failures else None
            raise Unavailable(f"{self.name} is stopping; it starts nothing any more") from why

    def start_task(self, fn: Callable[..., Awaitable[object]], *args: Any) -> None:
        """Start a task with the supervisor's context variables, whoever calls this."""
        assert self.nursery is not None
        self._context.run(self.nursery.start_soon, fn, *args)

    # -- one run

    def begin(self, child: Child, *, awaited: bool = False) -> Life:
        """Start a run. With `awaited` the caller waits until it is up, and decides if it isn't."""
        self.check_open()
        child._life = life = Life(child, self._is_up)
        life.awaited = awaited
        child.state = "starting"
        child.started_at = life.began
        child._next_restart = None
        if not child._wants_status:
            life.started()
        self.start_task(self._run, child, life)
        return life

    async def launch(self, child: Child) -> Life:
        """Start a run and wait until it is up, or has ended before it was."""
        life = self.begin(child, awaited=True)
        if not child._wants_status:
            await trio.lowlevel.checkpoint()
            return life
        life.settled = trio.Event()
        await life.settled.wait()
        if not life.is_up:
            await life.wait_ended()
        return life

    async def halt(self, child: Child, reason: str = STOPPED, *, go_on: bool = False) -> bool:
        """Cancel a child's run for this reason, if there is one, and wait for its end.

        With `go_on` it is waited for no longer than its `stop_timeout`. Tells whether it has ended.

        Cancelled, it ends all the same.
        """
        life = child._life
        if life is None:
            if child.state == "backoff":
                child.state = "stopped"
            await trio.lowlevel.checkpoint()
            return True
        life.stop(reason)
        if self.is_within(child):
            await trio.lowlevel.checkpoint()  # it cannot wait for its own end
            return False
        patience = max(parse_duration(child.spec.stop_timeout), SHORTEST_REMINDER)
        while not life.has_ended:
            with trio.move_on_at(life.reminded + patience):
                await life.wait_ended()
                return True
            if trio.current_time() >= life.reminded + patience:  # nobody else has just told
                # A task cannot be abandoned: it still holds what it holds. So it is waited for,
                # and named until it goes.
                life.reminded = trio.current_time()
                self.news.stuck(child.name, life.reminded - life.stopped_at)
            if go_on:
                return False
        return True

    async def halt_in_order(
        self,
        children: Iterable[Child],
        ended: Callable[[Child], object] | None = None,
        reason: str = STOPPED,
    ) -> None:
        """Stop several, one after the other, and wait until all have ended.

        One that hangs keeps the next from being stopped for its `stop_timeout`, and no longer.

        Args:
            children: In the order in which they are stopped.
            ended: Is called with each when it has ended.
            reason: What each is cancelled with.
        """
        hanging = []
        for child in children:
            if not await self.halt(child, reason, go_on=True):
                hanging.append(child)
            elif ended is not None:
                ended(child)
        for child in hanging:
            await self.halt(child)
            if ended is not None:
                ended(child)

    def is_within(self, child: Child) -> bool:
        """Whether the current task is part of the current run of this child."""
        return any(life is child._life for life in _lives())

    def holds_up(self) -> str:
        """Name the child which the current task is part of, and which others now wait for.

        It may not wait for others in turn.
        """
        for life in _lives():
            if self.children.get(life.child.name) is life.child:
                if not life.is_up:
                    return f"{life.child.name} is still starting"
                if life.stopping:
                    return f"{life.child.name} is being stopped"
        return ""

    def forget(self, child: Child) -> None:
        """Take a child off the list."""
        child._forget = True
        child._wanted = False
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
        if raised is not None and (is_thrown_away(raised, task) or _only_cancelled_here(raised)):
            raise raised  # the supervisor is cancelled itself, and decides nothing any more
        if nurseries := open_nurseries(task):
            await close_nurseries(nurseries)
        try:
            self._ended(child, life, self._error(child, life, raised, left_open))
        finally:
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
                self.failures.append(ended.through)
                self.closing.set()
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
            child.state = "stopped"
            if child._forget or (child.spec.restart == "temporary" and not child._wanted):
                self.forget(child)
            self.news.tell(child.name, "stopped", None if is_a(error, Canceled) else error)
        elif life.is_up or not life.awaited:
            child.state = "exited" if error is None else "failed"
            lived = trio.current_time() - life.began if life.is_up else 0.0
            self.decide(child, not_up(child) if error is None and not life.is_up else error, lived)
        else:
            child.state = "failed"
            life.error = not_up(child) if error is None else error
        life.end()


def not_up(child: Child) -> BaseException:
    """Say of a child that returned without a word that this is no way to start."""
    return Canceled(f"child {child.name} returned before it was up")


def _only_cancelled_here(error: BaseException) -> bool:
    """Whether a run was cancelled by what is around it, and nothing else."""
    ended = sort_out(error, cancelled=True)
    return is_cancelled() and ended.own is None and ended.through is None


def _undecided(child: Child, error: BaseException | None, lived: float) -> Decision:
    raise AssertionError("nobody decides")


def _lives() -> list[Life]:
    """The runs that the current task is part of, innermost first."""
    found = []
    life = current_life.get()
    while life is not None:
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
