"""Stores: keys and values that outlive the processes that use them."""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING, Any, Final, Protocol

import trio

from echosvc._library.entries import entry_of
from echosvc._library.sqlite import SqliteStore
from echosvc._manifest.entry import Entry
from echosvc._manifest.kinds import StoreMemory
from echosvc._runtime.snapshot import snapshot
from echosvc.errors import RateLimited

if TYPE_CHECKING:
    from echosvc._runtime.runtime import Runtime

KINDS = ("store.memory", "store.sqlite")

_FEW: Final = 64
"""So many expiries that no longer count are not worth looking for."""


class Store(Protocol):
    """What every kind of store does. Keys have been checked; `ttl` is in seconds."""

    entry: Entry

    async def get(self, key: str) -> tuple[Any] | None:
        """Give the value in a tuple, or None where there is no such key."""

    async def set(self, key: str, value: Any, ttl: float | None) -> None:
        """Put a value under a key."""

    async def delete(self, key: str) -> bool:
        """Take a key away; False where there is none."""

    async def items(self, prefix: str, limit: int | None) -> list[tuple[str, Any]]:
        """Give the keys that begin so, in their order, with their values."""

    async def keys(self, prefix: str, limit: int | None) -> list[str]:
        """Give the keys that begin so, in their order."""

    def take_over(self, entry: Entry) -> bool:
        """Go on as the store of a changed entry; False where that is another store."""

    def close(self) -> None:
        """Let go of everything."""


def store_of(runtime: Runtime, id: str) -> Store:
    """Find a store; it is opened the first time.

    Raises:
        NotFound: There is no such entry.
        Invalid: It is no store.
    """
    entry = entry_of(runtime, id, KINDS, "store")
    found: Store | None = runtime.stores.get(id)
    if found is not None:
        if found.entry is entry or found.take_over(entry):
            return found
        found.close()
    found = MemoryStore(entry) if isinstance(entry.spec, StoreMemory) else SqliteStore(entry)
    runtime.stores[id] = found
    return found


class MemoryStore:
    """A store that ends with the runtime. It lives on trio's clock."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self._values: dict[str, tuple[Any, float | None]] = {}  # with the time of expiry
        # When which key may expire, the earliest first. What was set anew since is still in it.
        self._expiries: list[tuple[float, int, str]] = []
        self._counter = itertools.count()

    async def get(self, key: str) -> tuple[Any] | None:
        """Give the value in a tuple, or None where there is no such key."""
        await trio.lowlevel.checkpoint()
        self._expire()
        found = self._values.get(key)
        return None if found is None else (snapshot(found[0]),)

    async def set(self, key: str, value: Any, ttl: float | None) -> None:
        """Put a value under a key.

        Raises:
            RateLimited: The store has as many keys as it may.
        """
        value = snapshot(value)
        await trio.lowlevel.checkpoint()
        self._expire()
        most = self.entry.spec.max_keys
        if most and key not in self._values and len(self._values) >= most:
            raise RateLimited(
                f"store {self.entry.id} has {len(self._values)} keys, as many as it may "
                f"(max_keys: {most})"
            )
        expires = None if ttl is None else trio.current_time() + ttl
        self._values[key] = (value, expires)
        if expires is not None:
            heapq.heappush(self._expiries, (expires, next(self._counter), key))
        self._tidy()

    async def delete(self, key: str) -> bool:
        """Take a key away; False where there is none."""
        await trio.lowlevel.checkpoint()
        self._expire()
        found = self._values.pop(key, None)
        self._tidy()
        return found is not None

    async def items(self, prefix: str, limit: int | None) -> list[tuple[str, Any]]:
        """Give the keys that begin so, in their order, with their values."""
        return [(key, snapshot(self._values[key][0])) for key in await self.keys(prefix, limit)]

    async def keys(self, prefix: str, limit: int | None) -> list[str]:
        """Give the keys that begin so, in their order."""
        await trio.lowlevel.checkpoint()
        self._expire()
        return sorted(key for key in self._values if key.startswith(prefix))[:limit]

    def take_over(self, entry: Entry) -> bool:
        """Go on as the store of a changed entry; False where that is another store."""
        if entry.kind != self.entry.kind:
            return False
        self.entry = entry
        return True

    def close(self) -> None:
        """Let go of everything."""
        self._values.clear()
        self._expiries.clear()

    def _tidy(self) -> None:
        """Forget expiries that no longer count, once they are most of all."""
        if len(self._expiries) > 2 * len(self._values) + _FEW:
            self._expiries = [
                (expires, next(self._counter), key)
                for key, (_, expires) in self._values.items()
                if expires is not None
            ]
            heapq.heapify(self._expiries)

    def _expire(self) -> None:
        now = trio.current_time()
        while self._expiries and self._expiries[0][0] <= now:
            _, _, key = heapq.heappop(self._expiries)
            expires = self._values[key][1] if key in self._values else None
            if expires is not None and expires <= now:
                del self._values[key]
