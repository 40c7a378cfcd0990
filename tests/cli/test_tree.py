"""`echosvc tree`: what is started in which order, who supervises it, and what it waits for."""

from __future__ import annotations

import json

import pytest

from .conftest import Shell

MANIFEST = """\
version: "1.0"
namespace: app
entries:
  - {name: terminal, kind: terminal.host}
  - {name: processes, kind: process.host, lifecycle: {auto_start: true}}
  - {name: db, kind: process.py, source: file://db.py, host: app:processes}
  - {name: web, kind: process.py, source: file://db.py}
  - {name: db-service, kind: process.service, process: app:db, host: app:processes}
  - name: inner
    kind: process.supervisor
    host: app:processes
    strategy: one_for_all
    children: [app:web, {entry: app:web, name: second, restart: transient}]
  - name: top
    kind: process.supervisor
    strategy: rest_for_one
    lifecycle: {auto_start: true}
    children: [app:db-service, app:inner, app:db]
  - name: other
    kind: process.service
    process: app:web
    host: app:processes
    lifecycle: {requires: [app:top], restart: {max_attempts: 3}}
"""


@pytest.fixture
def tree(shell: Shell) -> Shell:
    shell.write("echosvc.lock", "directories:\n  src: ./src\n")
    shell.write("src/_index.yaml", MANIFEST)
    shell.write("src/db.py", "async def main():\n    pass\n")
    return shell


def test_tree_as_text(tree: Shell) -> None:
    done = tree("tree")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "app:terminal               terminal.host       does not start by itself\n"
        "app:processes              process.host\n"
        "app:top                    process.supervisor  rest_for_one, 3 restarts within 5s\n"
        "├─ app:db-service          process.service     runs app:db on app:processes, permanent\n"
        "│  └─ needs app:processes\n"
        "├─ app:inner               process.supervisor  one_for_all, 3 restarts within 5s, "
        "permanent\n"
        "│  ├─ needs app:processes\n"
        "│  ├─ app:web              process.py          on app:processes, permanent\n"
        "│  └─ second               process.py          runs app:web on app:processes, transient\n"
        "└─ app:db                  process.py          on app:processes, permanent\n"
        "app:other                  process.service     runs app:web on app:processes, "
        "3 restarts at most, does not start by itself\n"
        "├─ needs app:processes\n"
        "└─ needs app:top\n"
    )


def test_tree_as_json_has_stable_keys(tree: Shell) -> None:
    nodes = json.loads(tree("tree", "--json").stdout)
    assert [node["id"] for node in nodes] == [
        "app:terminal", "app:processes", "app:top", "app:other",
    ]  # fmt: skip
    assert [node["level"] for node in nodes] == [0, 0, 1, 2]
    top, other = nodes[2:]
    keys = ["id", "name", "kind", "level", "auto_start", "supervisor", "process", "host"]
    keys += ["strategy", "max_restarts", "within", "restart", "backoff", "needs", "children"]
    assert list(top) == list(top["children"][0]) == keys
    assert (top["strategy"], top["max_restarts"], top["within"]) == ("rest_for_one", 3, 5.0)
    second = top["children"][1]["children"][1]
    assert (second["id"], second["name"], second["restart"]) == ("app:web", "second", "transient")
    assert (second["supervisor"], second["host"]) == ("app:inner", "app:processes")
    assert other["needs"] == ["app:processes", "app:top"]
    assert other["backoff"]["max_attempts"] == 3


def test_tree_as_a_graph(tree: Shell) -> None:
    lines = [line.strip() for line in tree("tree", "--dot").stdout.splitlines()]
    assert (lines[0], lines[-1]) == ("digraph echosvc {", "}")
    assert '"app:top" -> "app:inner";' in lines
    assert '"app:inner" -> "app:inner/second";' in lines
    assert '"app:inner/second" -> "app:web" [style=dotted];' in lines
    assert '"app:other" -> "app:top" [style=dashed];' in lines
    assert len(lines) == len(set(lines))


def test_tree_in_two_shapes_is_a_wrong_command_line(tree: Shell) -> None:
    done = tree("tree", "--json", "--dot")
    assert (done.returncode, done.stdout) == (2, "")


def test_tree_of_nothing_says_so(tree: Shell) -> None:
    tree.write("src/_index.yaml", "version: '1.0'\nnamespace: app\nentries: []\n")
    done = tree("tree")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "there is nothing to start: no entry has a lifecycle\n"
    assert tree("tree", "--json").stdout == "[]\n"


def test_tree_of_faulty_manifests_is_their_faults(tree: Shell) -> None:
    tree.write("src/_index.yaml", MANIFEST.replace("[app:top]", "[app:tpo]"))
    done = tree("tree")
    assert (done.returncode, done.stdout) == (4, "")
    assert "did you mean app:top?" in done.stderr
