"""Stores: keys and values that outlive the processes that use them.

::

    await store.set("app:sessions", "ann", {"cart": ["tea"]}, ttl="30m")
    session = await store.get("app:sessions", "ann", {})

An entry of kind `store.memory` is gone with the runtime; one of kind `store.sqlite` is a file. What
is stored and what is got are snapshots.
"""

from __future__ import annotations

from typing import Any, Final

from echosvc._library.stores import Store, store_of
from echosvc._runtime.current import current
from echosvc._runtime.text import is_text
from echosvc.errors import Invalid, NotFound
from echosvc.time import Duration, parse_duration

__all__ = ["delete", "get", "has", "items", "keys", "set"]

_NONE: Final = object()


async def get(store: str, key: str, default: Any = _NONE) -> Any:
    """Give the value under a key.

    Args:
        store: The id of an entry of kind `store.memory` or `store.sqlite`.
        key: A text.
        default: What to give where there is no such key, or it has expired.

    Raises:
        NotFound: There is no such key, and no default; or no such entry.
        Invalid: The entry is no store, or the key no text; `ManifestError`: its file cannot be
            opened.
        Unavailable: The file is locked by another program, or its disk is full.
        Internal: What is in the file is not of a store's making; names the key.
    """
    found = await _open(store, key).get(key)
    if found is not None:
        return found[0]
    if default is not _NONE:
        return default
    raise NotFound(f"store {store} has no key {key!r}")


async def set(store: str, key: str, value: Any, ttl: Duration | None = None) -> None:
    """Put a value under a key, in place of what is there.

    Args:
        store: As for `get`.
        key: A text.
        value: In memory whatever a message may carry. In SQLite plain data: `None`, bool, int of 64
            bits, float, str, bytes, and lists and dicts of these.
        ttl: How long it is there; for ever without.

    Cancelled, it is wholly stored or not at all.

    Raises:
        Invalid: A value that cannot be kept; a `ttl` that is no duration, or none at all.
        RateLimited: The store has as many keys as it may (`max_keys`).
        NotFound, Unavailable: As for `get`.
    """
    opened = _open(store, key)
    seconds = None if ttl is None else parse_duration(ttl)
    if seconds is not None and not seconds > 0:
        raise Invalid(f"what is to be kept for {ttl!r} is not kept at all; give more, or no ttl")
    await opened.set(key, value, seconds)


async def delete(store: str, key: str) -> bool:
    """Take a key away; False where there was none.

    Raises:
        NotFound, Invalid, Unavailable: As for `get`.
    """
    return await _open(store, key).delete(key)


async def has(store: str, key: str) -> bool:
    """Whether there is such a key.

    Raises:
        NotFound, Invalid, Unavailable: As for `get`.
    """
    return await _open(store, key).get(key) is not None


async def keys(store: str, prefix: str = "", limit: int | None = None) -> list[str]:
    """Give the keys that begin with `prefix`, in their order, and no more than `limit`.

    Raises:
        NotFound, Invalid, Unavailable: As for `get`.
    """
    return await _scanned(store, prefix, limit).keys(prefix, limit)


async def items(store: str, prefix: str = "", limit: int | None = None) -> list[tuple[str, Any]]:
    """Give the keys that begin with `prefix`, in their order, with their values.

    Raises:
        NotFound, Invalid, Unavailable: As for `get`.
    """
    return await _scanned(store, prefix, limit).items(prefix, limit)


def _open(store: str, key: str) -> Store:
    opened = store_of(current().runtime, store)
    if not is_text(key):
        raise Invalid(f"not a key: {key!r}; give a text")
    return opened


def _scanned(store: str, prefix: str, limit: int | None) -> Store:
    opened = store_of(current().runtime, store)
    if prefix and not is_text(prefix):
        raise Invalid(f"keys begin with a text, and not with {prefix!r}")
    if limit is not None and limit < 0:
        raise Invalid(f"a limit is not negative: {limit}")
    return opened
