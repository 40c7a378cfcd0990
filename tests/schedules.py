"""Other orders of tasks than the one that trio happens to choose."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from random import Random
from typing import Any

import trio

from echosvc._channel import seats
from echosvc._channel.run import SeededRun


@contextlib.contextmanager
def schedule(seed: int) -> Iterator[None]:
    """Let each `trio.run` in this block choose what runs next by a seed.

    Draw one in a property test and give it here, and the schedule is part of the example, and
    shrinks with it. Both of those who choose are told: trio, and the seats of processes, which hand
    over to each other without it.
    """
    with _tasks(seed), _seats(seed):
        yield


@contextlib.contextmanager
def _tasks(seed: int) -> Iterator[None]:
    """Let trio shuffle its runnable tasks.

    It reverses each batch of tasks or doesn't, by a generator of its own; under hypothesis it
    shuffles them, but always from the same seed. This is the one place that knows trio's private
    names for it; where they are missing, it does nothing.
    """
    run: Any = trio._core._run
    generator = getattr(run, "_r", None)
    if generator is None or not hasattr(run, "_ALLOW_DETERMINISTIC_SCHEDULING"):
        yield
        return
    state, shuffles = generator.getstate(), run._ALLOW_DETERMINISTIC_SCHEDULING
    generator.seed(seed)
    run._ALLOW_DETERMINISTIC_SCHEDULING = True
    try:
        yield
    finally:
        generator.setstate(state)
        run._ALLOW_DETERMINISTIC_SCHEDULING = shuffles


@contextlib.contextmanager
def _seats(seed: int) -> Iterator[None]:
    """Step seats in any order, and end slices anywhere."""
    before = seats.make_run
    seats.make_run = functools.partial(SeededRun, random=Random(seed))
    try:
        yield
    finally:
        seats.make_run = before
