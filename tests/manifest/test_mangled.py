"""Whatever a manifest holds, reading it ends in entries or in faults, and never in a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echosvc._manifest import loader
from echosvc._manifest.advice import advise
from echosvc._manifest.check import build, ordered
from echosvc._manifest.kinds import KINDS
from echosvc._manifest.lock import read_lock
from echosvc._manifest.overrides import parse
from echosvc._manifest.registry import Registry
from echosvc.errors import ManifestError

RELAXED = settings(  # a busy machine is no failure
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
SOUND = """\
version: "1.0"
namespace: app
entries:
  - name: processes
    kind: process.host
    mailbox: 100
    lifecycle: &lifecycle
      auto_start: true
      stop_timeout: 1m30s
      restart: {initial_delay: 1s, jitter: 0.5, max_attempts: 3}
  - name: relay
    kind: process.py
    source: file://relay.py
    modules:
      - time
      - channel
    meta: {command: relay, "said": 'so'}
  - name: relay-service
    kind: process.service
    process: app:relay
    host: app:processes
    args: [1, two, {three: '${env:HOME}'}]
    lifecycle: *lifecycle
  - name: top
    kind: process.supervisor
    strategy: rest_for_one
    host: app:processes
    children:
      - app:relay-service
      - {entry: app:relay, restart: transient, name: second}
"""

# No st.text() of all of Unicode: its first draw on a machine takes a second to build its tables.
CHARACTERS = st.sampled_from("abz_AZ09 \t\n\r\0\x1f\x85.,:;-=*&[]{}'\"#/\\é\u2028\ufeff漢😀")
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(CHARACTERS, max_size=8),
    st.sampled_from(["app:relay", "app:top", "5s", "process.host", "", "file://x", "*", "a\0b"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(CHARACTERS, max_size=6) | st.integers(), inner, max_size=4),
    ),
    max_leaves=8,
)
PIECES = [
    b"\t", b"\0", b"\xff", b": ", b"- ", b"\n", b"&a ", b"*a", b"{", b"}", b"[", b"]", b"'", b'"',
    b"!!", b"? ", b"<<: *lifecycle\n", b"---\n", b"%YAML 1.1\n", b"|\n", b"${env:", b"\xef\xbb\xbf",
    b"#", b"@", b"\\", b"0x", b"\xe2\x80\xa8", b"&lifecycle ", b"*lifecycle", b"\r", b"9" * 5000,
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mangled")
    (folder / "relay.py").write_text("async def main(): ...\n")
    return folder


T = TypeVar("T")


def outcome(make: Callable[[], T]) -> T | None:
    """Return what `make` makes, or None after a look at its faults; anything else escapes."""
    try:
        return make()
    except ManifestError as error:
        faults = error.faults
    assert faults
    for fault in faults:
        assert fault.message
        assert fault.line >= 0
        assert "\n" not in str(fault)
        assert str(fault).encode()
    return None


def load(folder: Path, data: bytes) -> None:
    (folder / "_index.yaml").write_bytes(data)
    registry = outcome(lambda: Registry.load(folder, env={"HOME": "/root"}))
    if registry is not None:
        assert all(entry.spec is not None for entry in registry)
        assert bool(registry.dependencies().levels) == bool(len(registry))
        assert all(str(warning) for warning in advise(folder, registry))


def test_the_sound_one_is_sound(folder: Path) -> None:
    (folder / "_index.yaml").write_text(SOUND)
    assert len(Registry.load(folder, env={"HOME": "/root"})) == 4


@RELAXED
@given(st.data())
def test_bytes_flipped_and_pieces_put_in(folder: Path, data: st.DataObject) -> None:
    text = bytearray(SOUND.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        how = data.draw(st.sampled_from(["flip", "put in", "cut", "repeat"]))
        if how == "flip" and at < len(text):
            text[at] = data.draw(st.integers(0, 255))
        elif how == "put in":
            text[at:at] = data.draw(st.sampled_from(PIECES))
        elif how == "cut":
            del text[at : at + data.draw(st.integers(1, 40))]
        else:
            text[at:at] = text[at : at + data.draw(st.integers(1, 200))]
    load(folder, bytes(text))


@RELAXED
@given(st.binary(max_size=200))
def test_any_bytes(folder: Path, data: bytes) -> None:
    load(folder, data)


@RELAXED
@given(st.text("ab:-[]{}&*!|>'\"%@`#?,\n \t<", max_size=60))
def test_any_punctuation(text: str) -> None:
    document = loader.read(text, {})
    is_blank = all(line.strip(" \t")[:1] in ("", "#") for line in text.split("\n"))
    assert document.root is not None or document.faults or is_blank


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    return [path, *(found for key, item in items for found in paths(item, (*path, key)))]


@RELAXED
@given(st.data())
def test_types_changed_and_keys_dropped(folder: Path, data: st.DataObject) -> None:
    root = loader.read(SOUND, {"HOME": "/root"}).root
    assert root is not None
    entries = root.plain()["entries"]
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(paths(entries)[1:]))
        holder = entries
        for step in path[:-1]:
            holder = holder[step]
        if data.draw(st.booleans()):
            holder[path[-1]] = data.draw(VALUES)
        else:
            del holder[path[-1]]
    made = [
        {"id": f"app:{entry.get('name')}", **entry} for entry in entries if isinstance(entry, dict)
    ]
    registry = outcome(lambda: Registry.from_entries(made, folder))
    assert registry is None or len(registry) == len(made)


@RELAXED
@given(st.text(CHARACTERS, max_size=20), st.text(CHARACTERS, max_size=20), st.booleans())
def test_any_override(path: str, value: str, is_whole: bool) -> None:
    text = f"app:relay:{path}={value}" if is_whole else path + value
    override = outcome(lambda: parse(text, {}))
    assert override is None or override.path


@RELAXED
@given(st.binary(max_size=60) | st.text("dirctoes: \n-'./{}[]&*", max_size=40))
def test_any_lock(tmp_path: Path, data: bytes | str) -> None:
    file = tmp_path / "echosvc.lock"
    file.write_bytes(data if isinstance(data, bytes) else data.encode())
    assert outcome(lambda: read_lock(file)) is None


def test_a_large_manifest_full_of_faults_is_read_to_its_end(tmp_path: Path) -> None:
    from echosvc._manifest.manifest import Draft
    from echosvc._manifest.node import node_of

    file = tmp_path / "_index.yaml"
    drafts = [
        Draft(
            "app",
            f"service{n}",
            "process.service",
            node_of({"process": f"app:proces{n}", "host": f"app:hots{n}", "x": 1}),
            file,
        )
        for n in range(2_000)
    ]
    faults = ordered(build(drafts, KINDS, set(), sources=True)[1])
    assert len(faults) == 6_000
