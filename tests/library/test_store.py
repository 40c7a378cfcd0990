"""Stores: in memory on a clock that we move, in SQLite on the real ones."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from echosvc import Pid, Runtime, open_runtime, process, store
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
"""
BOTH = pytest.mark.parametrize("name", ["app:memory", "app:file"])


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
