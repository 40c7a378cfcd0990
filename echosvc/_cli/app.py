"""The commands put together, and the way in and out of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

import typer
from typer.main import get_command

from echosvc._cli import complete, exits, settings
from echosvc._cli.commands import Command, Group, Root, is_typers
from echosvc._cli.listing import put
from echosvc._cli.near import did_you_mean
from echosvc._version import __version__

PROGRAM: Final = "echosvc"
HELP_OPTIONS: Final = {"help_option_names": ["-h", "--help"]}
TAKES_ARGS: Final = "words"
"""The parameter of a command that hands words on to a process."""


def _say_version(value: bool) -> None:
    if value:
        put(f"{PROGRAM} {__version__}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option(
        "--version", callback=_say_version, is_eager=True, help="Say which version this is."
    ),
]


def _start(
    src: settings.Src = None,
    config: settings.Config = None,
    set: settings.Set = None,
    verbose: settings.Verbose = 0,
    silent: settings.Silent = False,
    log_format: settings.LogFormat = None,
    color: settings.Color = None,
    version: Version = False,
) -> None:
    """Supervised processes, channels and services from YAML manifests, on trio."""


def _command(function: Callable[..., object], **context: Any) -> Any:
    app = _typer()
    app.command(cls=Command, context_settings=context)(function)
    return get_command(app)


def _init() -> Any:
    from echosvc._cli.init import init

    return _command(init)


def _run() -> Any:
    from echosvc._cli.run import run

    return _command(run)


def _check() -> Any:
    from echosvc._cli.check import check

    return _command(check)


def _registry() -> Any:
    from echosvc._cli.registry import list_entries, show_entry

    app = _typer(cls=Group, help="List the entries, or show one.", no_args_is_help=True)
    app.command("list", cls=Command)(list_entries)
    app.command("show", cls=Command)(show_entry)
    return get_command(app)


def _tree() -> Any:
    from echosvc._cli.tree import tree

    return _command(tree)


def _completion() -> Any:
    return _command(complete.completion)


def _version() -> Any:
    from echosvc._cli.version import version

    return _command(version)


def _help() -> Any:
    from echosvc._cli.help import show_help

    return _command(show_help)


class Echosvc(Root):
    """The program; a command is imported and built when it is asked for."""

    makers = {  # noqa: RUF012 - nobody changes it
        "init": _init,
        "run": _run,
        "check": _check,
        "registry": _registry,
        "tree": _tree,
        "completion": _completion,
        "version": _version,
        "help": _help,
    }


def _typer(**options: Any) -> typer.Typer:
    return typer.Typer(
        rich_markup_mode=None,  # help without boxes, and without importing rich
        pretty_exceptions_enable=False,
        add_completion=False,  # `echosvc completion` does it, for bash with ids in one piece
        **options,
    )


def build() -> Any:
    """Return the whole command line as one command."""
    app = _typer(name=PROGRAM, cls=Echosvc, context_settings=HELP_OPTIONS, no_args_is_help=True)
    app.callback()(_start)
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
    message = error.message if hasattr(error, "option_name") else error.format_message()
    message = message.strip().rstrip(".")
    message = message[:1].lower() + message[1:]
    path = PROGRAM
    if getattr(error, "ctx", None):
        path = error.ctx.command_path
        if type(error).__name__ == "NoSuchOption":
            message += _instead_of(error)
    exits.say_error(f"error: {message} ('{path} --help' shows what there is)")
    return int(error.exit_code)


def _instead_of(error: Any) -> str:
    """Return what to write in place of an option that there isn't."""
    params = error.ctx.command.get_params(error.ctx)
    names = [name for each in params for name in each.opts if name.startswith("--")]
    near = did_you_mean(error.option_name, names)
    takes_args = any(each.name == TAKES_ARGS for each in params)
    instead = "what the process is to have stands behind `--`" if takes_args else ""
    return (near and f", {near}") + (instead and f"; {instead}")
