"""Writes docs/reference/cli.md from the commands themselves.

``python -m echosvc._cli.reference > docs/reference/cli.md``; a test holds the file to it.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from typing import Any, Final

from echosvc._cli import exits
from echosvc._cli.app import PROGRAM, build
from echosvc._cli.commands import name_of
from echosvc._cli.listing import put
from echosvc._cli.settings import SHARED

_HEAD: Final = """\
# The command line

What a command prints on stdout is data; what it says, its errors and the log go to stderr. An
error is one line that says what to do; `-vv` adds where it came from.

Without `--src` the folder with the manifests comes from `echosvc.lock`, looked for in the current
folder and then upwards:

```yaml
directories:
  src: ./src
```
"""

_TAIL: Final = """\
## Configuration

`echosvc.yaml` is optional and stands beside `echosvc.lock` (with `--src`: in the current folder).
`--config FILE` is read instead of it; of several, the later one wins, value by value. `--set
section.path=value` wins over all files, and an option of its own (`-v`, `-s`, `--log-format`) wins
over that.

```yaml
log:
  level: info            # debug, info, warn, error, off
  format: text           # text, json
shutdown:
  timeout: ${env:GRACE:-30s}
mailbox:
  size: 65536
```

| value | default | meaning |
|---|---|---|
| `log.level` | `info`; `warn` in a run with a terminal process | from where on is logged |
| `log.format` | `text` | how a record looks |
| `shutdown.timeout` | none | for stopping in order, all in all; then the rest is terminated |
| `mailbox.size` | `65536` | messages that an inbox takes in, where neither its host nor its entry \
says; `0` is no limit |

What is unknown or doesn't fit is a fault with its line and column, as in a manifest, and ends with
4; a `--set` or an `-o` that doesn't fit is a wrong command line and ends with 2. `${env:NAME}` and
`${env:NAME:-default}` stand for a variable here and in manifests; one that isn't set and has no
default is a fault.

## At a prompt

Where stdin and stdout are a terminal, lines are edited: the arrows, Ctrl-A and Ctrl-E, Ctrl-R for a
search, Tab where the application offers something. Each application has a history of its own, in
`$XDG_STATE_HOME/echosvc/NAME-NUMBER/history` by the folder of its manifests: the last 2,000 lines,
for you alone to read.

Several lines that are pasted stand in the editor as they are, and nothing is sent by pasting.
Enter sends them: each is an answer of its own, to this prompt and to those that follow, with a
place of its own in the history. Newlines at the end of a paste are left off.

Ctrl-D in an empty line ends the input, and what is printed next has a line of its own. Ctrl-Z stops
the program, at a prompt or while it works, and a SIGTSTP from elsewhere does the same: the terminal
is given back as it was found before the program stops, whatever the shell, and is taken again when
it comes back to the foreground.

Where stdin is a pipe or a file nobody is asked: the prompts of `io.readline` are not printed. What
`io.write` has written is data, and a line that is read completes an unfinished one, so that
`printf 'hello world\\n' | echosvc run -x app:terminal/app:cli` leaves a transcript of the echo
client.

## Stopping

The first Ctrl-C (or SIGTERM, or the terminal being closed) stops everything in order: services are
asked to end and have their `stop_timeout`. If that takes longer than a moment, it is said. The
second waits for nothing more. The third gives the terminal back as it was and ends the program
there and then, whatever it is doing. The one that came first decides the exit code. Before anything
has begun, while the program is still being loaded, the first one ends it, without a word; when all
is done, one that comes late changes the exit code no more.

## The log

`run` logs from INFO; with a process that has the terminal, from WARNING. `-v` is INFO, `-vv` is
DEBUG, `-s` is no log at all. While a prompt is open, lines appear above it.

A record is one line, with control characters and line ends in messages and values escaped. As
text:

    2026-03-01 12:00:00.123 INFO  app.relay {app:processes|0x00001} relay started workers=3

(without the date on a screen), where the traceback of a crash follows indented, except in a run
with a terminal process: there `-vv` shows it. As JSON, one object a line, always with the keys
`time` (UTC), `level`, `logger`, `pid` (null outside a process), `message`, `fields` and `error`
(null, or an object with `type`, `message` and `traceback`).

## Environment

| variable | meaning |
|---|---|
| `NO_COLOR` | not empty: no colours, unless `--color always` |
| `FORCE_COLOR` | not empty: colours, unless `NO_COLOR` or `--color never` |
| `TERM` | `dumb`: no colours and no line editing |
| `XDG_STATE_HOME` | below it the lines typed at prompts are kept; `~/.local/state` if not set |

## Tab

    eval "$(echosvc completion bash)"     # in ~/.bashrc; ids are completed across their colon
    echosvc completion zsh > ~/.zfunc/_echosvc
    echosvc completion fish > ~/.config/fish/completions/echosvc.fish
"""


def render() -> str:
    """Return the page."""
    parts = [_HEAD]
    root = build()
    with root.make_context(PROGRAM, [], resilient_parsing=True) as ctx:
        shared = [param for param in root.get_params(ctx) if param.name in SHARED]
        parts += ["\n## Options of every command\n\n", _table(ctx, shared), "\n"]
        parts.append(
            "They may stand before the command or after it. `echosvc --version` is "
            "`echosvc version`, and\n"
            "`-h` or `--help` behind any command is `echosvc help` with it.\n"
        )
        for name, command, below in _commands(root, ctx, PROGRAM):
            own = [param for param in command.get_params(below) if param.name not in SHARED]
            usage = " ".join([name, *command.collect_usage_pieces(below)])
            parts += [f"\n## {name}\n", f"\n    {usage}\n", f"\n{_prose(command.help)}\n"]
            if rows := _table(below, [param for param in own if param.name != "help"]):
                parts += ["\n", rows]
    parts += ["\n## Exit codes\n", "\n| code | meaning |\n|---|---|\n"]
    parts += [f"| {int(code)} | {_cell(meaning)} |\n" for code, meaning in exits.MEANINGS.items()]
    parts.append(
        "\nAn `int` that the process of `run -x` returns is the exit code; `True`, `None` and all "
        "else is 0,\nand an `int` that is no exit code (0 to 255) is 1, with a line that says so.\n"
        "\n[What the command line refuses](failures.md) has its failures with their words.\n"
    )
    parts += ["\n", _TAIL]
    return "".join(parts)


def _commands(group: Any, ctx: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        with command.make_context(name, [], parent=ctx, resilient_parsing=True) as below:
            if hasattr(command, "commands"):
                yield from _commands(command, below, f"{path} {name}")
            else:
                yield f"{path} {name}", command, below


def _table(ctx: Any, params: list[Any]) -> str:
    rows = []
    for param in params:
        record = param.get_help_record(ctx)
        if record is None:
            continue
        shown = name_of(param) if param.param_type_name == "argument" else record[0]
        rows.append(f"| `{_cell(shown)}` | {_cell(record[1])} |\n")
    return "".join(["| | |\n|---|---|\n", *rows]) if rows else ""


def _cell(text: str) -> str:
    return text.replace("  [required]", "").replace("|", "\\|")


def _prose(text: str) -> str:
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(textwrap.fill(each, 98, break_on_hyphens=False) for each in paragraphs)


if __name__ == "__main__":
    put(render().rstrip("\n"))
