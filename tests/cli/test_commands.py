"""What the commands that start nothing print."""

from __future__ import annotations

import json

import pytest

from echosvc._version import __version__

from .conftest import MANIFEST, Shell


def test_version_is_a_line(shell: Shell) -> None:
    done = shell("version")
    assert (done.returncode, done.stdout) == (0, f"echosvc {__version__}\n")


def test_version_as_json_has_stable_keys(shell: Shell) -> None:
    assert list(json.loads(shell("version", "--json").stdout)) == [
        "echosvc",
        "python",
        "trio",
        "platform",
    ]


@pytest.mark.parametrize(
    "line",
    ["--src src registry list", "registry list --src src", "--src x registry list --src src"],
)
def test_global_options_stand_before_or_after_the_command(app: Shell, line: str) -> None:
    (app.folder / "echosvc.lock").unlink()
    done = app(*line.split())
    assert (done.returncode, done.stderr) == (0, "")
    assert "app:cli" in done.stdout


def test_lock_is_found_from_a_folder_below(app: Shell) -> None:
    (app.folder / "src" / "deep").mkdir()
    app.folder = app.folder / "src" / "deep"
    assert "app:cli" in app("registry", "list").stdout


def test_registry_list_prints_id_kind_and_place_in_columns(app: Shell) -> None:
    assert app("registry", "list").stdout.splitlines() == [
        "app:terminal   terminal.host  src/_index.yaml:4",
        "app:processes  process.host   src/_index.yaml:7",
        "app:cli        process.py     src/_index.yaml:10",
        "app:worker     process.py     src/_index.yaml:16",
    ]


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        ("--kind process.py", ["app:cli", "app:worker"]),
        ("--namespace app --kind terminal.host", ["app:terminal"]),
        ("--namespace other", []),
        ("--meta command", ["app:cli"]),
        ("--meta command.name=hello", ["app:cli"]),
        ("--meta command.name=other", []),
    ],
)
def test_registry_list_filters(app: Shell, filters: str, ids: list[str]) -> None:
    done = app("registry", "list", "--json", *filters.split())
    assert [entry["id"] for entry in json.loads(done.stdout)] == ids


def test_registry_list_as_json_has_stable_keys(app: Shell) -> None:
    entry, *_ = json.loads(app("registry", "list", "--json").stdout)
    assert list(entry) == ["id", "kind", "meta", "data", "file", "line", "column"]


def test_registry_show_has_the_defaults_too(app: Shell) -> None:
    done = app("registry", "show", "app:terminal", "-o", "app:terminal:mailbox=7")
    assert "  mailbox: 7\n" in done.stdout
    assert "    stop_timeout: 10.0\n" in done.stdout
    entry = json.loads(app("registry", "show", "app:terminal", "--json").stdout)
    assert entry["spec"]["lifecycle"]["stop_timeout"] == 10.0


SECRETS = """\
    meta: &meta
      notes: [a, "key ${env:SECRET}"]
      plain: $${env:SECRET}
  - name: s
    kind: process.service
    meta: *meta
    process: app:worker
    host: app:processes
    args: [1, {key: "${env:SECRET}"}, "${env:NONE:-x}"]
    lifecycle:
      stop_timeout: ${env:GRACE}
"""


def test_values_from_the_environment_are_shown_as_they_are_written(
    app: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    monkeypatch.setenv("GRACE", "7s")
    app.write("src/_index.yaml", MANIFEST + SECRETS)
    override = "app:s:lifecycle.restart={max_delay: '${env:GRACE}', jitter: 0}"
    for words in (["list"], ["show", "app:s"], ["show", "app:worker"]):
        for form in ([], ["--json"]):
            done = app("registry", *words, "-o", override, *form)
            assert (done.returncode, done.stderr) == (0, "")
            assert "hunter2" not in done.stdout
    entry = json.loads(app("registry", "show", "app:s", "-o", override, "--json").stdout)
    assert entry["meta"] == {"notes": ["a", "key ${env:SECRET}"], "plain": "$${env:SECRET}"}
    for fields in (entry["data"], entry["spec"]):
        assert fields["args"] == [1, {"key": "${env:SECRET}"}, "${env:NONE:-x}"]
        assert fields["lifecycle"]["stop_timeout"] == "${env:GRACE}"
        assert fields["lifecycle"]["restart"]["max_delay"] == "${env:GRACE}"
        assert fields["lifecycle"]["restart"]["jitter"] == 0
    assert entry["spec"]["lifecycle"]["start_timeout"] == 10.0


def test_run_list_shows_the_commands(app: Shell) -> None:
    assert app("run", "list").stdout == "hello  app:cli  says hello\n"
    assert json.loads(app("run", "--json", "list").stdout) == [
        {"command": "hello", "entry": "app:cli", "short": "says hello"}
    ]


def test_check_without_faults_prints_nothing_on_stdout(app: Shell) -> None:
    done = app("check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "no faults in src\n")


def test_check_prints_each_fault_in_a_line_and_executes_nothing(app: Shell) -> None:
    app.write("src/cli.py", "open('executed', 'w')\nasync def other():\n    pass\n")
    done = app("check")
    assert done.returncode == 4
    assert all(line.startswith("src/_index.yaml:") for line in done.stdout.splitlines())
    assert "app:cli" in done.stdout
    assert done.stderr == "2 faults\n"
    assert not (app.folder / "executed").exists()


def test_check_as_json_has_stable_keys(app: Shell) -> None:
    assert json.loads(app("check", "--json").stdout) == []
    app.write("src/cli.py", "def main(): pass\n")
    done = app("check", "--json")
    assert done.returncode == 4
    fault, *_ = json.loads(done.stdout)
    assert list(fault) == ["severity", "file", "line", "column", "entry", "message", "hint"]


def test_help_says_what_each_command_does(shell: Shell) -> None:
    done = shell("--help")
    assert done.returncode == 0
    for command in ("init", "run", "check", "registry", "tree", "completion", "version"):
        assert f"\n  {command} " in done.stdout
    assert "Options of every command" in shell("run", "-h").stdout
