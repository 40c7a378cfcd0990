"""How long a task may go on receiving before it lets the others run.

A pass through trio's scheduler costs several times as much as handing over a value, so a receive
that finds a value ready does without. A loop of them would then keep every other task, every
timer and Ctrl-C waiting for as long as there are values. Therefore such operations share a slice
of time, as Erlang's processes share reductions: once it is used up, the next one yields.

The slice belongs to the thread and not to the task: whoever finds it used up yields, and a new
one begins. A task can then be asked to yield on behalf of another's work, which costs it one pass
in a millisecond, and no operation has to find out who is running.
"""

from __future__ import annotations

import threading
from typing import Final

import trio

SLICE_SECONDS: Final = 0.001
"""A task that never waits lets others run this often."""

SLICE_OPERATIONS: Final = 1024
"""And at least once in so many operations: a virtual clock stands still while a task runs."""


class _Slice(threading.local):
    ends = 0.0
    operations = 0


_slice = _Slice()


def slice_is_used_up() -> bool:
    """Count one operation; tell whether the caller has to yield now."""
    now = trio.current_time()
    operations = _slice.operations = _slice.operations + 1
    # Each run has its own clock, so an end that another run set can lie anywhere: one that is
    # further away than a slice is not of this run.
    if now < _slice.ends <= now + SLICE_SECONDS and operations < SLICE_OPERATIONS:
        return False
    _slice.ends = now + SLICE_SECONDS
    _slice.operations = 0
    return True
