"""A store in a SQLite file: what is in it is there again after a restart."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import trio

from echosvc._library.plain import decode, encode
from echosvc._manifest.entry import Entry
from echosvc._manifest.paths import absolute, display
from echosvc.errors import Internal, Invalid, Unavailable

T = TypeVar("T")

BUSY: Final = 5.0
"""Seconds to wait for another program that is writing to the file."""

_SETUP: Final = """
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS store (
        key TEXT PRIMARY KEY, value BLOB NOT NULL, expires REAL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS store_expires ON store (expires) WHERE expires IS NOT NULL;
"""
_ALIVE: Final = "(expires IS NULL OR expires > ?)"


class SqliteStore:
    """A store in a file. Its work is done in a thread, one thing at a time.

    Expiry is by the wall clock: the file outlives any other. A cancelled operation was done wholly
    or not at all: before it has begun it is given up, after that it is waited for.
    """

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self._path = absolute(entry.folder / entry.spec.file)
        self._connection: sqlite3.Connection | None = None
        self._turn = trio.CapacityLimiter(1)
        self._closed = False

    async def get(self, key: str) -> tuple[Any] | None:
        """Give the value in a tuple, or None where there is no such key."""
        sql = f"SELECT value FROM store WHERE key = ? AND {_ALIVE}"  # noqa: S608  # no input in it
        rows = await self._do(lambda db: db.execute(sql, (key, time.time())).fetchall())
        return (self._value(key, rows[0][0]),) if rows else None

    async def set(self, key: str, value: Any, ttl: float | None) -> None:
        """Put a value under a key.

        Raises:
            Invalid: It is no plain data.
        """
        data = encode(value)

        def put(db: sqlite3.Connection) -> None:
            now = time.time()
            with db:
                db.execute("DELETE FROM store WHERE expires <= ?", (now,))
                row = (key, data, None if ttl is None else now + ttl)
                db.execute("INSERT OR REPLACE INTO store VALUES (?, ?, ?)", row)

        await self._do(put)

    async def delete(self, key: str) -> bool:
        """Take a key away; False where there is none."""
        sql = f"DELETE FROM store WHERE key = ? AND {_ALIVE}"  # noqa: S608  # no input in it

        def delete(db: sqlite3.Connection) -> bool:
            with db:
                return db.execute(sql, (key, time.time())).rowcount > 0

        return await self._do(delete)

    async def items(self, prefix: str, limit: int | None) -> list[tuple[str, Any]]:
        """Give the keys that begin so, in their order, with their values."""
        rows = await self._scan("key, value", prefix, limit)
        return [(self._key(key), self._value(key, data)) for key, data in rows]

    async def keys(self, prefix: str, limit: int | None) -> list[str]:
        """Give the keys that begin so, in their order."""
        return [self._key(key) for (key,) in await self._scan("key", prefix, limit)]

    async def _scan(self, columns: str, prefix: str, limit: int | None) -> list[Any]:
        end = _after(prefix)
        where = _ALIVE + " AND key >= ?" + ("" if end is None else " AND key < ?")
        sql = f"SELECT {columns} FROM store WHERE {where} ORDER BY key LIMIT ?"  # noqa: S608  # as above
        bounds = (prefix,) if end is None else (prefix, end)
        most = -1 if limit is None else limit
        return await self._do(lambda db: db.execute(sql, (time.time(), *bounds, most)).fetchall())

    def take_over(self, entry: Entry) -> bool:
        """Go on as the store of a changed entry; False where that is another store."""
        if entry.kind != self.entry.kind or absolute(entry.folder / entry.spec.file) != self._path:
            return False
        self.entry = entry
        return True

    def close(self) -> None:
        """Let go of the file, as soon as those who are at it are done."""
        self._closed = True
        self._let_go()

    def _let_go(self) -> None:
        if self._connection is not None and not self._turn.borrowed_tokens:
            self._connection.close()
            self._connection = None

    def _key(self, key: Any) -> str:
        """Give a key as it is in the file; it may be of another program's making."""
        if not isinstance(key, str):
            raise Internal(f"{self._place}: a key is {key!r}, and no text; delete it there")
        return key

    def _value(self, key: str, data: Any) -> Any:
        try:
            return decode(data)
        except ValueError as exc:
            what = f"the value of the key {key!r} cannot be read: {exc}"
            raise Internal(f"{self._place}: {what}; delete it, or set it anew") from exc

    @property
    def _place(self) -> str:
        return f"store {self.entry.id}: {display(self._path)}"

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def work_in_thread() -> T:
            if self._connection is None:
                self._connection = self._open()
            return work(self._connection)

        try:
            return await trio.to_thread.run_sync(work_in_thread, limiter=self._turn)
        except sqlite3.Error as exc:
            # Locked, full, gone: it may be well again. What has no code is Python's, not SQLite's:
            # a key that is no UTF-8.
            passing = isinstance(exc, sqlite3.OperationalError) and hasattr(exc, "sqlite_errorcode")
            raise (Unavailable if passing else Internal)(f"{self._place}: {exc}") from exc
        except UnicodeEncodeError:
            raise Invalid("not a key: a text with half of a surrogate pair in it") from None
        finally:
            if self._closed:
                self._let_go()

    def _open(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = None
        # SQLite would let everybody read a new file; those that it puts beside it are made alike.
        # What is wrong with the place it says better. A file that is there keeps its mode.
        with contextlib.suppress(OSError):
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            os.close(os.open(os.path.realpath(self._path), flags, 0o600))
        try:
            # One thread at a time uses it, and not always the same.
            connection = sqlite3.connect(self._path, timeout=BUSY, check_same_thread=False)
            connection.executescript(_SETUP)
        except sqlite3.Error as exc:
            if connection is not None:
                connection.close()
            raise self.entry.fault(
                f"{display(self._path)} cannot be opened: {exc}",
                "file",
                hint="name a file in a folder that exists",
            ) from exc
        return connection


def _after(prefix: str) -> str | None:
    """The least text that comes after all that begin so; None where there is none."""
    stem = prefix.rstrip(chr(sys.maxunicode))
    if not stem:
        return None
    code = ord(stem[-1]) + 1
    # There is no text between the last character before the surrogates and the first after them.
    return stem[:-1] + chr(0xE000 if 0xD800 <= code <= 0xDFFF else code)
