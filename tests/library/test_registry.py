"""The entries of a running system: found, changed as one, and gone back to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from echosvc import Runtime, events, funcs, open_runtime, process, registry, store
from echosvc.errors import (
    AlreadyExists,
    Conflict,
    GaveUp,
    Invalid,
    ManifestError,
    NotFound,
    Unavailable,
)
from tests.runtime.conftest import Records
from tests.runtime.helpers import settle

Application = Callable[..., Path]

ENTRIES = """
    - {name: hello, kind: process.py, source: file://work.py, method: hello, meta: {role: demo}}
    - {name: named, kind: process.py, source: file://work.py, method: named, meta: {role: demo}}
    - {name: bad, kind: process.py, source: file://work.py, method: bad}
    - {name: keep, kind: process.service, process: "app:named", host: "app:processes",
       args: [keep], lifecycle: {auto_start: true, stop_timeout: 1s}}
    - {name: top, kind: process.service, process: "app:named", host: "app:processes",
       args: [top], lifecycle: {auto_start: true, requires: ["app:keep"]}}
    - {name: apart, kind: process.service, process: "app:hello", host: "app:processes",
       lifecycle: {auto_start: true}}
    - {name: double, kind: function.py, source: file://work.py, method: double}
    - {name: notes, kind: store.memory}
"""
NAMED = {"source": "file://work.py", "method": "named"}
WORK = """
    from echosvc import process

    async def hello(word="hello"):
        await process.inbox().receive()
        return word

    async def named(name, word="first"):
        process.registry.register(name)
        log.append(f"{name} up {word}")
        async for event in process.events():
            if event.kind is process.event.CANCEL:
                log.append(f"{name} down {word}")
                return

    async def bad(*args):
        raise RuntimeError("as told")

    async def double(n):
        return n * 2

    log = []
"""


@pytest.fixture
async def runtime(
    application: Application, autojump_clock: trio.testing.MockClock
) -> AsyncIterator[Runtime]:
    async with open_runtime(application(ENTRIES, work=WORK)) as runtime, runtime.attach():
        await settle()
        yield runtime


def took_place(runtime: Runtime) -> list[str]:
    """What the services of the application have said, since the last time."""
    log: list[str] = runtime.program("app:named").fn.__globals__["log"]
    said = list(log)
    log.clear()
    return said


def states(runtime: Runtime) -> dict[str, str]:
    return {info.id: info.state.value for info in runtime.services()}


# -- looking


async def test_an_entry_is_found_by_id(runtime: Runtime) -> None:
    entry = registry.get("app:hello")
    assert (entry.id, entry.kind, entry.meta) == ("app:hello", "process.py", {"role": "demo"})
    assert entry.data == {"source": "file://work.py", "method": "hello"}
    with pytest.raises(NotFound, match="no entry app:helo, did you mean app:hello"):
        registry.get("app:helo")


async def test_entries_are_found_by_kind_namespace_and_meta(runtime: Runtime) -> None:
    def ids(**wanted: Any) -> list[str]:
        return [entry.id for entry in registry.find(**wanted)]

    assert ids(meta={"role": "demo"}) == ["app:hello", "app:named"]
    assert ids(kind="process.py", meta={"role": "other"}) == []
    assert ids(kind="store.*") == ["app:notes"]
    assert ids(kind="process.service", namespace="a*") == ["app:keep", "app:top", "app:apart"]
    assert ids(namespace="other") == []
    assert len(ids()) == len(registry.snapshot()) == 9


async def test_what_is_given_out_is_a_copy(runtime: Runtime) -> None:
    registry.get("app:hello").meta["role"] = "mine"
    registry.get("app:keep").data["args"].append("mine")
    assert registry.get("app:hello").meta == {"role": "demo"}
    assert registry.get("app:keep").data["args"] == ["keep"]


async def test_a_snapshot_stays_as_it_is(runtime: Runtime) -> None:
    before = registry.snapshot()
    await registry.changes().delete("app:hello").delete("app:apart").apply()
    assert "app:hello" in before
    assert before.get("app:hello").kind == "process.py"
    assert (before.version, registry.version()) == (1, 2)
    assert "app:hello" not in registry.snapshot()


async def test_without_manifests_there_is_no_registry(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with open_runtime() as runtime, runtime.attach():
        for ask in (registry.snapshot, registry.changes, registry.versions):
            with pytest.raises(Unavailable, match="without manifests"):
                ask()
    with pytest.raises(Unavailable):
        registry.snapshot()


# -- creating


async def test_a_created_process_can_be_spawned_at_once(runtime: Runtime) -> None:
    changes = registry.changes()
    changes.create(
        {"id": "app:new", "kind": "process.py", "source": "file://work.py", "method": "hello"}
    )
    with pytest.raises(NotFound):
        process.spawn("app:new", "app:processes")
    assert await changes.apply() == 2
    pid = process.spawn_monitored("app:new", "app:processes", "hi")
    process.send(pid, "go")
    assert (await process.events().receive()).result.value == "hi"


async def test_a_created_service_is_started_if_it_starts_by_itself(runtime: Runtime) -> None:
    took_place(runtime)
    service = {"kind": "process.service", "process": "app:named", "host": "app:more"}
    await (
        registry.changes()
        .create({"id": "app:a", **service, "args": ["a"], "lifecycle": {"auto_start": True}})
        .create({"id": "app:b", **service, "args": ["b"]})
        .create({"id": "app:more", "kind": "process.host"})
        .apply()
    )
    await settle()
    assert took_place(runtime) == ["a up first"]
    assert process.registry.lookup("a").host == "app:more"
    assert states(runtime)["app:a"] == "running"
    assert "app:b" not in states(runtime)
    await runtime.start("app:b")
    await settle()
    assert took_place(runtime) == ["b up first"]


async def test_a_created_function_can_be_called(runtime: Runtime) -> None:
    entry = {"kind": "function.py", "source": "file://work.py", "method": "double"}
    await registry.changes().create({"id": "app:twice", **entry}).apply()
    assert await funcs.call("app:twice", 4) == 8


# -- updating


async def test_an_updated_service_is_restarted_and_others_are_not(runtime: Runtime) -> None:
    took_place(runtime)
    apart = process.info().pid, states(runtime)
    await registry.changes().update("app:top", {"args": ["top", "second"]}).apply()
    await settle()
    assert took_place(runtime) == ["top down first", "top up second"]
    assert (process.info().pid, states(runtime)) == apart


async def test_what_stands_on_an_updated_service_is_restarted_in_order(runtime: Runtime) -> None:
    took_place(runtime)
    await registry.changes().update("app:keep", {"args": ["keep", "second"]}).apply()
    await settle()
    assert took_place(runtime) == [
        "top down first",
        "keep down first",
        "keep up second",
        "top up first",
    ]


async def test_a_service_is_restarted_with_its_process(runtime: Runtime) -> None:
    took_place(runtime)
    (before,) = [info.pid for info in runtime.services() if info.id == "app:apart"]
    await registry.changes().update("app:named", {"mailbox": 10}).apply()
    await settle()
    assert sorted(took_place(runtime)) == [
        "keep down first",
        "keep up first",
        "top down first",
        "top up first",
    ]
    pid = process.registry.lookup("keep")
    assert process.info(pid).mailbox_limit == 10
    assert [info.pid for info in runtime.services() if info.id == "app:apart"] == [before]


async def test_all_on_an_updated_host_is_restarted(runtime: Runtime) -> None:
    took_place(runtime)
    loose = process.spawn_monitored("app:hello", "app:processes")
    await registry.changes().update("app:processes", {"max_processes": 50}).apply()
    event = await process.events().receive()
    assert event.sender == loose
    await settle()
    assert took_place(runtime) == [
        "top down first",
        "keep down first",
        "keep up first",
        "top up first",
    ]
    assert runtime.hosts["app:processes"].options.max_processes == 50


async def test_a_supervisor_is_restarted_with_what_it_consists_of(runtime: Runtime) -> None:
    child = {"entry": "app:child", "args": ["child"]}
    await (
        registry.changes()
        .create({"id": "app:child", "kind": "process.py", **NAMED})
        .create(
            {
                "id": "app:tree",
                "kind": "process.supervisor",
                "host": "app:processes",
                "children": [child],
                "lifecycle": {"auto_start": True},
            }
        )
        .apply()
    )
    await settle()
    assert took_place(runtime)[-1] == "child up first"
    await registry.changes().update("app:child", {"mailbox": 10}).apply()
    await settle()
    assert took_place(runtime) == ["child down first", "child up first"]
    changes = registry.changes().update("app:tree", {"children": [child | {"args": ["x", "y"]}]})
    await changes.apply()
    await settle()
    assert took_place(runtime) == ["child down first", "x up y"]
    await registry.changes().delete("app:tree").delete("app:child").apply()
    assert took_place(runtime) == ["x down y"]
    assert "app:tree" not in states(runtime)


async def test_an_update_of_meta_restarts_nothing(runtime: Runtime) -> None:
    took_place(runtime)
    await registry.changes().update("app:keep", {"meta": {"team": "x"}}).apply()
    assert registry.find(meta={"team": "x"})[0].id == "app:keep"
    assert took_place(runtime) == []
    assert registry.versions()[-1].updated == ("app:keep",)


async def test_none_takes_a_field_away(runtime: Runtime) -> None:
    await registry.changes().update("app:hello", {"meta": None, "mailbox": 5}).apply()
    await registry.changes().update("app:hello", {"mailbox": None}).apply()
    entry = registry.get("app:hello")
    assert entry.meta == {}
    assert "mailbox" not in entry.data


async def test_a_service_may_change_itself(runtime: Runtime) -> None:
    async def itself() -> None:
        await registry.changes().update("app:processes", {"mailbox": 7}).apply()

    await runtime.start_host("elsewhere")
    took_place(runtime)
    process.spawn(itself, "app:processes")  # which ends with its host, in the middle of it
    for _ in range(10):
        await settle()
    assert registry.version() == 2
    assert runtime.hosts["app:processes"].options.mailbox == 7
    assert took_place(runtime)[-1] == "top up first"


# -- deleting


async def test_a_deleted_service_is_stopped_in_order(runtime: Runtime) -> None:
    took_place(runtime)
    await registry.changes().delete("app:top").delete("app:keep").apply()
    assert took_place(runtime) == ["top down first", "keep down first"]
    assert list(states(runtime)) == ["app:apart"]
    with pytest.raises(NotFound):
        await runtime.start("app:keep")


async def test_what_a_deleted_entry_kept_is_let_go(runtime: Runtime) -> None:
    await store.set("app:notes", "k", 1)
    await funcs.call("app:double", 1)
    await registry.changes().delete("app:notes").delete("app:double").apply()
    assert (runtime.stores, runtime.functions) == ({}, {})
    with pytest.raises(NotFound):
        await store.get("app:notes", "k")


async def test_a_store_keeps_its_values_when_its_entry_is_updated(runtime: Runtime) -> None:
    await store.set("app:notes", "k", 1)
    await registry.changes().update("app:notes", {"max_keys": 10}).apply()
    assert await store.get("app:notes", "k") == 1


async def test_processes_of_a_deleted_entry_go_on(runtime: Runtime) -> None:
    entry = {"kind": "process.py", "source": "file://work.py", "method": "hello"}
    await registry.changes().create({"id": "app:new", **entry}).apply()
    pid = process.spawn_monitored("app:new", "app:processes")
    await registry.changes().delete("app:new").apply()
    process.send(pid, "go")
    assert (await process.events().receive()).result.value == "hello"


# -- refused, and as it was


async def test_a_fault_leaves_everything_as_it_was(runtime: Runtime) -> None:
    took_place(runtime)
    changes = registry.changes()
    changes.update("app:keep", {"host": "app:hello", "lifecycle": {"stop_timeout": "soon"}})
    changes.create({"id": "app:new", "kind": "process.py", "source": "file://nope.py"})
    changes.delete("app:double")
    with pytest.raises(ManifestError) as info:
        await changes.apply()
    texts = " | ".join(str(fault) for fault in info.value.faults)
    for words in ("lifecycle.stop_timeout", "nope.py", "host names app:hello"):
        assert words in texts
    assert (registry.version(), took_place(runtime)) == (1, [])
    assert await funcs.call("app:double", 2) == 4


async def test_what_others_refer_to_cannot_be_deleted(runtime: Runtime) -> None:
    with pytest.raises(
        ManifestError, match="process names 'app:named', and there is no such entry"
    ):
        await registry.changes().delete("app:named").apply()
    assert "app:named" in registry.snapshot()


async def test_a_source_that_does_not_load_is_refused(
    runtime: Runtime, application: Application
) -> None:
    took_place(runtime)
    application(ENTRIES, work=WORK, broken="import nothing_there\nasync def main(): ...\n")
    changes = registry.changes().update("app:keep", {"args": ["other"]})
    changes.create({"id": "app:new", "kind": "process.py", "source": "file://broken.py"})
    with pytest.raises(ManifestError, match="nothing_there"):
        await changes.apply()
    assert (registry.version(), took_place(runtime)) == (1, [])


async def test_a_source_outside_of_the_applications_folder_is_refused(runtime: Runtime) -> None:
    outside = {"id": "app:o", "kind": "process.py", "source": "file://../../../../etc/passwd"}
    with pytest.raises(ManifestError, match="outside of the application's folder"):
        await registry.changes().create(outside).apply()
    with pytest.raises(ManifestError, match="outside of the application's folder"):
        await registry.changes().update("app:hello", {"source": "file:///etc/passwd"}).apply()
    assert registry.version() == 1


async def test_what_does_not_start_is_taken_back(runtime: Runtime, records: Records) -> None:
    took_place(runtime)
    changes = registry.changes().update("app:top", {"args": ["top", "second"]})
    changes.create(
        {
            "id": "app:doomed",
            "kind": "process.service",
            "process": "app:bad",
            "host": "app:processes",
            "lifecycle": {"auto_start": True, "ready": "explicit"},
        }
    )
    with pytest.raises(GaveUp, match="app:doomed did not start"):
        await changes.apply()
    await settle()
    assert took_place(runtime)[-1] == "top up first"
    assert registry.version() == 1
    assert "app:doomed" not in registry.snapshot()
    assert set(states(runtime).values()) == {"running"}
    assert set(states(runtime)) == {"app:keep", "app:top", "app:apart"}
    (record,) = records.named("a change of the registry failed")
    assert record.levelname == "ERROR"


async def test_a_change_of_what_has_changed_meanwhile_is_a_conflict(runtime: Runtime) -> None:
    one, two = registry.changes(), registry.changes()
    await one.delete("app:hello").delete("app:apart").apply()
    with pytest.raises(Conflict, match="at version 2, and this was made for version 1") as info:
        await two.delete("app:double").apply()
    assert info.value.retryable
    assert "app:double" in registry.snapshot()


async def test_wrong_requests_are_refused_at_once(runtime: Runtime) -> None:
    changes = registry.changes()
    with pytest.raises(AlreadyExists, match="app:hello already"):
        changes.create({"id": "app:hello", "kind": "process.py"})
    with pytest.raises(Invalid, match="needs an id"):
        changes.create({"kind": "process.py"})
    with pytest.raises(NotFound):
        changes.update("app:nobody", {})
    with pytest.raises(NotFound):
        changes.delete("app:nobody")
    with pytest.raises(Invalid, match="name of app:hello is not to be changed"):
        changes.update("app:hello", {"name": "other"})
    with pytest.raises(Invalid, match="expected a dict"):
        changes.update("app:hello", 7)  # type: ignore[arg-type]  # what is tested
    with pytest.raises(Conflict, match="is deleted here"):
        changes.delete("app:hello").update("app:hello", {})
    with pytest.raises(Invalid, match="needs a kind"):
        await registry.changes().create({"id": "app:new"}).apply()
    assert registry.version() == 1


async def test_deleting_what_was_created_here_leaves_nothing(runtime: Runtime) -> None:
    changes = registry.changes().create({"id": "app:new", "kind": "store.memory"})
    changes.update("app:new", {"max_keys": 3}).delete("app:new")
    await changes.apply()
    assert len(registry.snapshot()) == 9


@pytest.mark.parametrize("steps", range(8))
async def test_a_cancelled_change_happens_wholly_or_not_at_all(
    runtime: Runtime, steps: int
) -> None:
    took_place(runtime)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(registry.changes().delete("app:top").apply)
        for _ in range(steps):
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    await settle()
    done = registry.version() == 2
    assert done or steps < 3
    assert took_place(runtime) == ["top down first"] * done
    assert ("app:top" in states(runtime)) is not done
    assert ("app:top" in registry.snapshot()) is not done


# -- versions


async def test_each_change_is_a_version(runtime: Runtime) -> None:
    started = trio.current_time()
    await trio.sleep(1)
    changes = registry.changes().delete("app:top").update("app:hello", {"mailbox": 4})
    await changes.create({"id": "app:new", "kind": "store.memory"}).apply()
    first, second = registry.versions()
    assert first.number == 1
    assert len(first.created) == 9
    assert (second.number, second.at) == (2, pytest.approx(started + 1))
    assert second.created == ("app:new",)
    assert second.updated == ("app:hello",)
    assert second.deleted == ("app:top",)


async def test_there_is_a_way_back(runtime: Runtime) -> None:
    await registry.changes().delete("app:top").apply()
    await registry.changes().update("app:keep", {"args": ["keep", "second"]}).apply()
    await settle()
    took_place(runtime)
    assert await registry.go_back(1) == 4
    await settle()
    assert took_place(runtime) == ["keep down second", "keep up first", "top up first"]
    assert registry.versions()[-1].created == ("app:top",)
    with pytest.raises(NotFound, match=r"no version 9 to go back to \(there are 1 to 4\)"):
        await registry.go_back(9)


async def test_a_change_is_told_on_the_bus(runtime: Runtime) -> None:
    news = events.subscribe("registry")
    await registry.changes().delete("app:double").apply()
    event = await news.receive()
    assert event.kind == "changed"
    assert event.data == {
        "version": 2,
        "created": (),
        "updated": (),
        "deleted": ("app:double",),
    }


async def test_a_runtime_that_stops_is_not_changed_any_more(
    application: Application, autojump_clock: trio.testing.MockClock
) -> None:
    async with open_runtime(application(ENTRIES, work=WORK)) as runtime, runtime.attach():
        changes = registry.changes().delete("app:double")
        runtime._stopping.begun = True
        with pytest.raises(Unavailable, match="is stopping"):
            await changes.apply()
        runtime._stopping.begun = False
