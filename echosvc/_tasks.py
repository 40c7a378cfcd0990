"""How somebody's code ends in a task of ours: what it failed with, and what it left open.

A task that runs somebody's code keeps to itself whatever that raises: were it to come out of the
task, it would end the nursery and everything else in it. So it is caught *inside* the task's cancel
scope, before trio asks anything of it, and `sort_out` says what is to be made of it.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import trio
from trio.lowlevel import Task

from echosvc._channel.seats import forget_nurseries, shut
from echosvc._exceptions import can_be_shown, group_message, is_a, leaves
from echosvc.errors import Internal

THROUGH: Final = (KeyboardInterrupt, SystemExit)
"""What ends the program, and so goes through whatever it is raised in."""


class Ended(NamedTuple):
    """What code ended with that raised something."""

    own: BaseException | None
    """What it failed with."""
    through: BaseException | None
    """Ctrl-C, or `SystemExit`: the whole program is to end."""
    cancelled: bool
    """It was cancelled."""


def sort_out(error: BaseException, *, cancelled: bool) -> Ended:
    """Tell what code failed with from what only went through it; in a group there may be both.

    Args:
        error: What it raised.
        cancelled: Whether the code was cancelled, by its own scope or one around it. If it was not,
            a `trio.Cancelled` in the error is the code's own failure: it was kept, and raised when
            the scope that it belongs to had been left.
    """
    if is_a(error, Exception):  # in an ExceptionGroup, too, are only these
        return Ended(error, None, cancelled=False)
    found = leaves(error)
    through = [leaf for leaf in found if is_a(leaf, THROUGH)]
    stray = [leaf for leaf in found if is_a(leaf, trio.Cancelled)]
    own: BaseException | None = error
    if len(through) + len(stray) == len(found):
        own = None
    elif through or stray:
        own = _without(error, (*THROUGH, trio.Cancelled))
    if stray and not cancelled and own is None and not through:
        own = Internal("a trio.Cancelled was raised outside of the scope that it belongs to")
        own.__cause__ = stray[0]
    through.sort(key=lambda leaf: not is_a(leaf, KeyboardInterrupt))
    return Ended(own, through[0] if through else None, cancelled=bool(stray) and cancelled)


def _without(group: BaseException, kinds: tuple[type[BaseException], ...]) -> BaseException:
    """Give a group without the errors of these classes; there are others in it."""
    rest: BaseException | None = None
    if is_a(group, BaseExceptionGroup) and can_be_shown(group):
        try:
            rest = BaseExceptionGroup.split(group, kinds)[1]
        except BaseException:  # noqa: BLE001 - too deep, or somebody's own `derive` raises
            rest = None
    if rest is None:
        others = [leaf for leaf in leaves(group) if not is_a(leaf, kinds)]
        rest = BaseExceptionGroup(group_message(group), others)
    return rest


def is_cancelled() -> bool:
    """Whether the current task is cancelled where it is."""
    return trio.current_effective_deadline() == -math.inf


def is_thrown_away(error: BaseException, task: Task) -> bool:
    """Whether this is not an error, but Python closing a coroutine whose run is over."""
    if not is_a(error, GeneratorExit):
        return False
    try:
        return trio.lowlevel.current_task() is not task
    except RuntimeError:
        return True


def open_nurseries(task: Task) -> tuple[trio.Nursery, ...]:
    """Give what nurseries the code in a task has left open: an abandoned async generator does."""
    return tuple(task.child_nurseries)


async def close_nurseries(nurseries: tuple[trio.Nursery, ...]) -> None:
    """Close nurseries that the current task has left open: cancel and wait for what runs in them.

    To trio it is an error of the parent's nursery when a task ends inside of one.
    """
    for nursery in nurseries:
        # At once, before the generator is closed from another task: that would wait in our place.
        nursery.cancel_scope.cancel("the code that opened this nursery has left it open")
        shut(nursery)
    exits = _Exits(nurseries)
    trio.lowlevel.add_instrument(exits)
    try:
        with trio.CancelScope(shield=True):
            await exits.wait()
    finally:
        trio.lowlevel.remove_instrument(exits)
        forget_nurseries(trio.lowlevel.current_task())


class _Exits(trio.abc.Instrument):
    """Waits until all tasks of some nurseries have ended."""

    def __init__(self, nurseries: tuple[trio.Nursery, ...]) -> None:
        self._nurseries = nurseries
        self._over = trio.Event()

    def task_exited(self, task: Task) -> None:
        if self._are_empty():
            self._over.set()

    def _are_empty(self) -> bool:
        return not any(nursery.child_tasks for nursery in self._nurseries)

    async def wait(self) -> None:
        if not self._are_empty():
            await self._over.wait()
