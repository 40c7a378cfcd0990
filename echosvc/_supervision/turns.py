"""Who may start and stop children that belong together: one at a time, first come, first served."""

from __future__ import annotations

from collections.abc import Callable

import trio


class Turns:
    """The queue for one group of children; under one_for_one each child has one of its own.

    A trio lock would do, but for two things. A new child waits besides until the group is whole:
    its start must not slip in while others, to its left, wait for their restart. And an order that
    was overtaken by a later one leaves the queue at once, and doesn't wait to be told so.

    Args:
        is_whole: Tells whether a new child may be started as far as the group is concerned.
    """

    __slots__ = ("_holder", "_is_whole", "_queue")

    def __init__(self, is_whole: Callable[[], bool] | None = None) -> None:
        self._is_whole = is_whole
        self._queue: dict[Turn, None] = {}
        self._holder: Turn | None = None

    def look(self) -> None:
        """Give the turn to the first that may have it, if nobody has it."""
        if self._holder is None and self._queue:
            for turn in self._queue:
                if not turn.is_new or self._is_whole is None or self._is_whole():
                    del self._queue[turn]
                    self._holder = turn
                    turn.wake()
                    return

    def refuse(self, owner: object, error: Callable[[], Exception]) -> None:
        """Let those who wait for a turn on behalf of this owner fail, each with its own error."""
        for turn in [each for each in self._queue if each.owner is owner]:
            turn.refuse(error())

    def refuse_all(self, error: Callable[[], Exception]) -> None:
        """Let all orders fail that still wait for their turn."""
        for turn in [each for each in self._queue if each.owner is not None]:
            turn.refuse(error())


class Turn:
    """One place in the queue; `async with` waits until it has come, and passes it on.

    Args:
        turns: The queue.
        owner: Whom an order is about; None for what is nobody's order.
        is_new: It is about a child that has never been up.

    Raises:
        Exception: What `refuse` was given.
    """

    __slots__ = ("_error", "_event", "_turns", "is_new", "owner")

    def __init__(self, turns: Turns, owner: object = None, *, is_new: bool = False) -> None:
        self.owner = owner
        self.is_new = is_new
        self._turns = turns
        self._event: trio.Event | None = None
        self._error: Exception | None = None

    async def __aenter__(self) -> None:
        turns = self._turns
        turns._queue[self] = None
        turns.look()
        if turns._holder is self:
            return
        self._event = trio.Event()
        try:
            await self._event.wait()
            if self._error is not None:
                raise self._error
        except BaseException:
            # Its turn may have come in the moment in which it was cancelled.
            turns._queue.pop(self, None)
            self._pass_on()
            raise

    async def __aexit__(self, *exc_info: object) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        if self._turns._holder is self:
            self._turns._holder = None
        self._turns.look()

    def wake(self) -> None:
        """Let it go on: its turn has come, or never will."""
        if self._event is not None:
            self._event.set()

    def refuse(self, error: Exception) -> None:
        """Let it fail, unless its turn has come already."""
        if self in self._turns._queue:
            del self._turns._queue[self]
            self._error = error
            self.wake()
