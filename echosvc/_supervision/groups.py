"""What comes out of a block that has a nursery of its own: one exception, as it was raised."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

import trio

from echosvc._exceptions import context_of, is_a, leaves, set_context
from echosvc._tasks import is_cancelled, sort_out


def alone(group: BaseException) -> BaseException:
    """Give the one exception in a group, however deep; the group itself if there are several.

    What was only cancelled along with it doesn't count. Raise the result with `raise_as_it_came`.
    """
    found = leaves(group)
    failed = [leaf for leaf in found if not is_a(leaf, trio.Cancelled)]
    if len(failed) > 1:
        return group
    return (failed or found)[0]  # of nothing but cancellations one does for all


def what_comes_out(
    message: str,
    own: BaseException | None,
    group: BaseException | None,
    failures: Iterable[BaseException],
) -> BaseException | None:
    """Give what a block raises whose nursery has been closed; None when that is nothing.

    Call it where the block has been left, and raise the result with `raise_as_it_came`.

    Args:
        message: Of the group, if several things went wrong that have nothing to do with each other.
        own: What was raised inside the block. It has been kept from the nursery, which would put it
            into a group, and ask it for a `repr()` that it may not have.
        group: What came out of the nursery.
        failures: What the block was ended for.
    """
    found = {id(each): each for each in failures}
    cancelled: BaseException | None = None
    if own is not None:
        ended = sort_out(own, cancelled=True)
        if ended.own is None and ended.through is None:
            cancelled = own
        elif not ended.cancelled or is_cancelled():
            if not all(id(leaf) in found for leaf in leaves(own)):
                found[id(own)] = own
        else:  # what was cancelled in it was so by the block's own nursery
            for each in (ended.through, ended.own):
                if each is not None:
                    found[id(each)] = each
    for leaf in () if group is None else leaves(group):
        if not is_a(leaf, trio.Cancelled):
            found[id(leaf)] = leaf
        elif cancelled is None:
            cancelled = leaf
    if len(found) > 1:
        return BaseExceptionGroup(message, list(found.values()))
    if found:
        return next(iter(found.values()))
    return cancelled if is_cancelled() else None


def raise_as_it_came(error: BaseException) -> NoReturn:
    """Raise an exception with the context that it had, and not with what is handled just now."""
    context = context_of(error)
    try:
        raise error
    finally:
        set_context(error, context)
        del error, context
