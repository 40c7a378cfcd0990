"""One exception out of the groups that nurseries wrap around it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

import trio


def alone(group: BaseExceptionGroup[BaseException], *whole: BaseException | None) -> BaseException:
    """Give the one exception in a group, however deep; the group itself if there are several.

    What was only cancelled along with it doesn't count. Raise the result with `raise_as_it_came`.

    Args:
        group: What came out of a nursery.
        whole: Exceptions that are not taken apart, though they may be groups: somebody else's.
    """
    found = list(leaves(group, *whole))
    if not found:  # nothing but cancellations
        inner: BaseException = group
        while isinstance(inner, BaseExceptionGroup) and len(inner.exceptions) == 1:
            inner = inner.exceptions[0]
        return group if isinstance(inner, BaseExceptionGroup) else inner
    return found[0] if len(found) == 1 else group


def leaves(error: BaseException, *whole: BaseException | None) -> Iterator[BaseException]:
    """Yield the exceptions in a group, without the cancellations."""
    if any(error is each for each in whole):
        yield error
    elif isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner, *whole)
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
