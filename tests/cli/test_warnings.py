"""`echosvc check`: what is no fault, and probably not meant."""

from __future__ import annotations

import json
import os

import pytest

from .conftest import MANIFEST, Shell

SERVICE = """
  - name: service
    kind: process.service
    process: app:worker
    host: app:processes
    lifecycle: {auto_start: true}
"""
LONELY = "  - {name: lonely, kind: process.py, source: 'file://lonely.py'}\n"


def warnings(app: Shell) -> list[str]:
    done = app("check")
    assert done.returncode == 0, "a warning changes no exit code"
    return done.stdout.splitlines()


def source(app: Shell, *lines: str) -> None:
    app.write("src/cli.py", "\n".join(["from echosvc import io, process", *lines, ""]))


def test_service_without_restart_policy(app: Shell) -> None:
    app.write("src/_index.yaml", MANIFEST + SERVICE)
    assert warnings(app) == [
        (
            "src/_index.yaml:25:16: app:service: warning: has no restart policy, and is restarted "
            "without an end (after 1s, then ever later up to 90s), write restart: "
            "{initial_delay: 1s, max_attempts: 0}, say, below its lifecycle:"
        )
    ]
    assert app("check").stderr == "no faults, 1 warning in src\n"
    with_policy = SERVICE.replace("true}", "true, restart: {max_attempts: 3}}")
    app.write("src/_index.yaml", MANIFEST + with_policy)
    assert warnings(app) == []


def test_child_of_a_supervisor_needs_no_restart_policy(app: Shell) -> None:
    app.write(
        "src/_index.yaml",
        MANIFEST
        + SERVICE
        + "  - name: top\n    kind: process.supervisor\n    children: [app:service]\n"
        "    lifecycle: {auto_start: true}\n",
    )
    assert warnings(app) == []


def test_field_of_a_lifecycle_that_has_no_effect(app: Shell) -> None:
    """Each is named where it stands, with what to write instead."""
    app.write(
        "src/_index.yaml",
        MANIFEST.replace("auto_start: true", "auto_start: true, stop_timeout: 3s", 1)
        + SERVICE
        + """
  - name: top
    kind: process.supervisor
    children: [app:below]
    lifecycle: {auto_start: true, start_timeout: 3s, restart: {max_attempts: 2}}

  - name: below
    kind: process.supervisor
    children: [app:service]
    lifecycle: {startup: optional}
""",
    )
    found = [line.partition("warning: ")[2] for line in warnings(app)]
    assert found == [
        (
            "stop_timeout has no effect on a terminal.host, write it beside lifecycle:, and not "
            "below it"
        ),
        "start_timeout has no effect on a process.supervisor, delete it",
        (
            "restart has no effect on a process.supervisor, delete it, or write startup: optional: "
            "the end of a required one ends all"
        ),
        "startup has no effect on a supervisor's child, delete it",
    ]
    text = (app.folder / "src/_index.yaml").read_text()
    optional = text.replace("start_timeout: 3s", "startup: optional")
    app.write("src/_index.yaml", optional.replace("{startup: optional}", "{auto_start: true}"))
    assert [line.partition("warning: ")[2] for line in warnings(app)] == found[:1]


def test_entry_that_nothing_starts(app: Shell) -> None:
    app.write("src/lonely.py", "async def main():\n    pass\n")
    app.write("src/_index.yaml", MANIFEST + LONELY)
    assert warnings(app) == [
        (
            "src/_index.yaml:20:5: app:lonely: warning: nothing starts it: no entry and no source "
            "names it, delete it, or give it a command for `echosvc run` (meta: {command: NAME})"
        )
    ]


@pytest.mark.parametrize(
    "line",
    [
        "    process.spawn('app:lonely', None)",
        "    [process.spawn(f'app:{name}', None) for name in ('lonely',)]",
    ],
)
def test_entry_that_a_source_names_is_used(app: Shell, line: str) -> None:
    app.write("src/lonely.py", "async def main():\n    pass\n")
    app.write("src/_index.yaml", MANIFEST + LONELY)
    source(app, "async def main():", line)
    assert warnings(app) == []


def test_entry_that_arguments_name_is_used(app: Shell) -> None:
    app.write("src/lonely.py", "async def main():\n    pass\n")
    service = SERVICE.replace("true}", "true, restart: {}}") + "    args: [[1, app:lonely]]\n"
    app.write("src/_index.yaml", MANIFEST + LONELY + service)
    assert warnings(app) == []


@pytest.mark.parametrize(
    "use",
    ["process.send('relai', 'x')", "await process.call('relai', 'x')",
     "process.registry.lookup('relai')", "await process.registry.wait('relai', timeout=1)"],
)  # fmt: skip
def test_name_that_nobody_registers(app: Shell, use: str) -> None:
    source(app, "async def main():", "    process.registry.register('relay')", f"    {use}")
    [line] = warnings(app)
    assert line.startswith("src/cli.py:4:")
    assert line.endswith(
        "app:cli: warning: no source registers the name relai, did you mean relay?"
    )


@pytest.mark.parametrize(
    "register",
    [
        "process.registry.register('relai')",
        "process.registry.register(NAME)",
        "process.registry.register(f'rel{1}')",
        "process.registry.register(io.args()[0])",
        "process.with_name('relai').spawn('app:cli', None)",
    ],
)
def test_name_that_may_be_registered(app: Shell, register: str) -> None:
    source(
        app,
        "NAME = 'relai'",
        "async def main():",
        f"    {register}",
        "    process.send('relai', 'x')",
    )
    assert warnings(app) == []


def test_names_that_cannot_be_told_are_let_be(app: Shell) -> None:
    source(
        app,
        "async def main():",
        "    process.send(process.pid(), 'x')",
        "    process.send('{app:processes|0x00001}', 'x')",
        "    socket.send('nobody', 'x')",
    )
    assert warnings(app) == []


def test_environment_within_the_folder_is_not_the_applications(app: Shell) -> None:
    app.write("src/env/pyvenv.cfg", "home = /usr\n")
    app.write("src/env/lib/x.py", "process.send('nobody', 'x')\n")
    assert warnings(app) == []
    app.write("src/lib/x.py", "process.send('nobody', 'x')\n")
    assert len(warnings(app)) == 1


def test_fifo_beside_the_sources_hangs_nobody(app: Shell) -> None:
    os.mkfifo(app.folder / "src" / "helper.py")
    assert warnings(app) == []


def test_warnings_as_json_stand_beside_faults(app: Shell) -> None:
    app.write("src/_index.yaml", MANIFEST + SERVICE)
    [warning] = json.loads(app("check", "--json").stdout)
    assert warning["severity"] == "warning"
    assert (warning["file"], warning["line"]) == ("src/_index.yaml", 25)
    app.write("src/_index.yaml", MANIFEST + SERVICE + "    nonsense: 1\n")
    done = app("check", "--json")
    assert done.returncode == 4
    assert [each["severity"] for each in json.loads(done.stdout)] == ["fault"]


@pytest.mark.parametrize("template", ["echo", "worker-pool", "service", "empty"])
def test_templates_have_no_warnings(shell: Shell, template: str) -> None:
    assert shell("init", "-t", template).returncode == 0
    assert warnings(shell) == []
