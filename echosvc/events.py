"""The event bus of the runtime, for applications: news for whoever listens.

::

    events.send("shop", "sold", "app:till", {"item": "tea"})

    news = events.subscribe("shop")
    async for event in news:
        logger.info(event.kind, **event.data)

The runtime's own news travels on the same bus: processes that start and end, services, hosts. A
message is for one process and is kept until it reads it; an event is for anybody, and for nobody
if nobody listens.
"""

from __future__ import annotations

from typing import Any, Final

from echosvc._runtime.bus import DEFAULT_SIZE, BusEvent, Subscription
from echosvc._runtime.current import current
from echosvc._runtime.text import is_text
from echosvc.errors import Invalid, PermissionDenied

__all__ = ["RESERVED", "BusEvent", "Subscription", "send", "subscribe"]

RESERVED: Final = frozenset(
    {"bus", "host", "mailbox", "process", "registry", "runtime", "service", "supervisor"}
)
"""The systems that only the runtime speaks for."""


def send(system: str, kind: str, path: str = "", data: dict[str, Any] | None = None) -> None:
    """Tell everybody who listens. Never waits, and is no checkpoint.

    Args:
        system: Which part of the application it comes from.
        kind: What happened.
        path: Whom or what it is about: an entry's id, a PID, a key.
        data: More about it; each listener gets a snapshot of its own.

    Raises:
        PermissionDenied: The system is one of the runtime's own.
        Invalid: A system or kind that is no plain word, or data that is no dict or can't be copied.
    """
    process = current()
    for what, word in (("system", system), ("kind", kind)):
        if not is_text(word) or set(word) & set("*?[] \t\n"):
            raise Invalid(f"not a {what} of an event: {word!r}; give a word without '*', '?', '['")
    if system in RESERVED:
        raise PermissionDenied(
            f"the events of {system!r} are the runtime's own; send yours under another name"
        )
    if path and not is_text(path):
        raise Invalid(f"the path of an event is a text, and not {path!r}")
    fields = {} if data is None else data
    if not isinstance(fields, dict):
        raise Invalid(f"the data of an event is a dict, and not {fields!r}")
    process.runtime.bus.publish(system, kind, path, fields)


def subscribe(
    system: str = "*", kind: str | None = None, *, size: int = DEFAULT_SIZE
) -> Subscription:
    """Give a channel of the events whose system, and kind if given, match these globs.

    Args:
        system: ``shop``, ``shop.*`` or ``*`` for all.
        kind: What happened; `None` for everything.
        size: How many events are kept while nobody receives. Those that come then are counted, and
            told of by an event ``gap`` of the system ``bus``: their number is `data["missed"]`.

    It ends when it is closed, and with the process.

    Raises:
        Invalid: A pattern that is no text, or no room at all.
    """
    process = current()
    if not is_text(system) or not (kind is None or is_text(kind)):
        raise Invalid(f"events are chosen by globs, and not by {system!r}, {kind!r}")
    subscription = process.runtime.bus.subscribe(system, kind, size)
    process.hold(subscription.close)
    subscription.on_close = lambda: process.unhold(subscription.close)
    return subscription
