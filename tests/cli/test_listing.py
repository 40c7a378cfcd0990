"""What is printed where stdout has few signs: ASCII, Latin-1."""

from __future__ import annotations

import json
import subprocess

import pytest

from .conftest import SECONDS, Shell

TREE = """\
version: "1.0"
namespace: app
entries:
  - {name: processes, kind: process.host}
  - name: worker
    kind: process.py
    source: file://cli.py
    modules: [io]
    meta: {command: {name: go, short: héllo → 日}}
  - name: top
    kind: process.supervisor
    host: app:processes
    children:
      - {entry: app:worker, name: one}
      - {entry: app:worker, name: two}
"""


@pytest.fixture
def trees(app: Shell) -> Shell:
    app.write("src/_index.yaml", TREE)
    return app


def _run(shell: Shell, encoding: str, *args: str) -> tuple[int, str, str]:
    done = subprocess.run(
        shell.command(*args),
        cwd=shell.folder,
        env=shell.env | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_tree_is_drawn_with_what_there_is(trees: Shell, encoding: str) -> None:
    code, out, err = _run(trees, encoding, "tree")
    assert (code, err) == (0, "")
    fine = _run(trees, "utf-8", "tree")[1]
    assert "├─ " in fine
    assert "└─ " in fine
    assert out == fine.replace("├─ ", "|- ").replace("└─ ", "`- ").replace("│  ", "|  ")


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("ascii", r"h\xe9llo \u2192 \u65e5"), ("latin-1", r"héllo \u2192 \u65e5")],
)
def test_what_has_no_sign_is_escaped(trees: Shell, encoding: str, shown: str) -> None:
    code, out, err = _run(trees, encoding, "run", "list")
    assert (code, err) == (0, "")
    assert out == f"go  app:worker  {shown}\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_json_stays_json(trees: Shell, encoding: str) -> None:
    code, out, _ = _run(trees, encoding, "run", "list", "--json")
    assert code == 0
    assert json.loads(out)[0]["short"] == "héllo → 日"


@pytest.mark.parametrize("line", ["--help", "run --help", "help tree", "check", "tree --dot"])
def test_every_command_can_say_what_it_says_in_ascii(trees: Shell, line: str) -> None:
    code, _, err = _run(trees, "ascii", *line.split())
    assert code == 0
    assert "Traceback" not in err
