"""Services and trees under the real command: exit codes, and a stop under load."""

from __future__ import annotations

import re
import signal

import pytest

from .conftest import Shell

HOST = """\
version: "1.0"
namespace: app
entries:
  - name: processes
    kind: process.host
    lifecycle: {auto_start: true}
"""
LOCK = "directories:\n  src: ./src\n"

LOAD = """\
  - {name: counter, kind: process.py, source: "file://load.py", method: count}
  - {name: flood, kind: process.py, source: "file://load.py", method: flood}
  - name: counting
    kind: process.service
    process: app:counter
    host: app:processes
    args: [counted]
    lifecycle: {auto_start: true, ready: explicit}
  - name: one
    kind: process.service
    process: app:flood
    host: app:processes
    args: [one]
    lifecycle: {auto_start: true, ready: explicit, requires: [REQUIRED]}
  - name: two
    kind: process.service
    process: app:flood
    host: app:processes
    args: [two]
    lifecycle: {auto_start: true, ready: explicit, requires: [REQUIRED]}
"""

LOAD_SOURCE = """\
from pathlib import Path

import trio
from echosvc import channel, errors, process


async def count(file):
    seen = {"one": [], "two": []}
    inbox, events = process.inbox(), process.events()
    process.registry.register("counter")
    process.ready()
    while True:
        r = await channel.select(inbox, events)
        if r.channel is events:
            break
        seen[r.value.data[0]].append(r.value.data[1])
    backlog = len(inbox)
    while len(inbox):
        message = inbox.receive_nowait()
        seen[message.data[0]].append(message.data[1])
    assert all(numbers == list(range(len(numbers))) for numbers in seen.values())
    Path(file).write_text(f"{len(seen['one'])} {len(seen['two'])} {backlog}")


async def flood(name):
    events = process.events()
    await process.registry.wait("counter")
    sent = 0
    while not len(events):
        try:
            for _ in range(50):
                process.send("counter", "number", [name, sent])
                sent += 1
        except errors.MailboxFull:
            pass
        except errors.NotFound:
            break  # the counter has ended, and nobody accepts anything any more
        if sent > 2000:
            process.ready()
        await trio.lowlevel.checkpoint()
    Path(name).write_text(str(sent))
"""


@pytest.mark.parametrize("order", ["those who send first", "all at once"])
def test_sigterm_under_load_loses_no_message_that_was_accepted(shell: Shell, order: str) -> None:
    shell.write("echosvc.lock", LOCK)
    required = "app:counting" if order == "those who send first" else "app:processes"
    shell.write("src/_index.yaml", HOST + LOAD.replace("REQUIRED", required))
    shell.write("src/load.py", LOAD_SOURCE)
    child = shell.start("run")
    assert child.stderr is not None
    for line in child.stderr:
        if "started entries=" in line:
            break
    child.send_signal(signal.SIGTERM)
    _, err = child.communicate()
    assert child.returncode == 143, err
    sent = [int((shell.folder / name).read_text()) for name in ("one", "two")]
    one, two, _backlog = (int(word) for word in (shell.folder / "counted").read_text().split())
    assert [one, two] == sent
    assert min(sent) > 2000
    assert "dead letter" not in err


TREE = """\
  - {name: worker, kind: process.py, source: "file://p.py"}
  - name: top
    kind: process.supervisor
    max_restarts: 2
    host: app:processes
    children: [app:low]
    lifecycle: {auto_start: true}
  - name: low
    kind: process.supervisor
    max_restarts: 1
    host: app:processes
    children: [app:worker]
"""


def test_supervisor_that_gives_up_ends_the_run_with_3_and_says_why(shell: Shell) -> None:
    shell.write("echosvc.lock", LOCK)
    shell.write("src/_index.yaml", HOST + TREE)
    shell.write("src/p.py", "async def main():\n    raise ValueError('no way')\n")
    done = shell.apart("run", "--log-format", "json")
    assert done.returncode == 3
    assert "app:top gave up: more than 2 restarts within 5s" in done.stderr
    assert len(re.findall('"process app:[^ ]+ failed, and is restarted: ', done.stderr)) == 3
    assert done.stderr.count(' gave up"') == 4  # the lower one three times
    assert "crashed" not in done.stderr


def test_required_service_that_does_not_start_ends_the_run_with_3(shell: Shell) -> None:
    shell.write("echosvc.lock", LOCK)
    service = """\
  - {name: worker, kind: process.py, source: "file://p.py"}
  - name: service
    kind: process.service
    process: app:worker
    host: app:processes
    lifecycle: {auto_start: true, ready: explicit}
"""
    shell.write("src/_index.yaml", HOST + service)
    shell.write("src/p.py", "async def main():\n    raise ValueError('no way')\n")
    done = shell.apart("run")
    assert done.returncode == 3
    assert "required service app:service did not start" in done.stderr
    assert "ValueError: no way" in done.stderr


def test_check_finds_what_is_wrong_with_a_tree(shell: Shell) -> None:
    shell.write("echosvc.lock", LOCK)
    faults = """\
  - {name: worker, kind: process.py, source: "file://p.py"}
  - {name: one, kind: process.supervisor, host: app:processes, children: [app:wroker]}
  - {name: two, kind: process.supervisor, host: app:processes, children: [app:low]}
  - {name: three, kind: process.supervisor, host: app:processes, children: [app:low]}
  - {name: low, kind: process.supervisor, host: app:processes, children: [app:worker]}
  - {name: a, kind: process.supervisor, host: app:processes, children: [app:b]}
  - {name: b, kind: process.supervisor, host: app:processes, children: [app:a]}
"""
    shell.write("src/_index.yaml", HOST + faults)
    shell.write("src/p.py", "async def main(): ...\n")
    done = shell("check")
    assert done.returncode == 4
    said = done.stdout + done.stderr
    assert "children names 'app:wroker', and there is no such entry" in said
    assert "app:worker" in said
    assert "app:low is a child of app:two already" in said
    assert "app:a → app:b → app:a" in said
