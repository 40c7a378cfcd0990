"""`echosvc help`: the same as `--help` behind a command."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from echosvc._cli import complete
from echosvc._cli.commands import Group
from echosvc._cli.exits import UsageFault
from echosvc._cli.listing import put
from echosvc._cli.near import did_you_mean


def show_help(
    ctx: typer.Context,
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[COMMAND]...", help="Which; without one: all.", autocompletion=complete.helped
        ),
    ] = None,
) -> None:
    """Say what there is, or what a command does and takes."""
    here: Any = ctx.find_root()
    for word in command or ():
        group = here.command if isinstance(here.command, Group) else None
        below: Any = group and group.get_command(here, word)
        if below is None:
            hint = did_you_mean(word, group.list_commands(here) if group else ())
            hint = hint or f"`{here.command_path} --help` shows what there is"
            raise UsageFault(f"{here.command_path} has no command {word!r}, {hint}")
        here = below.make_context(word, [], parent=here, resilient_parsing=True)
    put(here.get_help())
