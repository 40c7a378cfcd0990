"""Select over our own channels: one task, parked once on all of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, cast

from trio.lowlevel import checkpoint_if_cancelled, enable_ki_protection

from echosvc._channel.core import Channel, Selected, SendCase
from echosvc._channel.seats import current_run, enter_all, may_be_cancelled, wait

Native = Channel[Any] | SendCase[Any]

NOTHING_READY: Selected[None] = Selected(None, None, False, True)


def poll(places: Sequence[Native]) -> Selected[Any] | None:
    """Let the first ready case happen, or the one whose turn it is; give None if none is ready."""
    for place in places:
        if place._is_ready():
            if place._takes_turns:
                place = _whose_turn(place, places)
            return place._perform()
    return None


def _whose_turn(first: Native, places: Sequence[Native]) -> Native:
    """Of a mailbox's channels and the timers that are due, give the one that goes first.

    Of the mailbox that is the channel with the oldest message. But messages know only their order,
    and timers only their time, so between these two it is by turns: whatever had none for the
    longest time goes first, the mailbox being one and each timer one. By anything else one of them
    could wait for ever: a timer behind a backlog, or a backlog behind a ticker that is always due.

    No message needs a look at the clock for that, only a select that has a timer in it.
    """
    mailbox = first._mailbox
    oldest, age = None, math.inf
    if mailbox is not None:
        oldest, age = first, first._age()
    elif first._due == math.inf:
        return first  # ready because it is closed, as any other channel may be
    now: float | None = None
    due: list[Any] = []  # of timers; all have a turn that can be set
    for place in places:
        if place._mailbox is not None:
            if (
                place is not first
                and (mailbox is None or place._mailbox is mailbox)
                and place._is_ready()
                and (oldest is None or place._age() < age)
            ):
                mailbox, oldest, age = place._mailbox, place, place._age()
        elif place._clock is not None:
            if now is None:
                now = place._clock.current_time()
            if place._due <= now:
                due.append(place)
    if oldest is not None and (not due or age == -math.inf):
        return oldest  # -inf: a CANCEL, which is older than everything
    timer = _next_timer(due)
    if mailbox is not None and oldest is not None and mailbox.turn < timer._turn:
        mailbox.turn = next(_turns)
        return oldest
    timer._turn = next(_turns)
    return cast("Native", timer)


_turns = itertools.count(1)


def _next_timer(due: list[Any]) -> Any:
    """Give the one whose last turn is the longest ago, among new ones the one that was due first.

    One that has just been seen to be due counts as if it had had its turn now. Else a loop that
    makes its timer anew each time would never get to its messages.
    """
    now = 0
    for timer in due:
        if not timer._turn:
            timer._turn = now = now or next(_turns)
    return min(due, key=lambda timer: (timer._turn, timer._due))


@enable_ki_protection
async def select_native(places: Sequence[Native], default: bool = False) -> Selected[Any]:
    """Do what `select` promises, for places that need no task of their own."""
    run = places[0]._run if places else None
    if run is None:
        run = current_run()
        if places and isinstance(places[0], Channel):
            places[0]._run = run
    seat = run.seat
    if seat is None or may_be_cancelled(seat.task):
        await checkpoint_if_cancelled()
    selected = poll(places)
    if selected is None:
        if not default:
            waiter = enter_all(tuple(places), run)
            await wait(waiter)
            return Selected(waiter.channel, waiter.take(), waiter.ok, False, waiter.sent)
        selected = NOTHING_READY
    run.left -= 1
    if run.left <= 0 and run.is_used_up():
        await run.give_way()
    return selected
