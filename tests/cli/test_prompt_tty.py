"""The prompt of `echosvc run`, line by line of what it promises, on a real terminal."""

from __future__ import annotations

import stat
from collections.abc import Callable

import pytest

from echosvc._terminal.history import history_path

from .conftest import MANIFEST, Shell
from .terminals import Terminal

Start = Callable[..., Terminal]
CTRL_C, CTRL_D, CTRL_R, CTRL_Z = "\x03", "\x04", "\x12", "\x1a"
LEFT, UP, BACKSPACE = "\x1b[D", "\x1b[A", "\x7f"
PASTE, PASTED = "\x1b[200~", "\x1b[201~"
ASKING = """\
from echosvc import io


async def main():
    while (line := await io.readline("> ")) is not None:
        io.print("got", line)
"""


def source(app: Shell, text: str, *modules: str) -> None:
    """Make this the source of the terminal's process, and of all others."""
    listed = ", ".join(("io", *modules))
    manifest = (app.folder / "src/_index.yaml").read_text()
    app.write("src/_index.yaml", manifest.replace("[io]", f"[{listed}]"))
    app.write("src/cli.py", text)


@pytest.fixture
def asking(app: Shell, terminal: Start) -> Start:
    """Start an application that shows each line that it reads."""
    source(app, ASKING)

    def start(*options: str) -> Terminal:
        term = terminal("run", *options, "hello")
        term.until(lambda: term.prompted)
        return term

    return start


def test_history_is_kept_across_runs_and_searched(app: Shell, asking: Start) -> None:
    term = asking()
    for line in ("alpha one", "beta two", "beta two"):
        term.type(f"{line}\r")
        term.until(lambda: term.prompted and term.lines[term.screen.cursor.y] == ">")
    term.type(CTRL_D)
    assert term.end() == 0
    [file] = (app.folder / ".state").glob("echosvc/*/history")
    assert file == history_path(app.folder / "src", {"XDG_STATE_HOME": app.env["XDG_STATE_HOME"]})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_text().splitlines()) == 2, "no duplicates in a row"
    term = asking()
    term.type(UP)
    term.until("> beta two")
    term.type("\x15" + CTRL_R + "alp")
    term.until("alpha one")
    term.type("\r\r")
    term.until("got alpha one")


def test_history_file_is_cut_down_to_its_cap_and_keeps_the_newest(
    app: Shell, asking: Start
) -> None:
    file = history_path(app.folder / "src", {"XDG_STATE_HOME": app.env["XDG_STATE_HOME"]})
    assert file is not None
    file.parent.mkdir(parents=True)
    file.write_text("".join(f"old line {number}\n" for number in range(5000)))
    file.chmod(0o600)
    term = asking()
    term.type(UP)
    term.until("> old line 4999")
    term.type("\x15newest\r")
    term.until("got newest")
    term.type(CTRL_D)
    assert term.end() == 0
    lines = file.read_text().splitlines()
    assert len(lines) == 2001  # cut down to 2,000 when it was read, and then the new one
    assert lines[-2:] == ["old line 4999", "newest"]


def test_line_is_edited(asking: Start) -> None:
    term = asking()
    term.type(f"helo{LEFT}l")
    term.until("> hello")
    term.type("\x01>>\x05<<\r")
    term.until("got >>hello<<")


def test_wide_and_combining_characters_are_one_each(asking: Start) -> None:
    term = asking()
    term.type("漢字e\u0301x😀")
    term.until(lambda: "漢" in "".join(term.lines) and "😀" in "".join(term.lines))
    term.type(BACKSPACE * 2 + "!\r")
    term.until(lambda: "got 漢字é!".replace(" ", "") in "".join(term.lines).replace(" ", ""))


def test_several_pasted_lines_wait_for_enter_and_are_a_line_each(asking: Start) -> None:
    term = asking()
    term.type(f"{PASTE}one\ntwo\nthree\n{PASTED}")
    term.until("  three")
    assert not any(line.startswith("got") for line in term.lines)
    term.type("\r")
    term.until("got three")
    assert [line for line in term.lines if line.startswith("got")] == [
        "got one", "got two", "got three",
    ]  # fmt: skip


def test_resize_draws_the_prompt_again(asking: Start) -> None:
    term = asking()
    term.type("x" * 60)
    term.until("> " + "x" * 60)
    term.resize(40, 24)
    term.type("y")
    term.until(lambda: "xy" in "".join(term.lines))
    term.type("\r")
    term.until(lambda: f"got {'x' * 60}y" in "".join(term.lines))


def test_ctrl_z_and_fg_under_a_shell(app: Shell, terminal: Start) -> None:
    source(app, ASKING)
    app.env |= {"PS1": "sh$ ", "HISTFILE": "/dev/null"}
    term = terminal(program=("bash", "--norc", "--noprofile", "-i"))
    term.until("sh$")
    term.type(" ".join(app.command("run", "hello")) + "\n")
    term.until(lambda: term.prompted)
    term.type("hal" + CTRL_Z)
    term.until("Stopped")
    term.until(lambda: term.lines[term.screen.cursor.y].startswith("sh$"))
    term.type("fg\n")
    term.until(lambda: term.prompted and term.lines[term.screen.cursor.y].startswith("> hal"))
    term.type("f\r")
    term.until("got half")
    term.until(lambda: term.prompted)
    term.type(CTRL_D)
    term.until(lambda: term.lines[term.screen.cursor.y].startswith("sh$"))
    term.type("exit $?\n")
    assert term.end() == 0


def test_process_offers_completion(app: Shell, terminal: Start) -> None:
    source(
        app,
        "from echosvc import io\n\n\n"
        "def complete(text):\n"
        "    return ['relay', 'worker']\n\n\n"
        "async def main():\n"
        "    io.print('got', await io.readline('> ', completer=complete))\n",
    )
    term = terminal("run", "hello")
    term.until(lambda: term.prompted)
    term.type("stop w\t")
    term.until("> stop worker")
    term.type("\r")
    term.until("got stop worker")
    assert term.end() == 0


def test_password_is_neither_shown_nor_kept(app: Shell, terminal: Start) -> None:
    source(
        app,
        "from echosvc import io\n\n\n"
        "async def main():\n"
        "    word = await io.readline('> password: ', password=True)\n"
        "    io.print('got', len(word))\n"
        "    await io.readline('> ')\n",
    )
    term = terminal("run", "hello")
    term.until(lambda: term.prompted)
    term.type("secret\r")
    term.until("got 6")
    term.until(lambda: term.prompted)
    term.type(UP + "end\r")
    assert term.end() == 0
    assert b"secret" not in term.raw
    [file] = (app.folder / ".state").glob("echosvc/*/history")
    assert "secret" not in file.read_text()


def test_whatever_anyone_prints_is_above_the_prompt(app: Shell, terminal: Start) -> None:
    source(
        app,
        "import sys\nimport threading\nimport warnings\n\n"
        "from echosvc import channel, coroutine, io, logger, process\n\n\n"
        "async def noise():\n"
        "    await process.inbox().receive()\n"
        "    print('printed', end=' ')\n"
        "    print('whole')\n"
        "    sys.stderr.write('to stderr\\n')\n"
        "    logger.error('logged')\n"
        "    warnings.warn('warned')\n"
        "    io.print('by io')\n"
        "    thread = threading.Thread(target=print, args=('from a thread',))\n"
        "    thread.start()\n"
        "    thread.join()\n"
        "    io.print('all said')\n\n\n"
        "async def main():\n"
        "    coroutine.spawn(noise)\n"
        "    io.print('got', await io.readline('> ', completer=ask))\n\n\n"
        "def ask(text):\n"
        "    process.send(process.pid(), 'go')\n"
        "    return []\n",
        "logger",
    )
    term = terminal("run", "hello")
    term.until(lambda: term.prompted)
    term.type("half\t")
    term.until("all said")
    term.until("> half")
    said = ["printed whole", "to stderr", "by io", "from a thread", "all said"]
    lines = [line for line in term.lines if line]
    assert [line for line in lines if line in said] == said
    assert sum("logged" in line for line in lines) == 1
    assert any("warned" in line for line in lines)
    assert lines[-1] == "> half"
    assert sum(line.startswith(">") for line in lines) == 1
    term.type(" more\r")
    term.until("got half more")
    assert term.end() == 0


def test_readline_that_is_timed_out_in_a_select_eats_nothing(app: Shell, terminal: Start) -> None:
    source(
        app,
        "from echosvc import channel, io, time\n\n\n"
        "async def main():\n"
        "    while True:\n"
        "        line = channel.case_call(io.readline, '> ')\n"
        "        r = await channel.select(line, time.after('200ms'))\n"
        "        if r.channel is line:\n"
        "            io.print('got', r.value)\n"
        "            return\n"
        "        io.print('timed out')\n",
        "time",
    )
    term = terminal("run", "hello")
    term.until(lambda: term.prompted)
    term.type("ha")
    term.until("> ha")
    before = sum(line == "timed out" for line in term.lines)
    term.until(lambda: sum(line == "timed out" for line in term.lines) > before)
    term.until("> ha")
    term.type("lf\r")
    term.until("got half")
    assert term.end() == 0


SERVICE = """
  - name: service
    kind: process.service
    process: app:worker
    host: app:terminal
    lifecycle:
      auto_start: true
      restart: {initial_delay: 10ms}
"""


def test_service_that_is_restarted_gets_the_next_line(app: Shell, terminal: Start) -> None:
    app.write("src/_index.yaml", MANIFEST + SERVICE)
    source(
        app,
        "from echosvc import io\n\n\n"
        "async def main():\n"
        "    while (line := await io.readline('> ')) is not None:\n"
        "        io.print('got', line)\n"
        "        if line == 'crash':\n"
        "            raise ValueError(line)\n",
    )
    term = terminal("run")
    term.until(lambda: term.prompted)
    term.type("crash\rone\rtwo\r")
    term.until("got two")
    got = [line for line in term.lines if line.startswith("got")]
    assert got == ["got crash", "got one", "got two"]
    term.until(lambda: term.prompted)
    term.type(CTRL_C)
    assert term.end() == 130
    assert term.modes() == term.before


def test_terminal_has_one_owner_and_a_second_is_refused(app: Shell, terminal: Start) -> None:
    source(
        app,
        "from echosvc import errors, io, process\n\n\n"
        "async def main():\n"
        "    try:\n"
        "        process.spawn('app:worker', 'app:terminal')\n"
        "    except errors.RateLimited as error:\n"
        "        io.print(error)\n"
        "    io.print('got', await io.readline('> '))\n",
    )
    term = terminal("run", "hello")
    term.until(lambda: term.prompted)
    assert any(
        line.startswith("the terminal of host app:terminal belongs to process {app:terminal|0x")
        for line in term.lines
    )
    term.type("still mine\r")
    term.until("got still mine")
    assert term.end() == 0


def test_command_for_a_terminal_that_a_service_has_is_refused_in_one_line(app: Shell) -> None:
    app.write("src/_index.yaml", MANIFEST + SERVICE)
    source(
        app,
        "from echosvc import io, process\n\n\n"
        "async def main():\n"
        "    await io.readline('> ')\n"
        "    await process.inbox().receive()\n",
        "process",
    )
    child = app.start("run", "-s", "hello")
    assert child.stdin is not None
    out, err = child.communicate()
    assert child.returncode == 1
    [line] = err.splitlines()
    assert line.startswith("error: the terminal of host app:terminal belongs to process")
    assert "one at a time" in line
    assert out in {"", "> "}, "nothing else, whether or not the service came to its prompt"


def test_crash_at_an_open_prompt_is_one_line_and_the_terminal_as_it_was(
    app: Shell, terminal: Start
) -> None:
    source(
        app,
        "from echosvc import coroutine, io, process\n\n\n"
        "async def fail():\n"
        "    await process.inbox().receive()\n"
        "    raise ValueError('no')\n\n\n"
        "async def main():\n"
        "    coroutine.spawn(fail)\n"
        "    await io.readline('> ', completer=go)\n\n\n"
        "def go(text):\n"
        "    process.send(process.pid(), 'go')\n"
        "    return []\n",
    )
    term = terminal("run", "hello")
    term.until(lambda: term.prompted)
    term.type("half\t")
    assert term.end() == 1
    assert term.modes() == term.before
    errors = [line for line in term.lines if "ValueError" in line]
    assert len(errors) == 1
    assert errors[0].startswith("error: ValueError: no, at src/cli.py:6 in fail; -vv shows")


def test_ctrl_c_at_a_half_typed_line_leaves_it_once(asking: Start) -> None:
    term = asking("-vv")
    term.type("half a line")
    term.until("> half a line")
    term.type(CTRL_C)
    assert term.end() == 130
    assert sum("half a line" in line for line in term.lines) == 1
    assert term.modes() == term.before
