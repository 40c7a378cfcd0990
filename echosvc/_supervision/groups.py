"""One exception out of the groups that nurseries wrap around it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

import trio


def alone(
    group: BaseExceptionGroup[BaseException], own: BaseException | None = None
) -> BaseException:
    """Give the one exception in a group, however deep; the group itself if there are several.

    What was only cancelled along with it doesn't count. Raise the result with `raise_as_it_came`.

    Args:
        group: What came out of a nursery.
        own: What went into it from the block of whoever uses the nursery's owner. It may be a
            group of its own, and is given back whole if nothing else went wrong.
    """
    found = list(leaves(group))
    if isinstance(own, BaseExceptionGroup) and found:
        # A nursery takes groups apart, and does not put the same ones together again.
        of_own = list(leaves(own))
        if all(any(each is other for other in of_own) for each in found):
            return own
    if len(found) == 1:
        return found[0]
    if found:
        return group
    inner: BaseException = group  # nothing but cancellations, of which one does for all
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    return inner


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions in a group, without the cancellations."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    elif not isinstance(error, trio.Cancelled):
        yield error


def raise_as_it_came(error: BaseException) -> NoReturn:
    """Raise an exception with the context that it had, and not with what is handled just now."""
    context = error.__context__
    try:
        raise error
    finally:
        error.__context__ = context
        del error, context
