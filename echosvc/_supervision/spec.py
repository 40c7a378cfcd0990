"""What a child is and how it is restarted, as plain data."""

from __future__ import annotations

import inspect
import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from echosvc.errors import Invalid
from echosvc.time import Duration, parse_duration

Strategy = Literal["one_for_one", "one_for_all", "rest_for_one"]
Restart = Literal["permanent", "transient", "temporary"]

STRATEGIES: Final = get_args(Strategy)
RESTARTS: Final = get_args(Restart)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """How long to wait before a restart, and when to stop trying.

    Durations are seconds, or strings like ``"2s"``.
    """

    initial_delay: Duration = "1s"
    """Before the first restart."""
    max_delay: Duration = "90s"
    """However many there have been."""
    backoff_factor: float = 2.0
    """How many times longer each further delay is."""
    jitter: float = 0.1
    """How far, as a part of it, a delay is moved at random, so that many don't restart at once.
    Never beyond `max_delay`."""
    max_attempts: int = 0
    """After so many restarts in a row the child is left as it is; 0 tries for ever."""
    stable_threshold: Duration = "5s"
    """A run longer than this begins the row anew."""
    final: Callable[[BaseException], bool] | None = None
    """Tells an error after which restarting is of no use; `None` for no such error."""

    def __post_init__(self) -> None:
        for name in ("initial_delay", "max_delay", "stable_threshold"):
            if parse_duration(getattr(self, name)) < 0:
                raise Invalid(f"{name} cannot be negative: {getattr(self, name)!r}")
        if not self.backoff_factor >= 1:
            raise Invalid(f"backoff_factor must be at least 1: {self.backoff_factor!r}")
        if not 0 <= self.jitter <= 1:
            raise Invalid(f"jitter is a part, from 0 to 1: {self.jitter!r}")
        if self.max_attempts < 0:
            raise Invalid(f"max_attempts cannot be negative: {self.max_attempts!r}")

    def delay(self, attempt: int, rng: random.Random | None = None) -> float:
        """Give the seconds to wait before a restart.

        Args:
            attempt: The how manieth restart in a row it is, from 1 on.
            rng: Where the jitter comes from; `None` leaves it out.
        """
        longest = parse_duration(self.max_delay)
        try:
            delay = parse_duration(self.initial_delay) * self.backoff_factor ** (attempt - 1)
        except OverflowError:
            delay = longest
        delay = min(delay, longest)
        if rng is not None and self.jitter:
            delay *= 1 + self.jitter * rng.uniform(-1, 1)
        return min(delay, longest)


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """A child: what to run, and what its end means.

    Source: Erlang/OTP's child specification, with its words.
    """

    name: str
    """Its own among its supervisor's children."""
    fn: Callable[..., Awaitable[object]]
    """An ``async def``. If it has a parameter `task_status` it has started when it says so there,
    as under `trio.Nursery.start`; otherwise at once."""
    args: tuple[Any, ...] = ()
    restart: Restart = "permanent"
    """permanent: restarted however it ends. transient: only after an error. temporary: never."""
    stop_timeout: Duration = "5s"
    """How long it may clean up when it is stopped before that is reported as stuck."""
    backoff: RestartPolicy | None = None
    """How restarts are spaced; `None` restarts at once, as OTP does."""

    def __post_init__(self) -> None:
        if not self.name or not isinstance(self.name, str):
            raise Invalid(f"a child's name is a text, not {self.name!r}")
        if not callable(self.fn):
            raise Invalid(f"child {self.name}: fn is an async function, not {self.fn!r}")
        if _is_plainly_synchronous(self.fn):
            raise Invalid(f"child {self.name}: fn is not async: a child is an 'async def'")
        if self.restart not in RESTARTS:
            raise Invalid(
                f"child {self.name}: restart is one of {', '.join(RESTARTS)}, not {self.restart!r}"
            )
        timeout = parse_duration(self.stop_timeout)
        if timeout < 0:
            raise Invalid(f"child {self.name}: stop_timeout cannot be negative: {timeout}")
        _check_arguments(self)


def parse_within(within: Duration) -> float:
    """Give the seconds of an intensity's window."""
    seconds = parse_duration(within)
    if not 0 < seconds < math.inf:
        raise Invalid(f"within must be positive: {within!r}")
    return seconds


def takes_task_status(fn: Any) -> bool:
    """Tell whether a function says itself when it has started."""
    signature = _signature(fn)
    return signature is not None and "task_status" in signature.parameters


def _is_plainly_synchronous(fn: Any) -> bool:
    """Tell a `def` that somebody forgot the `async` of; a lambda may well give an awaitable."""
    fn = inspect.unwrap(fn)
    return (
        inspect.isfunction(fn) and fn.__name__ != "<lambda>" and not inspect.iscoroutinefunction(fn)
    )


def _check_arguments(spec: ChildSpec) -> None:
    signature = _signature(spec.fn)
    if signature is None:
        return
    status = {"task_status": None} if "task_status" in signature.parameters else {}
    try:
        signature.bind(*spec.args, **status)
    except TypeError as exc:
        raise Invalid(f"child {spec.name}: its args don't fit its fn: {exc}") from None


def _signature(fn: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(fn)
    except (TypeError, ValueError):  # a callable that tells nothing of itself
        return None
