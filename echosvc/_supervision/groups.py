"""One exception out of the groups that nurseries wrap around it."""

from __future__ import annotations

import trio


def alone(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Give the one exception in a group, however deep; the group itself if there are several.

    What was only cancelled along with it doesn't count. Raise the result outside of any `except`
    block: then it leaves with the cause and context that it came with.
    """
    _, rest = group.split(trio.Cancelled)
    inner: BaseException = group if rest is None else rest
    while isinstance(inner, BaseExceptionGroup) and len(inner.exceptions) == 1:
        inner = inner.exceptions[0]
    return group if isinstance(inner, BaseExceptionGroup) else inner
