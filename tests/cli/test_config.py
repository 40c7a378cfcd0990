"""`echosvc.yaml`, `--config` and `--set`: what they may say, and that a run does as they say."""

from __future__ import annotations

import contextlib
import json
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echosvc._cli.config import configure
from echosvc._cli.exits import UsageFault
from echosvc._cli.settings import SETTABLE, Settings
from echosvc.errors import ManifestError

from .conftest import MANIFEST, Shell

SOUND = """\
log:
  level: ${env:LEVEL:-debug}
  format: json
shutdown: {timeout: 1m30s}
mailbox: &box
  size: 12
"""
FAULTS = [
    ("log: {levl: info}", "1:7: unknown field 'levl', did you mean level?"),
    ("lgo: {level: info}", "1:1: unknown field 'lgo', did you mean log?"),
    ("name: x", "1:1: unknown field 'name', there are log, shutdown, mailbox"),
    ("log:\n  level: inf", "2:10: log.level: expected debug, info, warn, error or off, got 'inf'"),
    ("log:\n  format: xml", "2:11: log.format: expected text or json, got 'xml'"),
    ("log: loud", "1:6: log: expected a mapping, got str"),
    ("- log", "1:1: a configuration is a mapping, and this is a list, its sections are log, shut"),
    ("shutdown: {timeout: 5 parsecs}", "1:21: shutdown.timeout: not a duration: '5 parsecs'"),
    ("shutdown: {timeout: -1}", "1:21: shutdown.timeout: a duration of -1 is less than nothing"),
    ("mailbox: {size: -1}", "1:17: mailbox.size: expected int >= 0"),
    ("mailbox:\n  size: ${env:NOBODY}", "2:9: the environment variable NOBODY is not set"),
    ("log: {level: info}\nlog: {}", "2:1: "),
    ("log: [", "not YAML"),
    ("log: *nothing", "1:6: "),
    ("log: &a [*a]", "1:10: "),
    ("\0", "1:1: not YAML"),
]


@pytest.mark.parametrize(("text", "said"), FAULTS, ids=[row[0] for row in FAULTS])
def test_fault_of_the_configuration_has_its_place_and_starts_nothing(
    app: Shell, text: str, said: str
) -> None:
    app.write("echosvc.yaml", text)
    for command in (["run", "hello"], ["check"], ["registry", "list"]):
        done = app(*command)
        assert done.returncode == 4
        lines = (done.stdout + done.stderr).splitlines()
        assert lines[0].startswith("echosvc.yaml:")
        assert any(said in line for line in lines)


SET_FAULTS = [
    ("log.levl=info", "unknown field 'levl', did you mean level?"),
    ("lgo.level=info", "unknown field 'lgo', did you mean log?"),
    ("log.level=inf", "log.level: expected debug, info, warn, error or off, got 'inf'"),
    ("log.level.more=1", "log.level: expected debug, info, warn, error or off, got {'more': 1}"),
    ("log=1", "write --set log.level=debug, say"),
    ("log.level", "write --set log.level=debug, say"),
    ("log.=x", "write --set log.level=debug, say"),
    ("shutdown.timeout=soon", "not a duration: 'soon'"),
    ("log.level=[", "not YAML"),
    ("mailbox.size=${env:NOBODY}", "the environment variable NOBODY is not set"),
]


@pytest.mark.parametrize(("text", "said"), SET_FAULTS, ids=[row[0] for row in SET_FAULTS])
def test_set_that_fits_nothing_is_a_wrong_command_line(app: Shell, text: str, said: str) -> None:
    done = app("run", "--set", text, "hello")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: --set '{text}'")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_config_that_is_not_there_is_a_wrong_command_line(app: Shell) -> None:
    done = app("run", "--config", "nowhere.yaml", "hello")
    assert done.returncode == 2
    assert (
        done.stderr == "error: --config nowhere.yaml is not there, name a file like echosvc.yaml\n"
    )
    assert app("run", "--config", "src", "hello").returncode == 2


def test_faults_of_configuration_and_manifests_are_said_together(app: Shell) -> None:
    app.write("echosvc.yaml", "log: {levl: info}\n")
    app.write("src/_index.yaml", MANIFEST + "    nonsense: 1\n")
    done = app("run", "hello")
    assert done.returncode == 4
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == [
        "echosvc.yaml",
        "src/_index.yaml",
    ]


def test_values_come_from_the_file_the_environment_and_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "echosvc.yaml").write_text(SOUND)
    found = configure(Settings(), tmp_path)
    assert (found.log.level, found.log.format) == ("debug", "json")
    assert (found.shutdown.timeout, found.mailbox.size) == (90.0, 12)
    monkeypatch.setenv("LEVEL", "error")
    assert configure(Settings(), tmp_path).log.level == "error"
    nothing = configure(Settings(), tmp_path / "elsewhere")
    assert (nothing.log.level, nothing.log.format) == (None, "text")
    assert (nothing.shutdown.timeout, nothing.mailbox.size) == (None, 65_536)


def test_later_file_wins_and_set_wins_over_all(tmp_path: Path) -> None:
    (tmp_path / "echosvc.yaml").write_text("log: {format: json}\n")
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("log: {level: info}\nmailbox: {size: 1}\nshutdown: {timeout: 5}\n")
    two.write_text("# nothing yet\nmailbox: {size: 2}\n")
    files = (str(one), str(two))
    found = configure(Settings(config=files), tmp_path)
    assert (found.log.level, found.mailbox.size, found.shutdown.timeout) == ("info", 2, 5.0)
    assert found.log.format == "text", "--config is read instead of echosvc.yaml"
    found = configure(Settings(config=files, set=("mailbox.size=3", "log.level=warn")), tmp_path)
    assert (found.log.level, found.mailbox.size) == ("warn", 3)


def test_file_with_comments_only_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "echosvc.yaml").write_text("# log:\n#   level: debug\n")
    assert configure(Settings(), tmp_path).log.level is None


def test_every_path_that_tab_offers_can_be_set(tmp_path: Path) -> None:
    values = dict(zip(SETTABLE, ("debug", "json", "3s", "7"), strict=True))
    texts = tuple(path + value for path, value in values.items())
    found = configure(Settings(set=texts), tmp_path)
    assert (found.log.level, found.log.format) == ("debug", "json")
    assert (found.shutdown.timeout, found.mailbox.size) == (3.0, 7)


def test_configuration_stands_beside_the_lock_wherever_the_command_is_run(app: Shell) -> None:
    app.write("echosvc.yaml", "mailbox: {size: 5}\n")
    app.folder = app.folder / "src"
    shown = json.loads(app("registry", "show", "app:processes", "--json").stdout)
    assert shown["spec"]["mailbox"] == 5


def test_log_level_and_format_take_effect_and_options_win(app: Shell) -> None:
    app.write("echosvc.yaml", "log: {level: info, format: json}\n")
    records = [json.loads(line) for line in app.apart("run", "hello").stderr.splitlines()]
    assert "started" in [record["message"] for record in records]
    assert app.apart("run", "-s", "hello").stderr == ""
    assert "INFO  echosvc.run started" in app.apart("run", "--log-format", "text", "hello").stderr
    assert app.apart("run", "--set", "log.level=off", "hello").stderr == ""


def test_mailbox_size_holds_for_hosts_that_say_nothing(app: Shell) -> None:
    app.write(
        "src/cli.py",
        "from echosvc import errors, io, process\n\n\n"
        "async def main():\n"
        "    for n in range(5):\n"
        "        try:\n"
        "            process.send(process.pid(), 'x', n)\n"
        "        except errors.MailboxFull:\n"
        "            return n\n",
    )
    assert app.apart("run", "--set", "mailbox.size=2", "hello").returncode == 2
    override = ("-o", "app:terminal:mailbox=3")
    assert app.apart("run", "--set", "mailbox.size=2", *override, "hello").returncode == 3
    assert app.apart("run", "hello").returncode == 0


STUBBORN = """
  - name: service
    kind: process.service
    process: app:worker
    host: app:processes
    lifecycle: {auto_start: true, stop_timeout: 1h}
"""
STUBBORN_SOURCE = """\
from echosvc import logger, process, time


async def main():
    process.events()
    logger.info("up")
    await time.sleep("1h")
"""


def test_shutdown_timeout_ends_what_does_not_stop_in_time(app: Shell) -> None:
    app.write("src/_index.yaml", MANIFEST.replace("[io]", "[logger, time]") + STUBBORN)
    app.write("src/cli.py", STUBBORN_SOURCE)
    child = app.start("run", "--set", "shutdown.timeout=10ms")
    assert child.stderr is not None
    while "started" not in child.stderr.readline():
        pass
    child.send_signal(signal.SIGTERM)
    _, err = child.communicate()
    assert child.returncode == 143
    assert "not stopped in time, the rest is terminated seconds=0.01" in err
    assert "Traceback" not in err


def test_shutdown_timeout_holds_for_the_end_of_a_command_too(app: Shell) -> None:
    app.write(
        "src/_index.yaml",
        MANIFEST.replace("[io]", "[logger, time]")
        + STUBBORN
        + "  - {name: done, kind: process.py, source: 'file://done.py', meta: {command: done}}\n",
    )
    app.write("src/cli.py", STUBBORN_SOURCE)
    app.write("src/done.py", "async def main():\n    return 7\n")
    done = app.apart("run", "--set", "shutdown.timeout=10ms", "done")
    assert done.returncode == 7
    assert "not stopped in time" in done.stderr


PIECES = [
    b"\t", b"\0", b"\xff", b": ", b"- ", b"\n", b"*box", b"&box ", b"{", b"}", b"[", b"]", b"'",
    b"!!", b"? ", b"<<: *box\n", b"---\n", b"|\n", b"${env:", b"\xef\xbb\xbf", b"#", b"9" * 400,
    b"{" * 100, b"1" * 5000, b"log: ", b"size: ",
]  # fmt: skip


@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_mangled_configuration_is_a_configuration_or_faults(
    tmp_path: Path, data: st.DataObject
) -> None:
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
            text[at:at] = text[at : at + data.draw(st.integers(1, 60))]
    (tmp_path / "echosvc.yaml").write_bytes(text)
    faults: tuple[ManifestError, ...] = ()
    try:
        assert configure(Settings(), tmp_path).log.format in ("text", "json")
    except ManifestError as error:
        faults = error.faults or (error,)
    assert all(fault.line >= 0 and "\n" not in str(fault) for fault in faults)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text("logevmaibxsz.=[]{}:&*'\"\0\n 19é", max_size=30))
def test_mangled_set_is_a_configuration_or_a_usage_fault(tmp_path: Path, text: str) -> None:
    for given_text in (text, f"log.level={text}", f"mailbox.size={text}"):
        with contextlib.suppress(UsageFault):
            assert configure(Settings(set=(given_text,)), tmp_path).mailbox.size >= 0
