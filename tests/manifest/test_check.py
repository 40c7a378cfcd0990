"""Bad manifests: each fault with file, line, column, entry, what is wrong and what to do."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from echosvc._manifest.check import check

MAIN = "async def main(*args):\n    return args\n"

Faults = Callable[..., list[str]]
Write = Callable[..., Path]

HOST = "- {name: h, kind: process.host}\n"
GOOD = """\
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
  - name: relay
    kind: process.py
    source: file://relay.py
    method: main
    modules: [process, channel, time]
  - name: relay-service
    kind: process.service
    process: app:relay
    host: app:processes
    lifecycle:
      auto_start: true
"""


def lines(folder: Path | str, *overrides: str) -> list[str]:
    return [str(fault) for fault in check(folder, overrides, env={})]


def test_sound_folder_has_no_faults(write: Write) -> None:
    assert lines(write(GOOD, **{"relay.py": MAIN})) == []


@pytest.mark.parametrize(
    ("manifest", "fault"),
    [
        ("", "_index.yaml:1:1: is empty, a manifest has version, namespace and entries"),
        ("# nothing\n", "_index.yaml:1:1: is empty, a manifest has version, namespace and entries"),
        (
            "- a\n",
            (
                "_index.yaml:1:1: a manifest is a mapping, and this is a list, "
                "begin with version, namespace and entries"
            ),
        ),
        (
            "hello\n",
            (
                "_index.yaml:1:1: a manifest is a mapping, and this is a string, "
                "begin with version, namespace and entries"
            ),
        ),
        ("namespace: app\n", "_index.yaml:1:1: has no entries, write entries: and list them below"),
        (
            "entries: []\n",
            ("_index.yaml:1:1: has no namespace, write namespace: app, say, at the top"),
        ),
        (
            "namespace: 5\nentries: []\n",
            ("_index.yaml:1:12: a namespace is a string, and this is a number"),
        ),
        (
            "namespace: a b\nentries: []\n",
            ("_index.yaml:1:12: 'a b' is no namespace, use letters, digits, '_', '-' and '.'"),
        ),
        (
            "namespace: a\nentries: {}\n",
            ("_index.yaml:2:10: entries is a list, and this is a mapping"),
        ),
        (
            'version: "2"\nnamespace: a\nentries: []\n',
            ("_index.yaml:1:10: version '2' is unknown, write version: \"1.0\""),
        ),
        (
            "namespace: a\nentries:\n  - b\n",
            (
                "_index.yaml:3:5: an entry is a mapping, and this is "
                "a string, write - name: … and kind: … below it"
            ),
        ),
        (
            "namespace: a\nentry: []\nentries: []\n",
            ("_index.yaml:2:1: unknown field 'entry', did you mean entries?"),
        ),
        (
            "namespace: a\ndepends_on: [a:b]\nentries: []\n",
            ("_index.yaml:2:1: unknown field 'depends_on', write it below lifecycle: of an entry"),
        ),
    ],
)
def test_malformed_manifest_is_one_fault(write: Write, manifest: str, fault: str) -> None:
    assert lines(write(manifest)) == [fault]


@pytest.mark.parametrize("version", ["", 'version: "1.0"\n', "version: 1.0\n"])
def test_version_may_be_left_out_or_unquoted(write: Write, version: str) -> None:
    assert lines(write(f"{version}namespace: a\nentries:\n")) == []


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("- kind: process.host", "_index.yaml:4:5: has no name, add name:"),
        ("- {name: a}", "_index.yaml:4:5: app:a: has no kind, add kind:"),
        (
            "- {Name: a, kind: process.host}",
            ("_index.yaml:4:5: has no name, write name: instead of Name:"),
        ),
        (
            "- {name: 5, kind: process.host}",
            ("_index.yaml:4:12: name is a string, and this is a number"),
        ),
        (
            "- {name: a/b, kind: process.host}",
            ("_index.yaml:4:12: app:a/b: 'a/b' is no name, use letters, digits, '_', '-' and '.'"),
        ),
        (
            "- {name: a, kind: process.lua}",
            (
                "_index.yaml:4:21: app:a: unknown kind 'process.lua', "
                "did you mean process.py, process.host or process.supervisor?"
            ),
        ),
        (
            "- {name: a, kind: process.host, meta: 5}",
            (
                "_index.yaml:4:41: app:a: meta is a mapping, "
                "and this is a number, "
                "write key: value below it"
            ),
        ),
        ("- {name: a, kind: process.py}", "_index.yaml:4:5: app:a: has no source, add source:"),
        (
            "- {name: a, kind: process.host, malbox: 1}",
            ("_index.yaml:4:35: app:a: unknown field 'malbox', did you mean mailbox?"),
        ),
        (
            "- {name: a, kind: process.host, mailbox: big}",
            ("_index.yaml:4:44: app:a: mailbox: expected int, got str"),
        ),
        (
            "- {name: a, kind: process.host, mailbox: -1}",
            ("_index.yaml:4:44: app:a: mailbox: expected int >= 0, got -1"),
        ),
        (
            "- {name: a, kind: process.host, mailbox: true}",
            ("_index.yaml:4:44: app:a: mailbox: expected int, got bool"),
        ),
        (
            "- {name: a, kind: process.host, allow: all}",
            ("_index.yaml:4:42: app:a: allow: expected a list, got str"),
        ),
        (
            "- {name: a, kind: process.host, allow: [x, 5]}",
            ("_index.yaml:4:46: app:a: allow: expected str, got int"),
        ),
        (
            "- {name: a, kind: process.host, stop_timeout: 2sek}",
            (
                "_index.yaml:4:49: app:a: stop_timeout: not a duration: '2sek'; "
                "write numbers with units (ns us ms s m h), like '1h30m'"
            ),
        ),
        (
            "- {name: a, kind: process.host, stop_timeout: -1}",
            ("_index.yaml:4:49: app:a: stop_timeout: a duration of -1 is less than nothing"),
        ),
        (
            "- {name: a, kind: process.host, stop_timeout: [1]}",
            (
                "_index.yaml:4:49: app:a: "
                "stop_timeout: expected a duration such as 10s or 1m30s, got a list"
            ),
        ),
        (
            "- {name: a, kind: process.host, lifecycle: on}",
            ("_index.yaml:4:46: app:a: lifecycle: expected a mapping, got str"),
        ),
        (
            "- {name: a, kind: process.host, lifecycle: }",
            ("_index.yaml:4:35: app:a: lifecycle: expected a mapping, got nothing"),
        ),
        (
            "- {name: a, kind: process.host, lifecycle: {startup: requird}}",
            (
                "_index.yaml:4:56: "
                "app:a: lifecycle.startup: expected required or optional, got 'requird', "
                "did you mean required?"
            ),
        ),
        (
            "- {name: a, kind: process.host, lifecycle: {restart: {jitter: 2}}}",
            ("_index.yaml:4:65: app:a: lifecycle.restart.jitter: expected float <= 1.0, got 2"),
        ),
        (
            "- {name: a, kind: process.host, lifecycle: {restart: {jiter: 1}}}",
            ("_index.yaml:4:57: app:a: unknown field 'jiter', did you mean jitter?"),
        ),
        (
            "- {name: a, kind: process.host, depends_on: [app:b]}",
            ("_index.yaml:4:35: app:a: unknown field 'depends_on', write it below lifecycle:"),
        ),
        (
            "- {name: a, kind: process.host, jitter: 1}",
            ("_index.yaml:4:35: app:a: unknown field 'jitter', write it below lifecycle.restart:"),
        ),
        (
            "- {name: a, kind: process.host, lifecycle: {mailbox: 1}}",
            (
                "_index.yaml:4:47: app:a: unknown field 'mailbox', "
                "write it beside lifecycle:, and not below it"
            ),
        ),
        (
            "- {name: a, kind: process.host, lifecycle: {restart: {startup: optional}}}",
            (
                "_index.yaml:4:57: app:a: unknown field 'startup', "
                "write it beside restart:, and not below it"
            ),
        ),
        (
            "- {name: a, kind: process.host, lifecycle: {meta: {}}}",
            (
                "_index.yaml:4:47: app:a: unknown field 'meta', "
                "write it beside lifecycle:, and not below it"
            ),
        ),
        (
            "- {name: a, kind: process.py, depends_on: [app:b], source: 'file://p.py'}",
            (
                "_index.yaml:4:33: app:a: unknown field 'depends_on', "
                "write it below lifecycle: in the process.service that runs this"
            ),
        ),
        (
            "- {name: a, kind: process.py, lifecycle: {}, source: 'file://p.py'}",
            (
                "_index.yaml:4:33: app:a: unknown field 'lifecycle', "
                "write it in the process.service that runs this"
            ),
        ),
        (
            "- {name: a, kind: store.memory, depends_on: [app:b]}",
            ("_index.yaml:4:35: app:a: unknown field 'depends_on', there is max_keys"),
        ),
        (
            "- {name: a, kind: process.supervisor, children: [{requires: [], entry: app:a}]}",
            (
                "_index.yaml:4:53: app:a: unknown field 'requires', "
                "there are entry, restart, host, args, name, stop_timeout"
            ),
        ),
        (
            "- {name: a, kind: process.host, lifecycle: {requires: [app:b]}}",
            (
                "_index.yaml:4:58: app:a: lifecycle.requires names 'app:b', and there is no "
                "such entry, "
                "name an entry of kind terminal.host, process.host, process.service or "
                "process.supervisor"
            ),
        ),
        (
            "- {name: a, kind: process.host, lifecycle: {requires: [app:a]}}",
            (
                "_index.yaml:4:58: app:a: each waits for the next, so none can start: app:a "
                "→ app:a, "
                "take one of these out"
            ),
        ),
        (
            "- {name: a, kind: process.host, mailbox: '${env:NOPE}'}",
            (
                "_index.yaml:4:44: app:a: the "
                "environment variable NOPE is not set, set it, or give a default: ${env:NOPE:-…}"
            ),
        ),
    ],
)
def test_fault_in_an_entry_names_its_field(faults: Faults, entry: str, fault: str) -> None:
    assert faults(entry)[0] == fault


def test_all_faults_of_an_entry_are_named(faults: Faults) -> None:
    entry = """
        - name: a
          kind: process.host
          mailbox: x
          alow: []
          lifecycle:
            auto_start: 1
            restart: {jitter: -1, max_attempts: x}
            requires: [app:nope]
    """
    assert [fault.partition(" ")[0] for fault in faults(entry)] == [
        "_index.yaml:6:14:",
        "_index.yaml:7:5:",
        "_index.yaml:9:19:",
        "_index.yaml:10:25:",
        "_index.yaml:10:43:",
        "_index.yaml:11:18:",
    ]


def test_faults_of_all_files_come_sorted_in_one_go(write: Write) -> None:
    bad = "namespace: {}\nentries:\n  - {{name: x, kind: nope}}\n  - {{name: y, kind: nope}}\n"
    folder = write(
        bad.format("top"),
        **{"b/_index.yaml": bad.format("b"), "a/c/_index.yaml": "a: b: c\n"},
    )
    assert [line.partition(": ")[0] for line in lines(folder)] == [
        "_index.yaml:3:21",
        "_index.yaml:4:21",
        "a/c/_index.yaml:1:5",
        "b/_index.yaml:3:21",
        "b/_index.yaml:4:21",
    ]


def test_duplicate_id_names_both_places(write: Write) -> None:
    host = "namespace: app\nentries:\n  - name: a\n    kind: process.host\n"
    folder = write(host, **{"sub/_index.yaml": "# twice\n" + host})
    assert lines(folder) == [
        (
            "sub/_index.yaml:4:11: app:a: the id app:a is taken, first in _index.yaml:3, "
            "rename one of them"
        )
    ]


def test_duplicate_key_in_an_entry_names_the_entry(faults: Faults) -> None:
    entry = "- name: a\n  kind: process.host\n  mailbox: 1\n  mailbox: 2\n"
    assert faults(HOST + entry) == [
        "_index.yaml:8:5: app:a: the key 'mailbox' stands here twice, first in line 7, delete one"
    ]


def test_reference_to_nothing_says_what_was_meant(faults: Faults) -> None:
    entries = """
        - {name: relay, kind: process.py, source: file://m.py}
        - {name: processes, kind: process.host}
        - {name: s, kind: process.service, process: app:rely, host: app:procesess}
        - {name: t, kind: process.service, process: relay, host: app:relay}
        - {name: u, kind: process.service, process: ap:relay, host: zzz}
    """
    assert faults(entries, **{"m.py": MAIN}) == [
        (
            "_index.yaml:6:47: app:s: process names 'app:rely', and there is no such entry, "
            "did you mean app:relay?"
        ),
        (
            "_index.yaml:6:63: app:s: host names 'app:procesess', and there is no such entry, "
            "did you mean app:processes?"
        ),
        (
            "_index.yaml:7:47: app:t: process names 'relay', and there is no such entry, "
            "did you mean app:relay?"
        ),
        (
            "_index.yaml:7:60: app:t: host names app:relay, which is a process.py, "
            "name an entry of kind process.host or terminal.host"
        ),
        (
            "_index.yaml:8:47: app:u: process names 'ap:relay', and there is no such entry, "
            "did you mean app:relay?"
        ),
        (
            "_index.yaml:8:63: app:u: host names 'zzz', and there is no such entry, "
            "name an entry of kind process.host or terminal.host"
        ),
    ]


def test_reference_into_a_file_that_cannot_be_read_is_let_be(write: Write) -> None:
    other = "namespace: {}\nentries:\n  - name: h: x\n"
    service = (
        "namespace: app\nentries:\n"
        "  - {{name: p, kind: process.py, source: 'file://p.py', host: {}:h}}\n"
    )
    folder = write(service.format("far"), **{"p.py": MAIN, "x/_index.yaml": other.format("far")})
    assert [line.partition(" ")[0] for line in lines(folder)] == ["x/_index.yaml:3:12:"]
    write(service.format("near"))
    assert [line.partition(" ")[0] for line in lines(folder)] == [
        "_index.yaml:3:62:",
        "x/_index.yaml:3:12:",
    ]


def test_folder_that_is_not_there(write: Write) -> None:
    folder = write(**{"manifests/_index.yaml": "namespace: a\nentries: []\n", "file": ""})
    assert lines("manifest") == ["manifest: there is no such folder, did you mean manifests?"]
    assert lines("file") == ["file: is no folder, name its folder"]
    assert lines("a\0b")[0].startswith("a\0b: cannot be read: ")
    assert lines(folder) == []


def test_folder_without_a_manifest(write: Write) -> None:
    write(**{"src/_index.yml": "", "empty/x.py": ""})
    assert lines("empty") == [
        "empty: no _index.yaml in this folder or below, name the folder that has one"
    ]
    assert lines("src") == [
        "src: no _index.yaml in this folder or below, rename src/_index.yml to _index.yaml"
    ]


def test_manifest_that_is_a_folder(write: Write) -> None:
    (write() / "_index.yaml").mkdir()
    assert lines(".") == ["_index.yaml: cannot be read: it is a folder, and no file"]


def test_a_manifest_that_is_a_fifo_hangs_nobody(write: Write) -> None:
    os.mkfifo(write() / "_index.yaml")
    assert lines(".") == ["_index.yaml: cannot be read: it is a FIFO, and no file"]


def test_a_source_that_is_a_fifo_is_no_file(faults: Faults, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.py")
    fault = "_index.yaml:4:41: app:p: p.py is no file, write it, or correct the path"
    assert faults("- {name: p, kind: process.py, source: 'file://p.py'}") == [fault]


def test_a_manifest_that_is_too_large_is_not_read(write: Write) -> None:
    file = write() / "_index.yaml"
    file.touch()
    os.truncate(file, 2**40)  # it has no blocks on the disk, and no memory holds it
    fault = "it is too large: 1048576.0 MiB, and the limit is 16 MiB"
    assert lines(".") == [f"_index.yaml: cannot be read: {fault}"]


def test_hidden_folders_are_passed_over(write: Write) -> None:
    write("namespace: a\nentries: []\n", **{".venv/_index.yaml": "a: b: c"})
    assert lines(".") == []


def test_file_outside_the_current_folder_is_shown_whole(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write("a: b: c\n", **{"other/x": ""})
    monkeypatch.chdir(folder / "other")
    assert lines("..")[0].startswith(f"{folder}/_index.yaml:1:5: ")


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        (
            "nonsense",
            (
                "override 'nonsense' is malformed, write ns:entry:path=value, "
                "app:relay:mailbox=100, say"
            ),
        ),
        (
            "app:h=1",
            (
                "override 'app:h=1' is malformed, write ns:entry:path=value, "
                "app:relay:mailbox=100, say"
            ),
        ),
        (
            "app:h:a..b=1",
            (
                "override 'app:h:a..b=1' is malformed, write ns:entry:path=value, "
                "app:relay:mailbox=100, say"
            ),
        ),
        ("app:host:mailbox=1", "override app:host:mailbox=1: there is no entry app:host"),
        (
            "app:hh:mailbox=1",
            ("override app:hh:mailbox=1: there is no entry app:hh, did you mean app:h?"),
        ),
        ("app:h:mailbox=x", "override app:h:mailbox=x: app:h: mailbox: expected int, got str"),
        (
            "app:h:malbox=1",
            ("override app:h:malbox=1: app:h: unknown field 'malbox', did you mean mailbox?"),
        ),
        ("app:h:name=x", "override 'app:h:name=x' renames an entry, its name is its id"),
        (
            "app:h:kind.x=1",
            ("override app:h:kind.x=1: app:h: there is no x in a string, shorten the path"),
        ),
        (
            "app:h:mailbox=[",
            (
                "override app:h:mailbox=[: not YAML: expected the node content, "
                "but found '<stream end>', close every [ and {"
            ),
        ),
        (
            "app:h:allow.1=x",
            (
                "override app:h:allow.1=x: app:h: 1 is no place in a list of 0, "
                "count from 0; one past the last adds an item"
            ),
        ),
    ],
)
def test_override_that_fits_nothing_names_itself(faults: Faults, override: str, fault: str) -> None:
    assert faults("- {name: h, kind: process.host, allow: []}", [override]) == [fault]
