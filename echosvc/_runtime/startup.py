"""One start of one thing, and those who wait for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import trio

from echosvc._exceptions import words_of
from echosvc.errors import GaveUp, Unavailable


class Startable(Protocol):
    """What can be started again and again."""

    startup: Startup | None
    """The last start of it."""


class Replaced(Unavailable):
    """It was stopped for another definition of it to be started: whoever waits can begin anew."""


class Startup:
    """One start of a unit. All who start the unit meanwhile wait for this one."""

    __slots__ = (
        "_done",
        "again",
        "before",
        "begun",
        "called_off",
        "cause",
        "error",
        "must",
        "needed",
        "reason",
        "scope",
        "watchers",
    )

    def __init__(self, needed: Waiting, again: bool, before: Startup | None, reason: str) -> None:
        if before is not None and before.done:
            before = None
        self.needed = needed
        self.again = again  # what runs is stopped first
        self.reason = reason  # for that
        self.before = before  # one that has to end first
        self.begun = False  # all that is needed is up, and the unit itself is being started
        self.called_off: Unavailable | None = None
        self.cause: BaseException | None = None
        """What the unit failed with, if it did; an optional one counts as started all the same."""
        self.error: Exception | None = None
        """What those who wait are raised."""
        self.must: bool = not again or (before is not None and before.must)
        """Whether a required unit that does not come up is left as it is."""
        self.scope = trio.CancelScope()  # of the waiting for what is needed
        self.watchers: dict[Waiting, Startable] = {}
        self._done = trio.Event()

    @property
    def done(self) -> bool:
        """Whether it has succeeded or failed."""
        return self._done.is_set()

    @property
    def is_doomed(self) -> bool:
        """Whether it is going to fail, because what is needed has."""
        return self.needed.failed and not self.done

    async def wait(self) -> None:
        """Wait until it has succeeded or failed."""
        await self._done.wait()

    def call_off(self, error: Unavailable) -> None:
        """Let it come to nothing, with this error; who has begun it has to stop it besides."""
        if self.called_off is None and not self.done:
            self.called_off = error
            if not self.begun:
                self.scope.cancel(error.message)

    def finish(self, error: Exception | None) -> None:
        """Say how it ended."""
        self.before = None
        self.needed.forget()
        self.error = error
        self._done.set()
        watchers, self.watchers = self.watchers, {}
        for waiting, unit in watchers.items():
            waiting.hear(unit, self)


class Waiting:
    """Somebody who waits for several starts, until all have succeeded or one has failed.

    Where a unit is started again meanwhile, it is the new start that is waited for.
    """

    __slots__ = ("_left", "_over", "_starts", "failed")

    def __init__(self, units: Iterable[Startable]) -> None:
        self._starts: dict[Startable, Startup] = {}
        self._over = trio.Event()
        self.failed = False
        starts = [(unit, unit.startup) for unit in units if unit.startup is not None]
        self._left = len(starts)
        for unit, startup in starts:
            self._watch(unit, startup)
        if not starts:
            self._over.set()

    @property
    def for_nothing(self) -> bool:
        """Whether there was nothing to wait for."""
        return not self._starts

    async def wait(self) -> list[Exception]:
        """Wait; gives what has failed, in the order of the units."""
        try:
            await self._over.wait()
        finally:
            for startup in self._starts.values():
                startup.watchers.pop(self, None)
        errors = (startup.error for startup in self._starts.values())
        # What waits for something that has failed fails with the same.
        return list({id(error): error for error in errors if error is not None}.values())

    def forget(self) -> None:
        """Keep none of the starts any more."""
        self._starts = {}

    def last_of(self, unit: Startable) -> Startup:
        """Give the start of a unit that counted."""
        return self._starts[unit]

    def hear(self, unit: Startable, startup: Startup) -> None:
        """Learn that a start is done."""
        if unit.startup is not startup and unit.startup is not None:
            self._watch(unit, unit.startup)
            return
        self._left -= 1
        self.failed = self.failed or startup.error is not None
        if self.failed or not self._left:
            self._over.set()

    def _watch(self, unit: Startable, startup: Startup) -> None:
        self._starts[unit] = startup
        if startup.done:
            self.hear(unit, startup)
        else:
            startup.watchers[self] = unit


def one_of(errors: list[Exception]) -> Exception:
    """Give the one error that there is, or make one that says all of several."""
    for error in errors:
        if len(errors) == 1 or isinstance(error, Replaced):
            return error
    message = f"{len(errors)} did not start: {'; '.join(words_of(error) for error in errors)}"
    causes: list[BaseException] = []
    for error in errors:
        causes += error.causes if isinstance(error, GaveUp) and error.causes else [error]
    together = GaveUp(message, causes=tuple(causes))
    together.__cause__ = errors[0]
    return together
