"""Stores: keys and values that outlive the processes that use them.

::

    await store.set("app:sessions", "ann", {"cart": ["tea"]}, ttl="30m")
    session = await store.get("app:sessions", "ann", {})

An entry of kind `store.memory` is gone with the runtime; one of kind `store.sqlite` is a file. What
is stored and what is got are snapshots.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from echosvc._checks import check_count, check_text, given
from echosvc._library.stores import Store, store_of
from echosvc._runtime.current import current
from echosvc.errors import Invalid, NotFound
from echosvc.time import Duration, seconds_of

__all__ = ["delete", "get", "has", "items", "keys", "set"]

_NONE: Final = object()


async def get(store: str, key: str, default: Any = _NONE) -> Any:
    """Give the value under a key.

    Args:
        store: The id of an entry of kind `store.memory` or `store.sqlite`.
        key: A text.
        default: What to give where there is no such key, or it has expired.

    Cancelled, it has changed nothing.

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
    seconds = None if ttl is None else seconds_of("ttl", ttl)
    if seconds == 0:
        raise Invalid(
            f"ttl: what is kept for {given(ttl)} is not kept at all; give more, or no ttl"
        )
    await _open(store, key).set(key, value, seconds)


async def delete(store: str, key: str) -> bool:
    """Take a key away; False where there was none.

    Cancelled, it is wholly done or not at all.

    Raises:
        NotFound, Invalid, Unavailable: As for `get`.
    """
    return await _open(store, key).delete(key)


async def has(store: str, key: str) -> bool:
    """Whether there is such a key.

    Cancelled, it has changed nothing.

    Raises:
        NotFound, Invalid, Unavailable: As for `get`.
    """
    return await _open(store, key).get(key) is not None


async def keys(store: str, prefix: str = "", limit: int | None = None) -> list[str]:
    """Give the keys that begin with `prefix`, in their order, and no more than `limit`.

    Cancelled, it has changed nothing.

    Raises:
        NotFound, Unavailable: As for `get`.
        Invalid: As for `get`; or the prefix is no text, or the limit no whole number, or less than
            nothing.
    """
    return await _scanned(store, prefix, limit).keys(prefix, _bounded(limit))


async def items(store: str, prefix: str = "", limit: int | None = None) -> list[tuple[str, Any]]:
    """Give the keys that begin with `prefix`, in their order, with their values.

    Cancelled, it has changed nothing.

    Raises:
        NotFound, Invalid, Unavailable: As for `keys`.
    """
    return await _scanned(store, prefix, limit).items(prefix, _bounded(limit))


def _open(store: str, key: str) -> Store:
    runtime = current().runtime
    check_text("key", key)
    return store_of(runtime, store)


def _scanned(store: str, prefix: str, limit: int | None) -> Store:
    runtime = current().runtime
    check_text("prefix", prefix, empty=True)
    if limit is not None:
        check_count("limit", limit)
    return store_of(runtime, store)


def _bounded(limit: int | None) -> int | None:
    """More than there can be is no limit; SQLite takes no int that large."""
    return None if limit is None or limit > sys.maxsize else limit
