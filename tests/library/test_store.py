"""Stores: in memory on a clock that we move, in SQLite on the real ones."""

from __future__ import annotations

import math
import os
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from echosvc import Pid, Runtime, open_runtime, process, registry, store
from echosvc._library import sqlite
from echosvc._library.plain import decode, encode
from echosvc.errors import (
    Internal,
    Invalid,
    ManifestError,
    NotFound,
    RateLimited,
    Unavailable,
)
from tests.sweep import sweep

Application = Callable[..., Path]

ENTRIES = """
    - {name: memory, kind: store.memory}
    - {name: small, kind: store.memory, max_keys: 2}
    - {name: file, kind: store.sqlite, file: data.db}
    - {name: nowhere, kind: store.sqlite, file: no/such/folder/data.db}
    - {name: text, kind: store.sqlite, file: notes.txt}
    - {name: link, kind: store.sqlite, file: link.db}
"""
BOTH = pytest.mark.parametrize("name", ["app:memory", "app:file"])


@pytest.fixture
def restore_umask() -> Iterator[None]:
    before = os.umask(0)
    os.umask(before)
    yield
    os.umask(before)


@pytest.fixture
async def runtime(application: Application) -> AsyncIterator[Runtime]:
    async with open_runtime(application(ENTRIES)) as runtime, runtime.attach():
        yield runtime


async def run(folder: Path, body: Callable[[], Any]) -> None:
    async with open_runtime(folder) as runtime:
        await runtime.run(body, "app:processes")


# -- what all stores do


@BOTH
async def test_what_is_set_is_there_until_it_is_deleted(runtime: Runtime, name: str) -> None:
    async def main() -> None:
        assert await store.has(name, "k") is False
        await store.set(name, "k", {"n": [1, None, b"\0", 2.5]})
        assert await store.get(name, "k") == {"n": [1, None, b"\0", 2.5]}
        await store.set(name, "k", None)
        assert await store.get(name, "k", 7) is None
        assert await store.has(name, "k") is True
        assert await store.delete(name, "k") is True
        assert await store.delete(name, "k") is False
        assert await store.get(name, "k", 7) == 7
        with pytest.raises(NotFound, match=f"store {name} has no key 'k'"):
            await store.get(name, "k")

    await runtime.run(main, "app:processes")


@BOTH
async def test_values_are_snapshots(runtime: Runtime, name: str) -> None:
    value = [1]
    await store.set(name, "k", value)
    value.append(2)
    (await store.get(name, "k")).append(3)
    (await store.items(name))[0][1].append(4)
    assert await store.get(name, "k") == [1]


@BOTH
async def test_keys_are_found_by_how_they_begin_in_their_order(runtime: Runtime, name: str) -> None:
    last = chr(0x10FFFF)
    for key in ("b", "a:2", "a:10", "a", "ä", "a:\ud7ff", last, last + "x", "A"):
        await store.set(name, key, key)
    assert await store.keys(name, "a:") == ["a:10", "a:2", "a:\ud7ff"]
    assert await store.keys(name, "a:\ud7ff") == ["a:\ud7ff"]
    assert await store.keys(name, last) == [last, last + "x"]
    assert await store.keys(name, limit=2) == ["A", "a"]
    assert await store.items(name, "a:", 1) == [("a:10", "a:10")]
    assert await store.keys(name, "none") == []
    assert len(await store.keys(name)) == 9


@BOTH
async def test_what_outlives_a_process_is_there_for_others(runtime: Runtime, name: str) -> None:
    async def put() -> None:
        await store.set(name, "k", str(process.pid()))

    async def take() -> object:
        return await store.get(name, "k")

    await runtime.run(put, "app:processes")
    assert await runtime.run(take, "app:processes") == "{app:processes|0x00002}"


@BOTH
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (lambda name: store.get(name, ""), "key: expected str of length >= 1"),
        (lambda name: store.set(name, 7, 1), "key: expected str, got int"),
        (lambda name: store.set(name, "k", 1, ttl=0), "not kept at all"),
        (lambda name: store.set(name, "k", 1, ttl="-1s"), "less than nothing"),
        (lambda name: store.set(name, "k", 1, ttl="soon"), "soon"),
        (lambda name: store.keys(name, 7), "prefix: expected str, got int"),
        (lambda name: store.keys(name, limit=-1), "limit: expected int >= 0, got -1"),
    ],
    ids=["no key", "key 7", "ttl 0", "ttl below", "ttl soon", "prefix 7", "limit below"],
)
async def test_a_wrong_request_is_refused(
    runtime: Runtime, name: str, body: Callable[[str], Any], words: str
) -> None:
    with pytest.raises(Invalid, match=words):
        await body(name)
    assert await store.keys(name) == []


async def test_what_is_no_store_is_refused(runtime: Runtime) -> None:
    with pytest.raises(NotFound, match="did you mean app:memory"):
        await store.get("app:memori", "k")
    with pytest.raises(Invalid, match=r"app:processes is a process\.host, and no store"):
        await store.get("app:processes", "k")
    with pytest.raises(Invalid, match="store: expected str, got int"):
        await store.get(7, "k")  # type: ignore[arg-type]  # what is tested


async def test_outside_a_process_there_is_no_store() -> None:
    with pytest.raises(Unavailable):
        await store.get("app:memory", "k")


# -- in memory


async def test_memory_expires_on_trios_clock(
    application: Application, autojump_clock: trio.testing.MockClock
) -> None:
    async def main() -> None:
        name = "app:memory"
        await store.set(name, "short", 1, ttl="1s")
        await store.set(name, "long", 1, ttl=10)
        await store.set(name, "set anew", 1, ttl="1s")
        await store.set(name, "set anew", 2)
        await trio.sleep(1)
        assert await store.get(name, "short", None) is None
        assert await store.delete(name, "short") is False
        assert await store.keys(name) == ["long", "set anew"]
        await trio.sleep(10)
        assert await store.items(name) == [("set anew", 2)]

    await run(application(ENTRIES), main)


async def test_a_full_store_takes_no_new_key(
    application: Application, autojump_clock: trio.testing.MockClock
) -> None:
    async def main() -> None:
        await store.set("app:small", "a", 1, ttl=1)
        await store.set("app:small", "b", 1)
        with pytest.raises(RateLimited, match=r"has 2 keys, as many as it may \(max_keys: 2\)"):
            await store.set("app:small", "c", 1)
        await store.set("app:small", "b", 2)
        await trio.sleep(1)
        await store.set("app:small", "c", 1)  # what has expired takes no room
        assert await store.keys("app:small") == ["b", "c"]

    await run(application(ENTRIES), main)


async def test_memory_keeps_what_a_message_may_carry(runtime: Runtime) -> None:
    value = (Pid("{app:processes|0x00001}"), {1, 2})
    await store.set("app:memory", "k", value)
    assert await store.get("app:memory", "k") == value


async def test_memory_remembers_no_more_expiries_than_keys(
    application: Application, autojump_clock: trio.testing.MockClock
) -> None:
    async with open_runtime(application(ENTRIES)) as runtime, runtime.attach():
        held = runtime.stores
        for n in range(2_000):
            await store.set("app:memory", "again", n, ttl="1h")
        assert len(held["app:memory"]._expiries) < 100
        for n in range(2_000):
            await store.set("app:memory", str(n), n, ttl=1 + n)
        for n in range(1_000, 2_000):
            await store.delete("app:memory", str(n))
        assert len(held["app:memory"]._expiries) < 2_100
        await trio.sleep(500)
        assert await store.get("app:memory", "498", None) is None
        assert await store.get("app:memory", "500") == 500
        await store.set("app:memory", "again", 1, ttl=1)
        await trio.sleep(1)
        assert await store.has("app:memory", "again") is False
        for n in range(500, 1_000):
            await store.delete("app:memory", str(n))
        assert len(held["app:memory"]._expiries) < 100
        assert await store.keys("app:memory") == []


def test_a_cancelled_operation_in_memory_is_done_or_not(application: Application) -> None:
    folder = application(ENTRIES)

    async def main() -> None:
        async with open_runtime(folder) as runtime, runtime.attach():
            await store.set("app:memory", "k", 1)
            assert await store.delete("app:memory", "k")

    assert sweep(main) > 3


# -- in SQLite


async def test_a_file_is_there_again_after_a_restart(application: Application) -> None:
    folder = application(ENTRIES)

    async def first() -> None:
        await store.set("app:file", "k", [1])

    async def second() -> None:
        assert await store.get("app:file", "k") == [1]

    await run(folder, first)
    assert [path.name for path in folder.glob("*.db*")] == ["data.db"]
    await run(folder, second)


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.glob("*.db*")}


async def test_a_new_file_is_for_its_owner_alone(
    runtime: Runtime, application: Application, restore_umask: None
) -> None:
    os.umask(0)
    folder = application(ENTRIES)
    (folder / "link.db").symlink_to("real.db")
    await store.set("app:file", "k", 1)
    await store.set("app:link", "k", 1)
    assert modes(folder) == dict.fromkeys(
        [f"{name}.db{more}" for name in ("data", "real") for more in ("", "-wal", "-shm")]
        + ["link.db"],
        0o600,
    )


async def test_a_file_that_is_there_keeps_its_mode(
    runtime: Runtime, application: Application
) -> None:
    file = application(ENTRIES) / "data.db"
    file.touch()
    file.chmod(0o640)
    await store.set("app:file", "k", 1)
    assert modes(file.parent) == dict.fromkeys(["data.db", "data.db-wal", "data.db-shm"], 0o640)


async def test_a_file_expires_by_the_wall_clock(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000_000.0
    monkeypatch.setattr(sqlite.time, "time", lambda: now)
    await store.set("app:file", "short", 1, ttl="1s")
    await store.set("app:file", "long", 1)
    now += 1
    assert await store.get("app:file", "short", None) is None
    assert await store.delete("app:file", "short") is False
    assert await store.keys("app:file") == ["long"]


async def test_what_has_expired_leaves_the_file(
    runtime: Runtime, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000_000.0
    monkeypatch.setattr(sqlite.time, "time", lambda: now)
    await store.set("app:file", "short", 1, ttl="1s")
    now += 1
    await store.set("app:file", "other", 1)
    connection = sqlite3.connect(application(ENTRIES) / "data.db")
    assert connection.execute("SELECT key FROM store").fetchall() == [("other",)]
    connection.close()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ((1, 2), "a tuple: only None"),
        ({"a": [1, {2}]}, r"what is at \['a'\]\[1\], a set"),
        ({1: 2}, "the key 1: only texts"),
        (2**64, "more than 64 bits"),
        (Pid("{a|0x1}"), "a Pid"),
        ("\ud800", "surrogate"),
    ],
)
async def test_a_file_refuses_what_would_come_back_as_another_thing(
    runtime: Runtime, value: object, words: str
) -> None:
    with pytest.raises(Invalid, match=words):
        await store.set("app:file", "k", value)
    assert await store.has("app:file", "k") is False


async def test_a_value_that_contains_itself_is_refused(runtime: Runtime) -> None:
    value: list[Any] = []
    value.append(value)
    for name in ("app:file", "app:memory"):
        with pytest.raises(Invalid, match="contains itself"):
            await store.set(name, "k", value)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=25, deadline=None)
@given(plain)
def test_plain_data_comes_back_as_it_was(value: Any) -> None:
    assert decode(encode(value)) == value


def test_a_number_that_is_none_comes_back_too() -> None:
    assert math.isnan(decode(encode(math.nan)))


async def test_a_key_with_half_a_surrogate_is_refused(runtime: Runtime) -> None:
    with pytest.raises(Invalid, match="surrogate"):
        await store.set("app:file", "\ud800", 1)


async def test_a_file_that_cannot_be_opened_is_a_fault_with_its_place(runtime: Runtime) -> None:
    with pytest.raises(ManifestError, match="cannot be opened: unable to open") as info:
        await store.get("app:nowhere", "k")
    assert info.value.file.endswith("_index.yaml")
    assert info.value.line


async def test_a_file_that_is_no_store_is_left_as_it_is(
    runtime: Runtime, application: Application
) -> None:
    notes = application(ENTRIES) / "notes.txt"
    notes.write_text("some notes\n" * 100)
    with pytest.raises(ManifestError, match="is not a database"):
        await store.set("app:text", "k", 1)
    assert notes.read_text() == "some notes\n" * 100


async def test_a_file_that_another_program_holds_is_unavailable(
    runtime: Runtime, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY", 0.01)
    await store.set("app:file", "k", 1)
    other = sqlite3.connect(application(ENTRIES) / "data.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="database is locked") as info:
        await store.set("app:file", "k", 2)
    assert info.value.retryable
    assert await store.get("app:file", "k") == 1
    other.execute("COMMIT")
    other.close()
    await store.set("app:file", "k", 2)


async def test_a_damaged_table_is_an_internal_error(
    runtime: Runtime, application: Application
) -> None:
    await store.set("app:file", "k", 1)
    other = sqlite3.connect(application(ENTRIES) / "data.db")
    other.execute("ALTER TABLE store ADD COLUMN more TEXT NOT NULL DEFAULT ''")
    other.close()
    with pytest.raises((Internal, Unavailable), match="4 columns"):
        await store.set("app:file", "k", 2)


def put_row(folder: Path, key: object, value: object) -> None:
    """Write a row as another program may."""
    other = sqlite3.connect(folder / "data.db")
    with other:
        other.execute("INSERT OR REPLACE INTO store VALUES (?, ?, NULL)", (key, value))
    other.close()


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"", "truncated"),
        (b"\xc1", "malformed"),
        (b"\x01\x01", "trailing"),
        (b"\xa2\xff\xff", "utf-8"),
        (b"\xdd\xff\xff\xff\xff", "truncated"),
        (b"\x91" * 100_000, "recursion"),
        ("a text", "bytes-like"),
        (7, "bytes-like"),
    ],
)
async def test_a_broken_row_is_an_error_that_names_it(
    runtime: Runtime, application: Application, value: object, why: str
) -> None:
    await store.set("app:file", "a", 1)
    put_row(application(ENTRIES), "b", value)
    for work in (store.get("app:file", "b"), store.items("app:file")):
        with pytest.raises(Internal, match=rf"store app:file: .*data\.db: .* key 'b' .*{why}"):
            await work
    assert await store.get("app:file", "a") == 1
    assert await store.keys("app:file") == ["a", "b"]
    assert await store.delete("app:file", "b")
    assert await store.items("app:file") == [("a", 1)]


async def test_a_key_that_is_no_text_is_an_error_that_names_it(
    runtime: Runtime, application: Application
) -> None:
    await store.set("app:file", "a", 1)
    put_row(application(ENTRIES), b"blob", b"\x01")
    for work in (store.keys("app:file"), store.items("app:file")):
        with pytest.raises(Internal, match=r"store app:file: .*data\.db: a key is b'blob'"):
            await work
    assert await store.get("app:file", "a") == 1


async def test_a_key_that_is_no_utf_8_is_an_error_that_is_not_tried_again(
    runtime: Runtime, application: Application
) -> None:
    await store.set("app:file", "a", 1)
    other = sqlite3.connect(application(ENTRIES) / "data.db")
    with other:
        other.execute("INSERT INTO store VALUES (CAST(x'62ff' AS TEXT), x'01', NULL)")
    other.close()
    with pytest.raises(Internal, match=r"store app:file: .*data\.db: .*UTF-8 column 'key'") as info:
        await store.keys("app:file")
    assert not info.value.retryable


async def test_a_file_goes_on_when_its_entry_changes(runtime: Runtime) -> None:
    await store.set("app:file", "k", 1)
    before = runtime.stores["app:file"]
    changes = registry.changes().update("app:file", {"file": "./data.db"})
    await changes.apply()
    assert await store.get("app:file", "k") == 1
    assert runtime.stores["app:file"] is before
    assert before.entry is runtime.registry.get("app:file")


async def test_another_file_is_another_store_and_the_first_is_let_go(
    runtime: Runtime, application: Application
) -> None:
    folder = application(ENTRIES)
    await store.set("app:file", "k", 1)
    await registry.changes().update("app:file", {"file": "other.db"}).apply()
    assert await store.keys("app:file") == []
    assert sorted(modes(folder)) == ["data.db", "other.db", "other.db-shm", "other.db-wal"]
    await registry.changes().update("app:file", {"file": "data.db"}).apply()
    assert await store.get("app:file", "k") == 1
    await registry.changes().update("app:file", {"kind": "store.memory", "file": None}).apply()
    assert await store.keys("app:file") == []
    assert sorted(modes(folder)) == ["data.db", "other.db"]


async def test_a_deleted_entry_lets_its_file_go(runtime: Runtime, application: Application) -> None:
    await store.set("app:file", "k", 1)
    await registry.changes().delete("app:file").apply()
    assert sorted(modes(application(ENTRIES))) == ["data.db"]


async def test_who_is_at_a_file_that_is_closed_ends_in_peace(
    runtime: Runtime, application: Application
) -> None:
    await store.set("app:file", "k", 1)
    held = runtime.stores["app:file"]
    gate, begun = threading.Event(), trio.Event()
    token = trio.lowlevel.current_trio_token()

    def work(db: sqlite3.Connection) -> None:
        token.run_sync_soon(begun.set)
        gate.wait()
        with db:
            db.execute("UPDATE store SET value = x'02'")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(held._do, work)
        await begun.wait()
        await registry.changes().delete("app:file").apply()
        assert "data.db-wal" in modes(application(ENTRIES))
        gate.set()
    assert sorted(modes(application(ENTRIES))) == ["data.db"]
    other = sqlite3.connect(application(ENTRIES) / "data.db")
    assert other.execute("SELECT value FROM store").fetchall() == [(b"\x02",)]
    other.close()
