"""The commands put together, and the way in and out of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Final

import typer
from typer.main import get_command

from echosvc._cli import complete, exits, settings
from echosvc._cli.check import check
from echosvc._cli.commands import Command, Group, Root, is_typers
from echosvc._cli.init import init
from echosvc._cli.registry import list_entries, show_entry
from echosvc._cli.run import run
from echosvc._cli.version import version

PROGRAM: Final = "echosvc"
HELP_OPTIONS: Final = {"help_option_names": ["-h", "--help"]}


def _start(
    src: settings.Src = None,
    verbose: settings.Verbose = 0,
    silent: settings.Silent = False,
    log_format: settings.LogFormat = None,
    color: settings.Color = None,
) -> None:
    """Supervised processes, channels and services from YAML manifests, on trio."""


def build() -> Any:
    """Return the whole command line as one command."""
    app = typer.Typer(
        name=PROGRAM,
        cls=Root,
        context_settings=HELP_OPTIONS,
        no_args_is_help=True,
        rich_markup_mode=None,  # help without boxes, and without importing rich
        pretty_exceptions_enable=False,
        add_completion=False,  # `echosvc completion` does it, for bash with ids in one piece
    )
    app.callback()(_start)
    app.command(cls=Command)(init)
    # What follows the first word is the process's, options too, as with `docker run`.
    app.command(cls=Command, context_settings={"allow_interspersed_args": False})(run)
    app.command(cls=Command)(check)
    registry = typer.Typer(
        name="registry",
        cls=Group,
        help="List the entries, or show one.",
        rich_markup_mode=None,
        no_args_is_help=True,
    )
    registry.command("list", cls=Command)(list_entries)
    registry.command("show", cls=Command)(show_entry)
    app.add_typer(registry)
    app.command(cls=Command)(complete.completion)
    app.command(cls=Command)(version)
    return get_command(app)


def main(args: Sequence[str] | None = None) -> int:
    """Run a command line, by default this process's, and return its exit code."""
    try:
        command = build()
        instruction = os.environ.get(complete.VARIABLE, "")
        if complete.answer(command, instruction, PROGRAM):
            return exits.flush_stdout(exits.DONE)
        code = command.main(args=args, prog_name=PROGRAM, standalone_mode=False)
    except SystemExit as stop:
        # typer ends so when nobody reads its help any more; everything else it returns.
        broken = isinstance(stop.__context__, BrokenPipeError)
        code = exits.BROKEN_PIPE if broken else stop.code
    except typer.Abort:
        code = exits.INTERRUPTED
    except Exception as error:
        if not is_typers(error):
            raise
        code = _usage(error)
    return exits.flush_stdout(code if isinstance(code, int) else exits.DONE)


def _usage(error: Any) -> int:
    """Say in one line what is wrong with the command line, and where its help is."""
    if type(error).__name__ == "NoArgsIsHelpError":
        exits.say(error.format_message())
        return exits.USAGE
    message = error.format_message().strip().rstrip(".")
    message = message[:1].lower() + message[1:]
    path = error.ctx.command_path if getattr(error, "ctx", None) else PROGRAM
    exits.say_error(f"error: {message} ('{path} --help' shows what there is)")
    return int(error.exit_code)
