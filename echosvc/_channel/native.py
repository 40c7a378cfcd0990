"""Select over our own channels: one task, parked once on all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trio.lowlevel import (
    checkpoint_if_cancelled,
    enable_ki_protection,
    wait_task_rescheduled,
)

from echosvc._channel.core import Channel, Selected, SendCase
from echosvc._channel.slices import current_slice
from echosvc._channel.waiting import enter_all

Native = Channel[Any] | SendCase[Any]

NOTHING_READY: Selected[None] = Selected(None, None, False, True)


def poll(places: Sequence[Native]) -> Selected[Any] | None:
    """Let the first ready case happen, if there is one."""
    for place in places:
        if place._is_ready():
            if place._mailbox is not None:
                place = _oldest(place, places)
            return place._perform()
    return None


def _oldest(first: Native, places: Sequence[Native]) -> Native:
    """Of the ready channels of one mailbox, the one whose next message is the oldest."""
    oldest, age = first, first._age()
    for place in places:
        if place._mailbox is first._mailbox and place._is_ready() and place._age() < age:
            oldest, age = place, place._age()
    return oldest


@enable_ki_protection
async def select_native(places: Sequence[Native], default: bool = False) -> Selected[Any]:
    """Do what `select` promises, for places that need no task of their own."""
    await checkpoint_if_cancelled()
    while True:
        selected = poll(places)
        if selected is None:
            if not default:
                waiter = enter_all(tuple(places))
                await wait_task_rescheduled(waiter._abort)
                if waiter.claimed:
                    return Selected(waiter.channel, waiter.value, waiter.ok, False, waiter.sent)
                continue  # woken to look again
            selected = NOTHING_READY
        current = current_slice()
        current.left -= 1
        if current.left <= 0 and current.is_used_up():
            await current.give_way()
        return selected
