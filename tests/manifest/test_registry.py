"""The registry: entries by id, all of them sound, or none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from echosvc._manifest import source
from echosvc._manifest.kinds import (
    KINDS,
    Kind,
    Lifecycle,
    ProcessPy,
    ProcessService,
    Reference,
    Restart,
)
from echosvc._manifest.registry import Registry
from echosvc.errors import ManifestError, NotFound

Write = Callable[..., Path]

SEED = """\
version: "1.0"
namespace: app
entries:
  - name: terminal
    kind: terminal.host
    lifecycle:
      auto_start: true
  - name: processes
    kind: process.host
    lifecycle:
      auto_start: true
  - name: cli
    kind: process.py
    source: file://m.py
    modules: [time, process, channel]
    meta:
      command: {name: chat, tags: [a]}
  - name: relay
    kind: process.py
    source: file://m.py
    mailbox: ${env:MAILBOX:-100}
  - name: relay-service
    kind: process.service
    process: app:relay
    host: app:processes
    args: [1, {a: [2]}]
    lifecycle:
      auto_start: true
      stop_timeout: 1m30s
      restart: {max_delay: 0.5}
"""


@pytest.fixture
def folder(write: Write) -> Path:
    return write(SEED, **{"m.py": "async def main(*args): return args\n"})


def test_entries_come_in_the_order_of_the_files(write: Write, folder: Path) -> None:
    other = "namespace: {}\nentries:\n  - {{name: x, kind: process.host}}\n"
    write(**{"b/_index.yaml": other.format("b"), "a/_index.yaml": other.format("a")})
    assert [entry.id for entry in Registry.load(folder)] == [
        "app:terminal",
        "app:processes",
        "app:cli",
        "app:relay",
        "app:relay-service",
        "a:x",
        "b:x",
    ]


def test_entry_has_what_was_written_and_what_it_means(folder: Path) -> None:
    entry = Registry.load(folder, env={}).get("app:relay-service")
    assert (entry.namespace, entry.name, entry.kind) == ("app", "relay-service", "process.service")
    assert entry.data["lifecycle"] == {
        "auto_start": True,
        "stop_timeout": "1m30s",
        "restart": {"max_delay": 0.5},
    }
    assert entry.folder == folder
    assert isinstance(entry.spec, ProcessService)
    assert entry.spec.args == [1, {"a": [2]}]
    assert entry.spec.lifecycle.stop_timeout == 90.0
    assert entry.spec.lifecycle.restart == Restart(max_delay=entry.spec.lifecycle.restart.max_delay)


def test_defaults_are_those_of_the_design() -> None:
    lifecycle = Lifecycle()
    assert (lifecycle.auto_start, lifecycle.startup, lifecycle.ready) == (
        False,
        "required",
        "started",
    )
    assert (lifecycle.start_timeout, lifecycle.stop_timeout) == (10.0, 10.0)
    assert lifecycle.stable_threshold == 5.0
    restart = lifecycle.restart
    assert (restart.initial_delay, restart.max_delay, restart.backoff_factor) == (1.0, 90.0, 2.0)
    assert (restart.jitter, restart.max_attempts) == (0.1, 0)


def test_environment_sets_a_number(folder: Path) -> None:
    assert Registry.load(folder, env={}).get("app:relay").spec.mailbox == 100
    assert Registry.load(folder, env={"MAILBOX": "5"}).get("app:relay").spec.mailbox == 5


def test_where_gives_the_place_of_a_field(folder: Path) -> None:
    entry = Registry.load(folder).get("app:relay-service")
    assert entry.where() == ("_index.yaml", 22, 5)
    assert entry.where("lifecycle", "restart", "max_delay") == ("_index.yaml", 30, 28)
    assert entry.where("lifecycle", "restart", "max_delay", key=True) == ("_index.yaml", 30, 17)
    assert entry.where("lifecycle", "nope") == ("_index.yaml", 28, 7)
    assert entry.where("args", 1, "a", 0) == ("_index.yaml", 26, 20)


def test_fault_of_an_entry_is_an_error_with_its_place(folder: Path) -> None:
    fault = Registry.load(folder).get("app:relay").fault("is broken", "mailbox", hint="mend it")
    assert str(fault) == "_index.yaml:21:14: app:relay: is broken, mend it"


def test_get_of_an_unknown_id_names_the_near_ones(folder: Path) -> None:
    registry = Registry.load(folder)
    with pytest.raises(NotFound, match=r"^no entry app:rely, did you mean app:relay\?$"):
        registry.get("app:rely")
    with pytest.raises(NotFound, match=r"^no entry xyz$"):
        registry.get("xyz")
    assert registry.near("relay") == ["app:relay"]
    assert registry.near("app:proceses", kinds=["process.host"]) == ["app:processes"]
    assert registry.near("app:proceses", kinds=["process.py"]) == []


def test_find_takes_kind_namespace_and_meta(folder: Path) -> None:
    registry = Registry.load(folder)
    assert [entry.name for entry in registry.find(kind="process.py")] == ["cli", "relay"]
    assert registry.find(kind="process.py", namespace="b") == []
    command = {"name": "chat", "tags": ["a"]}
    assert [entry.name for entry in registry.find(meta={"command": command})] == ["cli"]
    assert registry.find(meta={"command": None}) == []
    assert len(registry.find()) == len(registry) == 5
    assert "app:cli" in registry
    assert "app:clu" not in registry


def test_overrides_are_applied_with_their_types(folder: Path) -> None:
    registry = Registry.load(
        folder,
        [
            "app:relay:mailbox=7",
            "app:relay:meta.note='7'",
            "app:relay-service:lifecycle.restart.max_attempts=3",
            "app:relay-service:args=[x, y]",
            "app:relay-service:args.2={z: 1}",
            "app:cli:modules.0=errors",
        ],
    )
    assert registry.get("app:relay").spec.mailbox == 7
    assert registry.get("app:relay").meta == {"note": "7"}
    service = registry.get("app:relay-service").spec
    assert service.lifecycle.restart.max_attempts == 3
    assert service.lifecycle.restart.max_delay == 0.5
    assert service.args == ["x", "y", {"z": 1}]
    assert registry.get("app:cli").spec.modules == ["errors", "process", "channel"]


def test_override_below_an_alias_leaves_the_other_alone(write: Write) -> None:
    folder = write("""\
        namespace: app
        entries:
          - {name: a, kind: process.host, lifecycle: &l {start_timeout: 1s}}
          - {name: b, kind: process.host, lifecycle: *l}
    """)
    registry = Registry.load(folder, ["app:b:lifecycle.start_timeout=2s"])
    assert registry.get("app:a").spec.lifecycle.start_timeout == 1.0
    assert registry.get("app:b").spec.lifecycle.start_timeout == 2.0


def test_load_raises_the_first_fault_with_all_of_them(write: Write, folder: Path) -> None:
    write(SEED.replace("host: app:processes", "host: app:proceses").replace("1m30s", "soon"))
    with pytest.raises(ManifestError) as caught:
        Registry.load(folder)
    assert [fault.line for fault in caught.value.faults] == [25, 29]
    assert caught.value is caught.value.faults[0]


def test_listing_without_sources_needs_no_files(write: Write, folder: Path) -> None:
    (folder / "m.py").unlink()
    assert len(Registry.load(folder, sources=False)) == 5
    with pytest.raises(ManifestError, match=r"there is no file m\.py"):
        Registry.load(folder)


async def test_entries_from_code_are_checked_the_same_way(folder: Path) -> None:
    relay = {"id": "x:relay", "kind": "process.py", "source": "file://m.py"}
    registry = Registry.from_entries([relay, {"id": "x:h", "kind": "process.host"}], folder)
    assert isinstance(registry.get("x:relay").spec, ProcessPy)
    assert await source.load(registry.get("x:relay"))(1, 2) == (1, 2)
    with pytest.raises(ManifestError) as caught:
        Registry.from_entries([relay | {"mailbox": "x"}, {"kind": "process.host"}], folder)
    assert [str(fault) for fault in caught.value.faults] == [
        "an entry needs an id 'ns:name' and a kind, and this has None, 'process.host'",
        "x:relay: mailbox: expected int, got str",
    ]


def test_empty_registry() -> None:
    assert len(Registry()) == 0
    assert Registry().dependencies().levels == ()


def test_every_kind_that_can_be_started_says_so() -> None:
    passive = [kind.name for kind in KINDS.values() if not kind.startable]
    assert passive == ["process.py", "function.py", "env.variable", "store.memory", "store.sqlite"]


class Greeter(msgspec.Struct, forbid_unknown_fields=True):
    """What an application's own kind says."""

    words: list[str]
    host: str


class Branch(msgspec.Struct, forbid_unknown_fields=True):
    """A kind whose fields are of its own type again."""

    leaves: int = 0
    left: Branch | None = None
    deep: dict[str, int] = {}


def test_a_kind_that_is_a_tree_is_searched_to_its_end(write: Write) -> None:
    kinds = {**KINDS, "branch": Kind("branch", Branch)}
    folder = write(
        "namespace: a\nentries:\n  - {name: b, kind: branch, left: {kind: x}, gone: 1}\n"
    )
    with pytest.raises(ManifestError) as caught:
        Registry.load(folder, kinds=kinds)
    assert [fault.hint for fault in caught.value.faults] == [
        "write it beside left:, and not below it",
        "there are leaves, left, deep",
    ]


def test_an_application_adds_a_kind_of_its_own(write: Write) -> None:
    kinds = {
        **KINDS,
        "greeter": Kind("greeter", Greeter, (Reference(("host",), ("process.host",)),)),
    }
    folder = write("""\
        namespace: app
        entries:
          - {name: h, kind: process.host}
          - {name: g, kind: greeter, words: [hi, ho], host: app:h}
    """)
    assert Registry.load(folder, kinds=kinds).get("app:g").spec == Greeter(["hi", "ho"], "app:h")
    with pytest.raises(ManifestError) as caught:
        Registry.load(folder, ["app:g:words=[1, 2]", "app:g:host=app:g"], kinds=kinds)
    assert [str(fault) for fault in caught.value.faults] == [
        (
            "override app:g:host=app:g: app:g: host names app:g, which is a greeter, "
            "name an entry of kind process.host"
        ),
        "override app:g:words=[1, 2]: app:g: words: expected str, got int",
    ]


def test_registry_stays_where_it_was_when_the_current_folder_changes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry.load(".", sources=False)
    monkeypatch.chdir("/")
    entry = registry.get("app:cli")
    assert entry.folder == folder
    assert entry.where()[0] == str(folder / "_index.yaml").removeprefix("/")
    assert source.load(entry).__name__ == "main"
