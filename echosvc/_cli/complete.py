"""`echosvc completion`, and what Tab offers.

bash splits the line at ``:`` and ``=``, and puts an answer in the place of the last piece only.
So its script hands over the whole line, the words are found here, and an answer leaves out what
stands before the last piece already: ``-x app:te`` + Tab is answered with ``terminal/app:cli``.
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from echosvc._cli.listing import put
from echosvc._cli.settings import one_of

if TYPE_CHECKING:
    from echosvc._cli.scan import Seen

VARIABLE: Final = "_ECHOSVC_COMPLETE"
SHELLS: Final = ("bash", "zsh", "fish")
_BASH: Final = """\
_echosvc_completion() {
    local IFS=$'\\n'
    COMPREPLY=( $(_ECHOSVC_COMPLETE=complete_bash COMP_LINE="$COMP_LINE" COMP_POINT="$COMP_POINT" \\
        COMP_WORDBREAKS="$COMP_WORDBREAKS" "$1" 2>/dev/null) )
    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -o default -F _echosvc_completion echosvc\
"""


def completion(
    shell: Annotated[
        str,
        typer.Argument(
            metavar="|".join(SHELLS), help="Which.", autocompletion=lambda: list(SHELLS)
        ),
    ],
) -> None:
    """Print the script that makes Tab work in a shell.

    For bash: eval "$(echosvc completion bash)", in ~/.bashrc to have it always.
    """
    one_of("shell", shell, SHELLS)
    if shell == "bash":
        put(_BASH)
        return
    from typer._completion_shared import get_completion_script

    put(get_completion_script(prog_name="echosvc", complete_var=VARIABLE, shell=shell))


def answer(command: Any, instruction: str, program: str) -> bool:
    """Answer a shell's Tab if that is what the program was started for, and say whether it was."""
    if not instruction:
        return False
    from typer._completion_classes import BashComplete, completion_init

    completion_init()
    if instruction != "complete_bash" or "COMP_LINE" not in os.environ:
        return False  # the other shells' ways are typer's
    line = os.environ["COMP_LINE"]
    point = int(os.environ.get("COMP_POINT") or len(line))
    words, last, quoted = split(line[:point])
    found = BashComplete(command, {}, program, VARIABLE).get_completions(words[1:], last)
    # Within quotes bash doesn't split, and an answer takes the place of the whole word.
    breaks = "" if quoted else os.environ.get("COMP_WORDBREAKS", ":=")
    for item in found:
        put(rest(item.value, last, breaks))
    return True


def split(line: str) -> tuple[list[str], str, bool]:
    """Return the words of a line, the one that is being written, and if that has an open quote."""
    lexer = shlex.shlex(line, posix=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    try:
        words.extend(lexer)
    except ValueError:  # an open quote: what follows it is the word being written
        return words, lexer.token, True
    if not words or line[-1].isspace():
        return words, "", False
    return words[:-1], words[-1], False


def rest(value: str, written: str, breaks: str) -> str:
    """Return what bash is to put in the place of the last piece of what is `written`."""
    end = max((written.rfind(char) for char in breaks if not char.isspace()), default=-1)
    done = written[: end + 1]
    return value.removeprefix(done)


def _seen(ctx: typer.Context) -> list[Seen]:
    from echosvc._cli import scan

    given = ctx.params.get("src") or ctx.find_root().params.get("src")
    return scan.entries(scan.source_folder(given))


def processes(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return what `-x` can take: processes alone, and with each host that could run them."""
    seen = _seen(ctx)
    found = [each.id for each in seen if each.kind == "process.py"]
    kinds = ("terminal.host", "process.host") if "/" in incomplete else ("terminal.host",)
    hosts = [each.id for each in seen if each.kind in kinds]
    return found + [f"{host}/{each}" for host in hosts for each in found]


def hosts(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return what `--host` can take."""
    return [each.id for each in _seen(ctx) if each.kind in {"terminal.host", "process.host"}]


def commands(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return what `run` can be given first; nothing once it has it, or where -x says what runs."""
    if ctx.params.get("execute") or ctx.params.get("words"):
        return []
    return ["list", *(each.command for each in _seen(ctx) if each.command)]


def helped(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the commands that `help` can explain; nothing once it has one."""
    root: Any = ctx.find_root()
    return [] if ctx.params.get("command") else root.command.list_commands(root)


def entries(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the ids of all entries."""
    return [each.id for each in _seen(ctx)]


def kinds(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the kinds of all entries."""
    return sorted({each.kind for each in _seen(ctx) if each.kind})
