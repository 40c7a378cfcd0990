"""What a child is and how it is restarted, as plain data."""

from __future__ import annotations

import inspect
import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from echosvc._checks import (
    check_async,
    check_count,
    check_finite,
    check_function,
    check_instance,
    check_text,
    check_word,
    given,
)
from echosvc.errors import Invalid
from echosvc.time import Duration, parse_duration, seconds_of

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
            seconds_of(name, getattr(self, name))
        check_finite("backoff_factor", self.backoff_factor, 1)
        check_finite("jitter", self.jitter, 0, 1)
        check_count("max_attempts", self.max_attempts)
        if self.final is not None:
            check_function("final", self.final)

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
        check_text("a child's name", self.name)
        child = f"child {self.name}"
        check_async(f"{child}: fn", self.fn)
        check_instance(f"{child}: args", self.args, (tuple, list), "a tuple")
        check_word(f"{child}: restart", self.restart, RESTARTS)
        seconds_of(f"{child}: stop_timeout", self.stop_timeout)
        if self.backoff is not None:
            check_instance(f"{child}: backoff", self.backoff, RestartPolicy, "a RestartPolicy")
        _check_arguments(self)


def parse_within(within: Duration) -> float:
    """Give the seconds of an intensity's window."""
    seconds = seconds_of("within", within)
    if not 0 < seconds < math.inf:
        shown = within if isinstance(within, str) else given(within)
        raise Invalid(f"within: nothing can be counted within {shown}, write a time such as 5s")
    return seconds


def takes_task_status(fn: Any) -> bool:
    """Tell whether a function says itself when it has started."""
    signature = _signature(fn)
    return signature is not None and "task_status" in signature.parameters


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
