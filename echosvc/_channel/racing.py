"""Select over what is not ours: an arm for each foreign case, raced in a nursery.

A foreign receive can only be tried by doing it, so two arms may both have taken something when
the race is decided. What the loser took is put on the shelf of its channel (or its `CallCase`),
from which whichever select comes first takes it, also one that is waiting already. A loser's
error cannot be raised, or the winner's value would be lost: it goes to the shelf too, and is
logged where nobody may ever ask for it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar, TypeVarTuple, Unpack
from weakref import WeakKeyDictionary

import trio
import trio.abc
from outcome import Error, Value
from trio.lowlevel import enable_ki_protection

from echosvc._channel.core import Channel, Selected
from echosvc._channel.native import NOTHING_READY, Native, poll, select_native
from echosvc._checks import check_async
from echosvc._exceptions import repr_of, text_of
from echosvc._records import write
from echosvc.errors import Invalid

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

Outcome: TypeAlias = "Value[Any] | Error"

logger = logging.getLogger("echosvc.channel")

_shelves: WeakKeyDictionary[trio.abc.ReceiveChannel[Any], Channel[Outcome]] = WeakKeyDictionary()


class CallCase(Generic[T]):
    """In a `select`: wait for the end of an async function. Made by `case_call`."""

    __slots__ = ("_args", "_fn", "_shelf")

    _races: ClassVar[bool] = True

    def __init__(self, fn: Callable[..., Awaitable[T]], args: tuple[Any, ...]) -> None:
        self._fn = fn
        self._args = args
        self._shelf: Channel[Outcome] = Channel(math.inf)

    def __repr__(self) -> str:
        return f"<call {getattr(self._fn, '__qualname__', self._fn)!s}>"

    @property
    def _key(self) -> object:
        return self

    async def _attempt(self) -> T:
        return await self._fn(*self._args)

    def _poll(self) -> Outcome | None:
        return self._shelf.receive_nowait() if len(self._shelf) else None

    def _keep(self, result: Outcome) -> None:
        self._shelf.send_nowait(result)
        if isinstance(result, Error):
            _log_loser(self, result.error)


def case_call(fn: Callable[[Unpack[Ts]], Awaitable[T]], *args: *Ts) -> CallCase[T]:
    """Make a case for `select` of an async function: it happens when the function returns.

    The function is called when the select has to wait, and cancelled when another case wins; the
    select returns when that is done. `Selected.channel` is this case, `Selected.value` what the
    function returned; an exception of its comes out of the select as it is. If it has already
    ended when another case wins, its result waits in this case object for the next select that it
    is given to; if that is an error, it is logged too.

    Raises:
        Invalid: It is no async function.
    """
    check_async("fn", fn)
    return CallCase(fn, args)


class ForeignCase:
    """In a `select`: receive from a channel that is not ours."""

    __slots__ = ("_key", "_shelf")

    def __init__(self, channel: trio.abc.ReceiveChannel[Any]) -> None:
        try:
            shelf = _shelves.get(channel)
            if shelf is None:
                shelf = _shelves[channel] = Channel(math.inf)
        except TypeError:
            raise Invalid(
                f"select: a {type(channel).__name__} must be hashable and allow weak references, "
                "so that a value taken by a losing arm can be kept for it"
            ) from None
        self._key = channel
        self._shelf = shelf

    async def _attempt(self) -> Any:
        return await self._key.receive()

    def _poll(self) -> Outcome | None:
        if len(self._shelf):
            return self._shelf.receive_nowait()
        if isinstance(self._key, trio.MemoryReceiveChannel):
            try:
                return Value(self._key.receive_nowait())
            except trio.WouldBlock:
                return None
            except (trio.EndOfChannel, trio.ClosedResourceError) as exc:
                return Error(exc)
        return None

    def _keep(self, result: Outcome) -> None:
        self._shelf.send_nowait(result)


Foreign: TypeAlias = "ForeignCase | CallCase[Any]"


@enable_ki_protection
async def select_racing(cases: Sequence[Native | Foreign], default: bool = False) -> Selected[Any]:
    """Do what `select` promises when some of the cases need a task of their own."""
    await trio.lowlevel.checkpoint_if_cancelled()
    native: list[Native] = []
    foreign: list[Foreign] = []
    for case in cases:
        if isinstance(case, ForeignCase | CallCase):
            foreign.append(case)
        else:
            native.append(case)
    selected = _poll_in_order(cases)
    if selected is None and default:
        selected = NOTHING_READY
    if selected is not None:
        await trio.lowlevel.cancel_shielded_checkpoint()
        return selected
    return await _race(foreign, native)


def _poll_in_order(cases: Sequence[Native | Foreign]) -> Selected[Any] | None:
    native = [case for case in cases if not isinstance(case, ForeignCase | CallCase)]
    for case in cases:
        if isinstance(case, ForeignCase | CallCase):
            result = case._poll()
            if result is not None:
                return _selected(case, result)
        elif case._is_ready():
            # The whole list, and not this case alone: its mailbox may hold an older message.
            return poll(native)
    return None


def _selected(case: Foreign, result: Outcome) -> Selected[Any]:
    if (
        isinstance(case, ForeignCase)
        and isinstance(result, Error)
        and isinstance(result.error, trio.EndOfChannel)
    ):
        return Selected(case._key, None, False, False)
    return Selected(case._key, result.unwrap(), True, False)


@enable_ki_protection
async def _race(foreign: Sequence[Foreign], native: Sequence[Native]) -> Selected[Any]:
    finished: Channel[tuple[Foreign, Outcome]] = Channel(math.inf)
    shelves = {case._shelf: case for case in foreign}

    async def run(case: Foreign) -> None:
        # Only Exception: a cancelled arm has no result, and Ctrl-C goes its own way.
        try:
            result: Outcome = Value(await case._attempt())
        except Exception as exc:  # noqa: BLE001 - it is raised by the select, or kept
            result = Error(exc)
        finished.send_nowait((case, result))

    winner: Selected[Any] | None = None
    try:
        async with trio.open_nursery() as nursery:
            for case in foreign:
                nursery.start_soon(run, case)
            winner = await select_native([finished, *shelves, *native])
            # From here on the result is taken, so a cancellation from outside must wait for the
            # next checkpoint; the losing arms end on ours.
            nursery.cancel_scope.shield = True
            nursery.cancel_scope.cancel("another case of the select won")
    except ExceptionGroup as group:
        if winner is None:
            raise _single(group) from None
        # An arm's own nursery may end with its cancellation and an error in one group.
        _log_loser(foreign, group)
    except BaseExceptionGroup as group:
        raise _single(group) from None
    finally:
        while len(finished):
            case, result = finished.receive_nowait()
            case._keep(result)
    assert winner is not None
    if winner.channel is finished:
        return _selected(*winner.value)
    if winner.channel in shelves:
        return _selected(shelves[winner.channel], winner.value)
    return winner


def _log_loser(cases: object, error: BaseException) -> None:
    text = f"select: {repr_of(cases)} failed when another case had won: {text_of(error)}"
    write(logger, logging.ERROR, text, {}, error=error)


def _single(group: BaseExceptionGroup) -> BaseException:
    """What a nursery wrapped in a group although it was alone; else the group."""
    inner: BaseException = group
    while isinstance(inner, BaseExceptionGroup) and len(inner.exceptions) == 1:
        inner = inner.exceptions[0]
    return inner
