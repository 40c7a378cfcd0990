"""Other orders of tasks than the one that trio happens to choose."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import trio


@contextlib.contextmanager
def schedule(seed: int) -> Iterator[None]:
    """Let each `trio.run` in this block shuffle its runnable tasks by a seed.

    trio reverses each batch of tasks or doesn't, by a generator of its own; under hypothesis it
    shuffles them, but always from the same seed. Draw one and give it here, and the schedule is
    part of the example, and shrinks with it. This is the one place that knows trio's private names
    for it; where they are missing, it does nothing.
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
