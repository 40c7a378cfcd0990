"""Supervision trees and dependencies: what waits for what, and what can never start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from echosvc._manifest.graph import dependencies
from echosvc._manifest.kinds import Child, Seconds
from echosvc._manifest.registry import Registry
from echosvc.errors import ManifestError

Faults = Callable[..., list[str]]


def host(name: str, *requires: str, **lifecycle: Any) -> dict[str, Any]:
    full = {"requires": [f"app:{other}" for other in requires], **lifecycle}
    return {"id": f"app:{name}", "kind": "process.host", "lifecycle": full}


def supervisor(name: str, *children: Any, **fields: Any) -> dict[str, Any]:
    full = [f"app:{child}" if isinstance(child, str) else child for child in children]
    return {"id": f"app:{name}", "kind": "process.supervisor", "children": full, **fields}


def service(name: str, *requires: str, host: str = "h") -> dict[str, Any]:
    return {
        "id": f"app:{name}",
        "kind": "process.service",
        "process": "app:p",
        "host": f"app:{host}",
        "lifecycle": {"requires": [f"app:{other}" for other in requires]},
    }


@pytest.fixture
def registry(tmp_path: Any) -> Callable[..., Registry]:
    (tmp_path / "p.py").write_text("async def main(): ...\n")
    process = {"id": "app:p", "kind": "process.py", "source": "file://p.py"}

    def make(*entries: Mapping[str, Any]) -> Registry:
        return Registry.from_entries([process, *entries], tmp_path)

    return make


Make = Callable[..., Registry]


def faults_of(make: Make, *entries: Mapping[str, Any]) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        make(*entries)
    return [str(fault) for fault in caught.value.faults]


def test_independent_entries_share_a_level(registry: Make) -> None:
    levels = registry(host("a"), host("b", "a"), host("c", "a"), host("d", "b", "c"), host("e"))
    assert levels.dependencies().levels == (("app:a", "app:e"), ("app:b", "app:c"), ("app:d",))


def test_service_waits_for_its_host_and_what_it_requires(registry: Make) -> None:
    found = registry(service("s", "db"), host("h"), host("db", depends_on=["app:h"]))
    assert found.dependencies().levels == (("app:h",), ("app:db",), ("app:s",))
    assert found.dependencies().waits_for["app:s"] == {"app:h", "app:db"}


def test_host_of_the_process_of_a_service_comes_before_the_service(registry: Make) -> None:
    process = {"id": "app:q", "kind": "process.py", "source": "file://p.py", "host": "app:own"}
    found = registry(process, host("own"), host("h"), {**service("s"), "process": "app:q"})
    assert found.dependencies().waits_for["app:s"] == {"app:h", "app:own"}


def test_needed_gives_only_what_the_asked_for_wait_for(registry: Make) -> None:
    found = registry(host("a"), host("b", "a"), host("c"), host("d", "b")).dependencies()
    assert found.needed(["app:b"]) == (("app:a",), ("app:b",))
    assert found.needed(["app:c"]) == (("app:c",),)
    assert found.needed([]) == ()


@pytest.mark.parametrize(
    ("entries", "circle"),
    [
        ([host("a", "b"), host("b", "a")], "app:a → app:b → app:a"),
        ([host("a", "b"), host("b", "c"), host("c", "b")], "app:b → app:c → app:b"),
        ([host("a", "a")], "app:a → app:a"),
        ([supervisor("a", "b"), supervisor("b", "a")], "app:a → app:b → app:a"),
        ([host("h"), supervisor("a", "s"), service("s", "a")], "app:a → app:s → app:a"),
        (
            [host("h"), supervisor("a", "s", "t"), service("s", "t"), service("t")],
            "app:s → app:t → app:s",
        ),
        (
            [
                host("h"),
                *(supervisor("a", "s", "t"), service("s", "u"), service("t")),
                *(supervisor("b", "u"), service("u", "t")),
            ],
            "app:s → app:u → app:t → app:s",
        ),
        (
            [
                host("h"),
                *(supervisor("a", "s"), service("s", "u")),
                *(supervisor("b", "t", "u"), service("u"), service("t", "s")),
            ],
            "app:s → app:u → app:t → app:s",
        ),
        (
            [
                host("h"),
                *(supervisor("a", "s", "t"), service("s"), service("t", "u")),
                *(supervisor("b", "u", "v"), service("u"), service("v", "s")),
            ],
            "app:a → app:b → app:a",
        ),
    ],
)
def test_circle_is_shown(registry: Make, entries: list[dict[str, Any]], circle: str) -> None:
    (fault,) = faults_of(registry, *entries)
    assert f"so none can start: {circle}, take one of these out" in fault


def test_each_circle_is_a_fault_of_its_own(registry: Make) -> None:
    entries = [host("a", "b"), host("b", "a"), host("c", "d"), host("d", "c"), host("e", "a")]
    assert len(faults_of(registry, *entries)) == 2


def test_supervisor_is_started_for_its_children(registry: Make) -> None:
    found = registry(
        host("h"),
        host("db"),
        supervisor("top", "sub", "s"),
        supervisor("sub", "t"),
        service("s"),
        service("t", "db"),
        host("last", "t"),
    )
    tree = found.dependencies()
    assert tree.levels == (("app:h", "app:db"), ("app:top",), ("app:last",))
    assert tree.waits_for["app:top"] == {"app:h", "app:db"}
    assert tree.parents == {"app:sub": "app:top", "app:s": "app:top", "app:t": "app:sub"}
    assert tree.root("app:t") == "app:top"
    assert tree.needed(["app:t"]) == (("app:h", "app:db"), ("app:top",))


def test_children_are_ids_or_mappings(registry: Make) -> None:
    mapping = {
        "entry": "app:p",
        "host": "app:h",
        "restart": "transient",
        "name": "second",
        "args": [1, {"a": 2}],
        "stop_timeout": "1m",
    }
    found = registry(host("h"), supervisor("sup", "p", mapping, host="app:h", within="2s"))
    spec = found.get("app:sup").spec
    assert (spec.strategy, spec.max_restarts, spec.within) == ("one_for_one", 3, 2.0)
    assert spec.all_children() == [
        Child(entry="app:p"),
        Child(
            entry="app:p",
            host="app:h",
            restart="transient",
            name="second",
            args=[1, {"a": 2}],
            stop_timeout=Seconds(60),
        ),
    ]


def test_faults_of_children(faults: Faults) -> None:
    entries = """
        - {name: h, kind: process.host}
        - {name: p, kind: process.py, source: file://p.py}
        - {name: s, kind: process.service, process: app:p, host: app:h}
        - name: one
          kind: process.supervisor
          host: app:h
          children:
            - app:p
            - app:s
            - app:h
            - app:nope
            - {entry: app:p, name: second}
            - {entry: app:p, name: second}
        - name: two
          kind: process.supervisor
          strategy: one_for_al
          children:
            - app:s
            - {entry: app:p, host: app:h}
            - {entry: app:p, host: app:h, name: third, restart: always}
        - name: three
          kind: process.supervisor
          children:
            - {entry: app:p, name: fourth}
            - {entry: app:one, host: app:h}
    """
    assert [
        fault.removeprefix("_index.yaml:")
        for fault in faults(entries, **{"p.py": "async def main(): ...\n"})
    ] == [
        (
            "13:9: app:one: children names app:h, which is a process.host, "
            "name an entry of kind process.py, process.service or process.supervisor"
        ),
        (
            "14:9: app:one: children names 'app:nope', and there is no such entry, "
            "name an entry of kind process.py, process.service or process.supervisor"
        ),
        "16:9: app:one: second is a child here twice, give it a name: of its own",
        (
            "19:15: app:two: strategy: expected one_for_one, one_for_all or rest_for_one, "
            "got 'one_for_al', did you mean one_for_all or one_for_one?"
        ),
        (
            "23:59: app:two: children.restart: expected permanent, transient or temporary, "
            "got 'always'"
        ),
        (
            "27:9: app:three: the child app:p has no host, add host: to it, or to the supervisor "
            "for all its children"
        ),
        (
            "28:32: app:three: host is for processes, and app:one is a process.supervisor, "
            "leave it out"
        ),
    ]


@pytest.mark.parametrize(
    ("child", "cure"),
    [
        ("s", "leave it with one of them"),
        ("p", "give it a name: of its own"),
    ],
)
def test_child_of_two_supervisors_is_a_fault(registry: Make, child: str, cure: str) -> None:
    entries = [host("h"), service("s"), supervisor("a", child, host="app:h")]
    assert faults_of(registry, *entries, supervisor("b", child, host="app:h")) == [
        f"app:b: app:{child} is a child of app:a already, {cure}"
    ]


def test_process_with_names_may_be_a_child_of_several(registry: Make) -> None:
    named = [{"entry": "app:p", "name": name, "host": "app:h"} for name in ("x", "y")]
    assert len(registry(host("h"), supervisor("a", named[0]), supervisor("b", named[1]))) == 4


def test_dependencies_of_many_entries_in_a_row(registry: Make) -> None:
    chain = [host("h0"), *(host(f"h{n}", f"h{n - 1}") for n in range(1, 2_000))]
    levels = dependencies(registry(*reversed(chain))).levels
    assert len(levels) == 2_000
    assert levels[1_999] == ("app:h1999",)
