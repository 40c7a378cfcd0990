"""What Tab offers, in a real bash too."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from echosvc._cli import complete, scan

from .conftest import Shell


def _offered(shell: Shell, line: str, **env: str) -> list[str]:
    shell.env |= {"_ECHOSVC_COMPLETE": "complete_bash", "COMP_LINE": line} | env
    done = shell.apart()
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("echosvc re", ["registry"]),
        ("echosvc registry s", ["show"]),
        ("echosvc run --ho", ["--host"]),
        ("echosvc run --host app:p", ["processes"]),
        ("echosvc run -x app:c", ["cli"]),
        ("echosvc run -x app:te", ["terminal/app:cli", "terminal/app:worker"]),
        ("echosvc run -x app:terminal/app:c", ["cli"]),
        ("echosvc run ", ["list", "hello"]),
        ("echosvc run he", ["hello"]),
        ("echosvc run -x app:cli h", []),
        ("echosvc registry show app:w", ["worker"]),
        ("echosvc registry list --kind proc", ["process.host", "process.py"]),
        ("echosvc --color a", ["auto", "always"]),
        ("echosvc init -t w", ["worker-pool"]),
        ("echosvc completion z", ["zsh"]),
        ('echosvc run -x "app:c', ["app:cli"]),
    ],
)
def test_tab_offers_what_fits(app: Shell, line: str, offered: list[str]) -> None:
    assert _offered(app, line) == offered


def test_tab_works_in_the_middle_of_a_line(app: Shell) -> None:
    assert _offered(app, "echosvc reg show", COMP_POINT="11") == ["registry"]


def test_tab_where_there_is_no_application_offers_no_entry(shell: Shell) -> None:
    assert _offered(shell, "echosvc run -x app:") == []


def test_glance_sees_what_a_manifest_may_look_like(tmp_path: Path) -> None:
    (tmp_path / "_index.yaml").write_text(
        "# a comment\n"
        'version: "1.0"\n'
        "namespace: 'my.app'\n"
        "entries:\n"
        "- kind: process.py\n"
        '  name: "one"  # first\n'
        "  meta:\n"
        "    tags:\n"
        "      - name: not-an-entry\n"
        "    command:\n"
        "      name: first\n"
        "- name: two\n"
        "  kind: process.host\n"
        "  meta: {command: {name: second, short: x}}\n"
    )
    assert scan.entries(tmp_path) == [
        scan.Seen("my.app:one", "process.py", "first"),
        scan.Seen("my.app:two", "process.host", "second"),
    ]


def test_glance_at_something_else_finds_nothing(tmp_path: Path) -> None:
    (tmp_path / "_index.yaml").write_bytes(b"\xff\x00: [\n- - - name\n")
    assert scan.entries(tmp_path) == []
    assert scan.entries(tmp_path / "nowhere") == []
    assert scan.entries(None) == []


def test_glance_at_a_fifo_or_from_a_deleted_folder_finds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "_index.yaml")
    os.mkfifo(tmp_path / "echosvc.lock")
    assert scan.entries(tmp_path) == []
    monkeypatch.chdir(tmp_path)
    assert scan.source_folder(None) is None
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert scan.source_folder(None) is None


@pytest.mark.parametrize(
    ("line", "words", "last"),
    [
        ("echosvc ", ["echosvc"], ""),
        ("echosvc run -x app:c", ["echosvc", "run", "-x"], "app:c"),
        ("echosvc 'a b' c", ["echosvc", "a b"], "c"),
        ("echosvc 'a b", ["echosvc"], "a b"),
    ],
)
def test_line_is_split_as_the_shell_splits_it(line: str, words: list[str], last: str) -> None:
    assert complete.split(line) == (words, last, line.count("'") % 2 == 1)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_an_id_behind_its_colon(app: Shell) -> None:
    bin = app.folder / "bin"
    app.write("bin/echosvc", f'#!/bin/sh\nexec "{sys.executable}" -m echosvc "$@"\n').chmod(0o755)
    script = (
        f'PATH="{bin}:$PATH"\n'
        'eval "$(echosvc completion bash)"\n'
        'COMP_LINE="echosvc run -x app:te" COMP_POINT=21\n'
        "COMP_WORDS=(echosvc run -x app : te) COMP_CWORD=5\n"
        "_echosvc_completion echosvc te :\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        cwd=app.folder,
        env=app.env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["terminal/app:cli", "terminal/app:worker"]
